//! API keys: the calls of operators, who manage clients' keys, and the calls of the checks, which
//! create and delete temporary keys.

use aws_sdk_dynamodb::types::AttributeValue;
use contract::items::attributes as names;
use contract::items::{API_KEY_PREFIX, API_KEYS, GSI1, GSI1PK, PK};

use super::items::{
    Item, Reader, api_key_item, api_key_key, metadata_key, read_api_key, temporary_key_item, text,
};
use super::table::{Consistency, MAX_BATCH, Store, WithDeadline};
use crate::api_key::{ApiKey, KeyId, TemporaryKey};
use crate::error::StoreError;
use crate::timestamp::Timestamp;

/// The calls of the verify function, and of a deploy's smoke test, to the table.
pub trait VerifyStore: WithDeadline {
    /// Stores a key for the requests of one check. Never replaces an existing key.
    fn create_temporary_key(
        &self,
        key: &TemporaryKey,
    ) -> impl Future<Output = Result<Created, StoreError>> + Send;

    fn delete_temporary_key(
        &self,
        key: &TemporaryKey,
    ) -> impl Future<Output = Result<Changed, StoreError>> + Send;
}

/// The result of storing a new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    Created,
    /// The table already has a key with this id; nothing was changed.
    AlreadyExists,
}

/// The result of changing or deleting a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    Changed,
    /// The table has no such key; nothing was changed.
    NoSuchKey,
}

/// An item in the list of keys.
#[derive(Debug)]
pub enum Listed {
    Key(Box<ApiKey>),
    /// An item that cannot be read as a key. Requests with this key get a 503.
    Malformed {
        /// The id in the item's partition key.
        key_id: String,
        /// The error that names the unreadable attribute.
        error: StoreError,
    },
}

impl Store {
    /// Lists every key, the oldest first, and then the items that cannot be read as a key. The ids
    /// come from the index, which may still lack a key that was just created. The other attributes
    /// come from the table.
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
        let mut keys = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| StoreError::from_sdk("Query", &error))?;
            let pk = Reader::new("API key", &item).text(PK)?;
            keys.push(metadata_key(pk.to_owned()));
        }
        let mut listed = Vec::with_capacity(keys.len());
        for batch in keys.chunks(MAX_BATCH) {
            let read = self.batch_get(batch.to_vec(), Consistency::Strong).await?;
            if !read.unprocessed.is_empty() {
                let operation = "BatchGetItem";
                return Err(StoreError::Throttled { operation });
            }
            for item in &read.items {
                listed.push(Listed::from_item(item)?);
            }
        }
        // BatchGetItem returns items in any order.
        listed.sort_by(|a, b| a.order().cmp(&b.order()));
        Ok(listed)
    }

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

    async fn set_api_key(
        &self,
        key_id: &KeyId,
        attribute: &str,
        value: AttributeValue,
    ) -> Result<Changed, StoreError> {
        let call = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(api_key_key(key_id)))
            .update_expression("SET #attribute = :value")
            // Without the condition, the call would create an item for a deleted key.
            .condition_expression("attribute_exists(#pk)")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#attribute", attribute)
            .expression_attribute_values(":value", value)
            .send();
        let response = self.send_conditional("UpdateItem", call).await?;
        Ok(response.map_or(Changed::NoSuchKey, |_| Changed::Changed))
    }

    /// Deletes a key. The counters of its requests expire by themselves.
    pub async fn delete_api_key(&self, key_id: &KeyId) -> Result<Changed, StoreError> {
        let call = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(api_key_key(key_id)))
            .condition_expression("attribute_exists(#pk)")
            .expression_attribute_names("#pk", PK)
            .send();
        let response = self.send_conditional("DeleteItem", call).await?;
        Ok(response.map_or(Changed::NoSuchKey, |_| Changed::Changed))
    }

    /// Stores a new key. Never replaces an existing key.
    pub async fn create_api_key(&self, key: &ApiKey) -> Result<Created, StoreError> {
        self.put_new_key(api_key_item(key)).await
    }

    async fn put_new_key(&self, item: Item) -> Result<Created, StoreError> {
        let call = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(#pk)")
            .expression_attribute_names("#pk", PK)
            .send();
        let response = self.send_conditional("PutItem", call).await?;
        Ok(response.map_or(Created::AlreadyExists, |_| Created::Created))
    }
}

impl VerifyStore for Store {
    async fn create_temporary_key(&self, key: &TemporaryKey) -> Result<Created, StoreError> {
        self.put_new_key(temporary_key_item(key)).await
    }

    async fn delete_temporary_key(&self, key: &TemporaryKey) -> Result<Changed, StoreError> {
        self.delete_api_key(key.key_id()).await
    }
}

impl Listed {
    pub fn key_id(&self) -> &str {
        match self {
            Self::Key(key) => key.key_id.as_str(),
            Self::Malformed { key_id, .. } => key_id,
        }
    }

    fn from_item(item: &Item) -> Result<Self, StoreError> {
        let pk = Reader::new("API key", item).text(PK)?;
        Ok(match read_api_key(item) {
            Ok(key) => Self::Key(Box::new(key)),
            Err(error) => Self::Malformed {
                key_id: pk.strip_prefix(API_KEY_PREFIX).unwrap_or(pk).to_owned(),
                error,
            },
        })
    }

    /// Returns the values by which the list is sorted: readable keys before malformed items, then
    /// the time of creation, then the id.
    fn order(&self) -> (bool, Option<Timestamp>, &str) {
        match self {
            Self::Key(key) => (false, Some(key.created_at), key.key_id.as_str()),
            Self::Malformed { key_id, .. } => (true, None, key_id),
        }
    }
}
