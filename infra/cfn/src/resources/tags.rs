//! Tags, in the two forms that resource types take them.

use std::collections::BTreeMap;

use serde::Serialize;

/// One tag, as most resource types take it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    pub key: String,
    pub value: String,
}

/// The tags of a stack and of everything in it. Each property struct takes them
/// in its own form, so that a type which can be tagged cannot be forgotten.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags(BTreeMap<String, String>);

impl FromIterator<(String, String)> for Tags {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Tags(pairs.into_iter().collect())
    }
}

impl Tags {
    /// Tags from pairs of name and value.
    pub fn new<const N: usize>(pairs: [(&str, &str); N]) -> Self {
        Tags(
            pairs
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        )
    }

    /// As a list of `Key` and `Value`, by name.
    pub fn list(&self) -> Vec<Tag> {
        self.0
            .iter()
            .map(|(key, value)| Tag {
                key: key.clone(),
                value: value.clone(),
            })
            .collect()
    }

    /// As a map, which is API Gateway v2's form.
    pub fn map(&self) -> BTreeMap<String, String> {
        self.0.clone()
    }
}
