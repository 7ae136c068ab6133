//! Reads the table for the page: its items by kind, and the API keys with their remaining requests.

use std::collections::BTreeMap;

use anyhow::Context as _;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use contract::items::attributes::{
    ENABLED, KEY_ID, NAME, RATE_LIMIT_PER_MINUTE, REQUEST_COUNT, SECRET_HASH,
};
use contract::items::{
    API_KEY_PREFIX, HISTORY_PREFIX, METADATA, PK, RATE_LIMIT_PREFIX, SK, api_key_pk, rate_limit_sk,
};
use serde_json::{Map, Value, json};
use shared::rate_limit::Window;
use shared::timestamp::Timestamp;

/// The largest number of items shown of each kind. The items with the greatest sort keys are shown; in a
/// history, these are the newest items.
const MAX_SHOWN: usize = 60;

pub(super) struct Items {
    client: Client,
    table: String,
    /// Requests per minute of a key without a limit of its own.
    default_limit: Option<u64>,
}

type Item = Map<String, Value>;

impl Items {
    pub(super) fn new(client: Client, table: String, default_limit: Option<u64>) -> Self {
        Self {
            client,
            table,
            default_limit,
        }
    }

    pub(super) async fn read(&self) -> anyhow::Result<Value> {
        let mut kinds: BTreeMap<String, Vec<Item>> = BTreeMap::new();
        let scan = self.client.scan().table_name(&self.table);
        let mut items = scan.into_paginator().items().send();
        while let Some(item) = items.next().await {
            let item = item.context("reading the table")?;
            let item: Item = item
                .iter()
                .filter(|(name, _)| *name != SECRET_HASH)
                .map(|(name, value)| (name.clone(), to_json(value)))
                .collect();
            kinds.entry(kind(&item)).or_default().push(item);
        }
        let mut shown = Map::new();
        let key_items = kinds.values().flatten();
        let key_items: Vec<_> = key_items
            .filter(|item| text(item, PK).starts_with(API_KEY_PREFIX))
            .collect();
        let keys = self.keys(&key_items);
        for (kind, mut items) in kinds {
            items.sort_by(|left, right| text(right, SK).cmp(text(left, SK)));
            let count = items.len();
            items.truncate(MAX_SHOWN);
            shown.insert(kind, json!({"count": count, "items": items}));
        }
        Ok(json!({"kinds": shown, "keys": keys}))
    }

    /// Returns the API keys with their limits and the remaining requests of this minute. A key has an
    /// item for itself, and one for each minute in which it was used.
    fn keys(&self, key_items: &[&Item]) -> Vec<Value> {
        let window = rate_limit_sk(&Window::at(Timestamp::now()).minute());
        let keys = key_items.iter().filter(|item| text(item, SK) == METADATA);
        let rows = keys.map(|key| {
            let id = text(key, KEY_ID);
            let own = key.get(RATE_LIMIT_PER_MINUTE).and_then(Value::as_u64);
            let limit = own.or(self.default_limit);
            let count = key_items
                .iter()
                .find(|item| text(item, PK) == api_key_pk(id) && text(item, SK) == window);
            let count = count.and_then(|item| item.get(REQUEST_COUNT)?.as_u64());
            let left = limit.map(|limit| limit.saturating_sub(count.unwrap_or(0)));
            json!({
                "id": id,
                "name": key.get(NAME),
                "enabled": key.get(ENABLED),
                "limit": limit,
                "left": left,
            })
        });
        rows.collect()
    }
}

/// Returns the kind of an item by its keys, such as `PRICE` or `PRICE HISTORY`.
fn kind(item: &Item) -> String {
    let subject = text(item, PK).split('#').next().unwrap_or_default();
    let sk = text(item, SK);
    match [HISTORY_PREFIX, RATE_LIMIT_PREFIX]
        .into_iter()
        .find(|prefix| sk.starts_with(prefix))
    {
        Some(prefix) => format!("{subject} {}", prefix.trim_end_matches('#')),
        None => subject.to_owned(),
    }
}

fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    item.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Converts an attribute to JSON. Decimals and integers of more than 64 bits become text, because
/// JavaScript would round them.
fn to_json(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!(text),
        AttributeValue::N(number) => number
            .parse::<i64>()
            .map_or_else(|_| json!(number), |number| json!(number)),
        AttributeValue::Bool(value) => json!(value),
        AttributeValue::Null(_) => Value::Null,
        other => json!(format!("{other:?}")),
    }
}
