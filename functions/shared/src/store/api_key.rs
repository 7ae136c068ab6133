//! API keys: the items that say who may ask.

use aws_sdk_dynamodb::config::Builder as ConfigBuilder;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::types::AttributeValue;
use contract::items::attributes as names;
use contract::items::{
    API_KEY_PREFIX, API_KEYS, GSI1, GSI1PK, GSI1SK, PK, TTL, api_key_gsi1_sk, api_key_pk,
};

use super::attributes::{Item, Reader, metadata_key, number, text};
use super::batch::{BATCH, Consistency};
use super::{Store, if_it_held};
use crate::api_key::{ApiKey, KeyId, SecretHash, TemporaryKey};
use crate::error::StoreError;
use crate::rate_limit::Window;
use crate::timestamp::Timestamp;

/// What became of a key that was to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// It is stored.
    Created,
    /// The table has a key of this id already; nothing was changed.
    AlreadyExists,
}

/// What became of a change to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// It is made.
    Changed,
    /// The table has no such key; nothing was changed.
    NoSuchKey,
}

/// What the table has at a key's place.
#[derive(Debug)]
pub enum Listed {
    /// A key.
    Key(Box<ApiKey>),
    /// An item that is none, and that the API takes for a failure of the table.
    Malformed {
        /// The id, by the item's partition key.
        key_id: String,
        /// What is wrong with it.
        error: StoreError,
    },
}

impl Store {
    /// Every key, the oldest first, and after them what is no key. The index may
    /// be a moment behind; what it names is read from the table itself.
    pub async fn list_api_keys(&self) -> Result<Vec<Listed>, StoreError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(GSI1)
            .key_condition_expression("#pk = :pk")
            .expression_attribute_names("#pk", GSI1PK)
            .expression_attribute_values(":pk", text(API_KEYS))
            .into_paginator()
            .items()
            .send();
        let mut wanted = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| StoreError::from_sdk("Query", &error))?;
            let pk = Reader::new("API key", &item).text(PK)?;
            wanted.push(metadata_key(pk.to_owned()));
        }
        let mut listed = Vec::with_capacity(wanted.len());
        for batch in wanted.chunks(BATCH) {
            let read = self.batch_get(batch.to_vec(), Consistency::Strong).await?;
            let items = read.complete()?;
            for item in &items {
                listed.push(Listed::from_item(item)?);
            }
        }
        // BatchGetItem answers in any order.
        listed.sort_by(|a, b| a.order().cmp(&b.order()));
        Ok(listed)
    }

    /// Lets a key in or keeps it out.
    pub async fn set_api_key_enabled(
        &self,
        key_id: &KeyId,
        enabled: bool,
    ) -> Result<Changed, StoreError> {
        self.set_api_key(key_id, names::ENABLED, AttributeValue::Bool(enabled))
            .await
    }

    /// Sets the first second at which a key is no longer accepted.
    pub async fn set_api_key_expiry(
        &self,
        key_id: &KeyId,
        expires_at: Timestamp,
    ) -> Result<Changed, StoreError> {
        self.set_api_key(key_id, names::EXPIRES_AT, text(&expires_at))
            .await
    }

    /// Removes a key. What its rate limit counted expires by itself.
    pub async fn delete_api_key(&self, key_id: &KeyId) -> Result<Changed, StoreError> {
        let answer = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(metadata_key(api_key_pk(key_id.as_str()))))
            .condition_expression("attribute_exists(#pk)")
            .expression_attribute_names("#pk", PK)
            .send()
            .await;
        Ok(match if_it_held("DeleteItem", answer)? {
            Some(_) => Changed::Changed,
            None => Changed::NoSuchKey,
        })
    }

    async fn set_api_key(
        &self,
        key_id: &KeyId,
        attribute: &str,
        value: AttributeValue,
    ) -> Result<Changed, StoreError> {
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(metadata_key(api_key_pk(key_id.as_str()))))
            .update_expression("SET #attribute = :value")
            // A deleted key must not come back as an item with one attribute.
            .condition_expression("attribute_exists(#pk)")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#attribute", attribute)
            .expression_attribute_values(":value", value)
            .send()
            .await;
        Ok(match if_it_held("UpdateItem", answer)? {
            Some(_) => Changed::Changed,
            None => Changed::NoSuchKey,
        })
    }

    /// Stores a new key; never replaces one.
    pub async fn create_api_key(&self, key: &ApiKey) -> Result<Created, StoreError> {
        self.put_api_key(to_item(key)).await
    }

    /// Stores a temporary key; never replaces one.
    pub(super) async fn create_temporary_key(
        &self,
        key: &TemporaryKey,
    ) -> Result<Created, StoreError> {
        self.put_api_key(to_temporary_item(key)).await
    }

    async fn put_api_key(&self, item: Item) -> Result<Created, StoreError> {
        let answer = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(#pk)")
            .expression_attribute_names("#pk", PK)
            .send()
            .await;
        Ok(match if_it_held("PutItem", answer)? {
            Some(_) => Created::Created,
            None => Created::AlreadyExists,
        })
    }

    /// Reads strongly consistent, so that a key works, or stops to, from the
    /// moment at which its change was written.
    pub(super) async fn api_key(&self, key_id: &KeyId) -> Result<Option<ApiKey>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(metadata_key(api_key_pk(key_id.as_str()))))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| StoreError::from_sdk("GetItem", &error))?;
        answer.item.as_ref().map(from_item).transpose()
    }

    pub(super) async fn touch_api_key(
        &self,
        key_id: &KeyId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(metadata_key(api_key_pk(key_id.as_str()))))
            .update_expression("SET #lastUsedAt = :now")
            // A deleted key must not come back as an item with one attribute.
            .condition_expression(
                "attribute_exists(#pk) AND \
                 (attribute_not_exists(#lastUsedAt) OR #lastUsedAt < :minute)",
            )
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#lastUsedAt", names::LAST_USED_AT)
            .expression_attribute_values(":now", text(&now))
            .expression_attribute_values(":minute", text(&Window::at(now).start()))
            .customize()
            // The next minute brings the next chance.
            .config_override(ConfigBuilder::new().retry_config(RetryConfig::disabled()))
            .send()
            .await;
        if_it_held("UpdateItem", answer)?;
        Ok(())
    }
}

impl Listed {
    fn from_item(item: &Item) -> Result<Self, StoreError> {
        let pk = Reader::new("API key", item).text(PK)?;
        Ok(match from_item(item) {
            Ok(key) => Self::Key(Box::new(key)),
            Err(error) => Self::Malformed {
                key_id: pk.strip_prefix(API_KEY_PREFIX).unwrap_or(pk).to_owned(),
                error,
            },
        })
    }

    /// Keys by their creation, then what is no key; both by their ids.
    fn order(&self) -> (bool, Option<Timestamp>, &str) {
        match self {
            Self::Key(key) => (false, Some(key.created_at), key.key_id.as_str()),
            Self::Malformed { key_id, .. } => (true, None, key_id),
        }
    }
}

/// Writes the item of a key that the index lists.
pub(super) fn to_item(key: &ApiKey) -> Item {
    let mut item = unlisted_item(key);
    let sort_key = api_key_gsi1_sk(&key.created_at.to_string(), key.key_id.as_str());
    item.insert(GSI1PK.to_owned(), text(API_KEYS));
    item.insert(GSI1SK.to_owned(), text(&sort_key));
    item
}

/// Writes the item of a key that no list shows and DynamoDB deletes by itself.
fn to_temporary_item(key: &TemporaryKey) -> Item {
    let mut item = unlisted_item(key.record());
    let ttl = number(&key.expires_at().unix_seconds());
    item.insert(TTL.to_owned(), ttl);
    item
}

fn unlisted_item(key: &ApiKey) -> Item {
    let key_id = key.key_id.as_str();
    let mut item = metadata_key(api_key_pk(key_id));
    let mut set = |name: &str, value| item.insert(name.to_owned(), value);
    set(names::KEY_ID, text(key_id));
    set(names::NAME, text(&key.name));
    set(names::CREATED_AT, text(&key.created_at));
    set(names::ENABLED, AttributeValue::Bool(key.enabled));
    set(names::SECRET_HASH, text(&key.secret_hash.to_hex()));
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

pub(super) fn from_item(item: &Item) -> Result<ApiKey, StoreError> {
    let item = Reader::new("API key", item);
    Ok(ApiKey {
        key_id: KeyId::parse(item.text(names::KEY_ID)?)
            .ok_or_else(|| item.malformed(names::KEY_ID))?,
        name: item.text(names::NAME)?.to_owned(),
        created_at: item.time(names::CREATED_AT)?,
        enabled: item.flag(names::ENABLED)?,
        last_used_at: item.optional_time(names::LAST_USED_AT)?,
        secret_hash: SecretHash::from_hex(item.text(names::SECRET_HASH)?)
            .ok_or_else(|| item.malformed(names::SECRET_HASH))?,
        expires_at: item.optional_time(names::EXPIRES_AT)?,
        rate_limit_per_minute: item.optional_number(names::RATE_LIMIT_PER_MINUTE)?,
    })
}
