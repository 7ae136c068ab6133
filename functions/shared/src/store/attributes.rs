//! Items in the SDK's form, read and written attribute by attribute.

use std::collections::HashMap;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use contract::items::{METADATA, PK, SK};

use crate::error::StoreError;
use crate::timestamp::Timestamp;

/// An item as the SDK takes and gives it.
pub(super) type Item = HashMap<String, AttributeValue>;

/// The key of an item that is the only one of its kind in its partition.
pub(super) fn metadata_key(pk: String) -> Item {
    HashMap::from([
        (PK.to_owned(), AttributeValue::S(pk)),
        (SK.to_owned(), text(METADATA)),
    ])
}

/// A value of type S.
pub(super) fn text(value: &(impl ToString + ?Sized)) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

/// A value of type N.
pub(super) fn number(value: &impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Reads the attributes of one item; each error names the item's kind and the
/// attribute.
pub(super) struct Reader<'a> {
    kind: &'static str,
    item: &'a Item,
}

impl<'a> Reader<'a> {
    pub(super) fn new(kind: &'static str, item: &'a Item) -> Self {
        Self { kind, item }
    }

    /// A value of type S.
    pub(super) fn text(&self, attribute: &'static str) -> Result<&'a str, StoreError> {
        self.required(attribute, self.optional_text(attribute)?)
    }

    /// A value of type S that may be absent.
    pub(super) fn optional_text(
        &self,
        attribute: &'static str,
    ) -> Result<Option<&'a str>, StoreError> {
        self.optional(attribute, |value| Some(value.as_s().ok()?.as_str()))
    }

    /// An RFC 3339 time of type S.
    pub(super) fn time(&self, attribute: &'static str) -> Result<Timestamp, StoreError> {
        self.required(attribute, self.optional_time(attribute)?)
    }

    /// An RFC 3339 time of type S that may be absent.
    pub(super) fn optional_time(
        &self,
        attribute: &'static str,
    ) -> Result<Option<Timestamp>, StoreError> {
        self.optional(attribute, |value| Timestamp::parse(value.as_s().ok()?).ok())
    }

    /// A value of type N.
    pub(super) fn number<T: FromStr>(&self, attribute: &'static str) -> Result<T, StoreError> {
        self.required(attribute, self.optional_number(attribute)?)
    }

    /// A value of type N that may be absent.
    pub(super) fn optional_number<T: FromStr>(
        &self,
        attribute: &'static str,
    ) -> Result<Option<T>, StoreError> {
        self.optional(attribute, |value| value.as_n().ok()?.parse().ok())
    }

    /// A value of type BOOL.
    pub(super) fn flag(&self, attribute: &'static str) -> Result<bool, StoreError> {
        let flag = self.optional(attribute, |value| value.as_bool().ok().copied())?;
        self.required(attribute, flag)
    }

    /// A value of any type that may be absent, in the reader's form.
    pub(super) fn optional<T>(
        &self,
        attribute: &'static str,
        read: impl FnOnce(&'a AttributeValue) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        self.item
            .get(attribute)
            .map(|value| read(value).ok_or_else(|| self.malformed(attribute)))
            .transpose()
    }

    /// The error of this item that names an attribute.
    pub(super) fn malformed(&self, attribute: &'static str) -> StoreError {
        StoreError::MalformedItem {
            item: self.kind,
            attribute,
        }
    }

    fn required<T>(&self, attribute: &'static str, value: Option<T>) -> Result<T, StoreError> {
        value.ok_or_else(|| self.malformed(attribute))
    }
}
