//! Tags, as the list or the map that a resource type requires.

use std::collections::BTreeMap;

use serde::Serialize;

/// A tag in the form of most resource types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    pub key: String,
    pub value: String,
}

/// The tags of a stack and its resources.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags(BTreeMap<String, String>);

impl FromIterator<(String, String)> for Tags {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Tags(pairs.into_iter().collect())
    }
}

impl Tags {
    pub fn new<const N: usize>(pairs: [(&str, &str); N]) -> Self {
        Tags(
            pairs
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        )
    }

    /// Returns the tags as a list, in the order of their keys.
    pub fn list(&self) -> Vec<Tag> {
        self.0
            .iter()
            .map(|(key, value)| Tag {
                key: key.clone(),
                value: value.clone(),
            })
            .collect()
    }

    /// Returns the tags as a map, the form of API Gateway v2.
    pub fn map(&self) -> BTreeMap<String, String> {
        self.0.clone()
    }
}
