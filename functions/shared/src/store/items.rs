//! Conversion between the models and the table's items.

use std::collections::HashMap;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use contract::items::attributes as names;
use contract::items::{
    API_KEYS, GSI1PK, GSI1SK, HISTORY_PREFIX, METADATA, PK, SK, TTL, api_key_gsi1_sk, api_key_pk,
    history_sk, price_pk, rate_pk,
};

use crate::api_key::{ApiKey, KeyId, SecretHash, TemporaryKey};
use crate::currency::ListedCurrency;
use crate::decimal::Decimal;
use crate::error::StoreError;
use crate::history::{Samples, Slot};
use crate::price::Price;
use crate::rate::Rate;
use crate::symbol::Symbol;
use crate::timestamp::Timestamp;

/// An item, or the key of an item, as the SDK takes and returns it.
pub type Item = HashMap<String, AttributeValue>;

/// Makes the primary key of an item whose sort key is [`METADATA`].
pub(super) fn metadata_key(pk: String) -> Item {
    primary_key(pk, METADATA.to_owned())
}

pub(super) fn primary_key(pk: String, sk: String) -> Item {
    HashMap::from([
        (PK.to_owned(), AttributeValue::S(pk)),
        (SK.to_owned(), AttributeValue::S(sk)),
    ])
}

/// Makes a value of type S.
pub(super) fn text(value: &(impl ToString + ?Sized)) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

/// Makes a value of type N.
pub(super) fn number(value: &impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub fn price_item(price: &Price) -> Item {
    let mut item = metadata_key(price_pk(price.symbol.as_str()));
    let mut set = |name: &str, value| item.insert(name.to_owned(), value);
    set(names::SYMBOL, text(&price.symbol));
    set(names::NAME, text(price.symbol.name()));
    set(names::PRICE, number(&price.price));
    if let Some(change) = &price.change_24h {
        set(names::CHANGE_24H, number(change));
    }
    if let Some(market_cap) = &price.market_cap {
        set(names::MARKET_CAP, number(market_cap));
    }
    if let Some(volume) = &price.volume_24h {
        set(names::VOLUME_24H, number(volume));
    }
    set(names::LAST_UPDATED, text(&price.last_updated));
    set(names::FETCHED_AT, text(&price.fetched_at));
    set(TTL, number(&price.expires_at().unix_seconds()));
    item
}

pub fn read_price(item: &Item) -> Result<Price, StoreError> {
    let item = Reader::new("price", item);
    Ok(Price {
        symbol: item.required(names::SYMBOL, |value| Symbol::find(value.as_s().ok()?))?,
        price: item.required(names::PRICE, read_decimal)?,
        change_24h: item.optional(names::CHANGE_24H, read_decimal)?,
        market_cap: item.optional(names::MARKET_CAP, read_decimal)?,
        volume_24h: item.optional(names::VOLUME_24H, read_decimal)?,
        last_updated: item.time(names::LAST_UPDATED)?,
        fetched_at: item.time(names::FETCHED_AT)?,
    })
}

pub fn rate_item(rate: &Rate) -> Item {
    let mut item = metadata_key(rate_pk(rate.currency.code()));
    let mut set = |name: &str, value| item.insert(name.to_owned(), value);
    set(names::CURRENCY, text(&rate.currency));
    set(names::RATE, number(&rate.value));
    if let Some(change) = &rate.change_24h {
        set(names::CHANGE_24H, number(change));
    }
    set(names::LAST_UPDATED, text(&rate.last_updated));
    set(names::FETCHED_AT, text(&rate.fetched_at));
    set(TTL, number(&rate.expires_at().unix_seconds()));
    item
}

pub(super) fn read_rate(item: &Item) -> Result<Rate, StoreError> {
    let item = Reader::new("rate", item);
    let positive = |value: &_| read_decimal(value).filter(Decimal::is_positive);
    Ok(Rate {
        currency: item.required(names::CURRENCY, |value| {
            ListedCurrency::find(value.as_s().ok()?)
        })?,
        value: item.required(names::RATE, positive)?,
        change_24h: item.optional(names::CHANGE_24H, read_decimal)?,
        last_updated: item.time(names::LAST_UPDATED)?,
        fetched_at: item.time(names::FETCHED_AT)?,
    })
}

/// Makes the key of the item with the samples of one hour. `pk` is the partition key of a price or
/// a rate.
pub(super) fn history_key(pk: String, slot: Slot) -> Item {
    primary_key(pk, history_sk(&slot.hour()))
}

/// Makes the items of these samples, one item for each hour.
pub fn history_items(pk: &str, samples: &Samples) -> Vec<Item> {
    let mut hours: HashMap<String, Item> = HashMap::new();
    for (slot, value) in samples {
        let item = hours
            .entry(slot.hour())
            .or_insert_with(|| history_key(pk.to_owned(), *slot));
        item.insert(slot.attribute().to_owned(), number(value));
        item.insert(TTL.to_owned(), number(&slot.expires_at().unix_seconds()));
    }
    hours.into_values().collect()
}

/// Reads the samples of one hour; `None` if the item is that of a price or a rate itself. An
/// unreadable sample is logged and left out.
pub(super) fn read_samples(item: &Item) -> Option<Samples> {
    let hour = item.get(SK)?.as_s().ok()?.strip_prefix(HISTORY_PREFIX)?;
    let mut samples = Samples::new();
    for (attribute, value) in item {
        let Some(slot) = Slot::parse(hour, attribute) else {
            continue;
        };
        let value = read_decimal(value).filter(Decimal::is_positive);
        if value.is_none() {
            tracing::error!(hour, attribute, "a stored sample is unreadable");
        }
        samples.extend(value.map(|value| (slot, value)));
    }
    Some(samples)
}

/// Makes the item of a client's API key, with the attributes by which the index lists it.
pub(super) fn api_key_item(key: &ApiKey) -> Item {
    let mut item = unlisted_key_item(key);
    let sort_key = api_key_gsi1_sk(&key.created_at.to_string(), key.key_id.as_str());
    item.insert(GSI1PK.to_owned(), text(API_KEYS));
    item.insert(GSI1SK.to_owned(), text(&sort_key));
    item
}

/// Makes the item of a temporary API key: the index does not list it, and DynamoDB deletes it.
pub(super) fn temporary_key_item(key: &TemporaryKey) -> Item {
    let mut item = unlisted_key_item(key.record());
    let ttl = number(&key.expires_at().unix_seconds());
    item.insert(TTL.to_owned(), ttl);
    item
}

fn unlisted_key_item(key: &ApiKey) -> Item {
    let mut item = api_key_key(&key.key_id);
    let mut set = |name: &str, value| item.insert(name.to_owned(), value);
    set(names::KEY_ID, text(&key.key_id));
    set(names::NAME, text(&key.name));
    set(names::CREATED_AT, text(&key.created_at));
    set(names::ENABLED, AttributeValue::Bool(key.enabled));
    set(names::SECRET_HASH, text(key.secret_hash.as_hex()));
    if let Some(time) = key.last_used_at {
        set(names::LAST_USED_AT, text(&time));
    }
    if let Some(time) = key.expires_at {
        set(names::EXPIRES_AT, text(&time));
    }
    if let Some(limit) = key.rate_limit_per_minute {
        set(names::RATE_LIMIT_PER_MINUTE, number(&limit));
    }
    item
}

pub(super) fn api_key_key(key_id: &KeyId) -> Item {
    metadata_key(api_key_pk(key_id.as_str()))
}

pub(super) fn read_api_key(item: &Item) -> Result<ApiKey, StoreError> {
    let item = Reader::new("API key", item);
    Ok(ApiKey {
        key_id: item.required(names::KEY_ID, |value| KeyId::parse(value.as_s().ok()?))?,
        name: item.text(names::NAME)?.to_owned(),
        created_at: item.time(names::CREATED_AT)?,
        enabled: item.required(names::ENABLED, |value| value.as_bool().ok().copied())?,
        last_used_at: item.optional_time(names::LAST_USED_AT)?,
        secret_hash: item.required(names::SECRET_HASH, |value| {
            SecretHash::from_hex(value.as_s().ok()?)
        })?,
        expires_at: item.optional_time(names::EXPIRES_AT)?,
        rate_limit_per_minute: item.optional_number(names::RATE_LIMIT_PER_MINUTE)?,
    })
}

/// Reads the attributes of one item. Each error names the kind of the item and the attribute.
pub(super) struct Reader<'a> {
    kind: &'static str,
    item: &'a Item,
}

impl<'a> Reader<'a> {
    pub(super) fn new(kind: &'static str, item: &'a Item) -> Self {
        Self { kind, item }
    }

    /// Reads a value of type S.
    pub(super) fn text(&self, attribute: &'static str) -> Result<&'a str, StoreError> {
        self.required(attribute, |value| Some(value.as_s().ok()?.as_str()))
    }

    /// Reads an RFC 3339 time of type S.
    pub(super) fn time(&self, attribute: &'static str) -> Result<Timestamp, StoreError> {
        self.required(attribute, read_time)
    }

    /// Reads an RFC 3339 time of type S that may be absent.
    pub(super) fn optional_time(
        &self,
        attribute: &'static str,
    ) -> Result<Option<Timestamp>, StoreError> {
        self.optional(attribute, read_time)
    }

    /// Reads a value of type N.
    pub(super) fn number<T: FromStr>(&self, attribute: &'static str) -> Result<T, StoreError> {
        self.required(attribute, read_number)
    }

    /// Reads a value of type N that may be absent.
    pub(super) fn optional_number<T: FromStr>(
        &self,
        attribute: &'static str,
    ) -> Result<Option<T>, StoreError> {
        self.optional(attribute, read_number)
    }

    /// Reads a value by `read`, which returns `None` for a value of another type or form.
    pub(super) fn required<T>(
        &self,
        attribute: &'static str,
        read: impl FnOnce(&'a AttributeValue) -> Option<T>,
    ) -> Result<T, StoreError> {
        self.optional(attribute, read)?
            .ok_or_else(|| self.malformed(attribute))
    }

    /// Reads a value that may be absent, otherwise like [`Self::required`].
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

    fn malformed(&self, attribute: &'static str) -> StoreError {
        StoreError::MalformedItem {
            item: self.kind,
            attribute,
        }
    }
}

fn read_time(value: &AttributeValue) -> Option<Timestamp> {
    Timestamp::parse(value.as_s().ok()?).ok()
}

fn read_decimal(value: &AttributeValue) -> Option<Decimal> {
    Decimal::parse(value.as_n().ok()?).ok()
}

fn read_number<T: FromStr>(value: &AttributeValue) -> Option<T> {
    value.as_n().ok()?.parse().ok()
}
