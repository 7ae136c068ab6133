//! The calls of the API function: API keys, the rate limit and prices.

use std::num::NonZeroU32;
use std::time::Duration;

use aws_sdk_dynamodb::config::Builder as ConfigBuilder;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use contract::items::attributes::{LAST_USED_AT, REQUEST_COUNT};
use contract::items::{PK, TTL, api_key_pk, price_pk, rate_limit_sk};
use tokio::time::sleep;

use super::items::{
    Item, Reader, api_key_key, metadata_key, number, primary_key, read_api_key, read_price, text,
};
use super::status::StatusStore;
use super::table::{Consistency, Store};
use crate::api_key::{ApiKey, KeyId};
use crate::error::StoreError;
use crate::price::Price;
use crate::rate_limit::{Admission, Window};
use crate::symbol::Symbol;
use crate::timestamp::Timestamp;

/// The longest pause before the second attempt to count a request. Half of the pause is
/// random, so that processes that DynamoDB throttled together do not return together.
const MAX_PAUSE: Duration = Duration::from_millis(50);

/// The calls of the API function to the table.
pub trait ApiStore: StatusStore {
    /// Reads a key, strongly consistent: a change of the key applies to the next read.
    fn api_key(
        &self,
        key_id: &KeyId,
    ) -> impl Future<Output = Result<Option<ApiKey>, StoreError>> + Send;

    /// Notes that a key was used, unless a use in this minute is noted already or the key is
    /// deleted. The call is not retried: the next minute brings another one.
    fn touch_api_key(
        &self,
        key_id: &KeyId,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Counts one request of a key against its limit in a window, atomically. An attempt that
    /// certainly had no effect is repeated once. After any other failure the request may be
    /// counted, so the caller must not repeat the call.
    fn count_request(
        &self,
        key_id: &KeyId,
        window: Window,
        limit: NonZeroU32,
    ) -> impl Future<Output = Result<Admission, StoreError>> + Send;

    /// Reads the prices of these coins, each coin at most once.
    fn prices(
        &self,
        symbols: &[Symbol],
    ) -> impl Future<Output = Result<PricesRead, StoreError>> + Send;
}

/// The result of reading prices.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PricesRead {
    /// The stored prices, in any order.
    pub found: Vec<Price>,
    /// Coins whose price is unknown: DynamoDB left their keys unprocessed, or their items are
    /// unreadable. Coins in neither list have no price.
    pub unread: Vec<Symbol>,
}

impl ApiStore for Store {
    async fn api_key(&self, key_id: &KeyId) -> Result<Option<ApiKey>, StoreError> {
        let call = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(api_key_key(key_id)))
            .consistent_read(true)
            .send();
        let response = self.send("GetItem", call).await?;
        response.item.as_ref().map(read_api_key).transpose()
    }

    async fn touch_api_key(&self, key_id: &KeyId, now: Timestamp) -> Result<(), StoreError> {
        let call = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(api_key_key(key_id)))
            .update_expression("SET #lastUsedAt = :now")
            // Without the first condition the update would create an item for a deleted key.
            .condition_expression(
                "attribute_exists(#pk) AND \
                 (attribute_not_exists(#lastUsedAt) OR #lastUsedAt < :minute)",
            )
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#lastUsedAt", LAST_USED_AT)
            .expression_attribute_values(":now", text(&now))
            .expression_attribute_values(":minute", text(&Window::at(now).start()))
            .customize()
            .config_override(ConfigBuilder::new().retry_config(RetryConfig::disabled()))
            .send();
        self.send_conditional("UpdateItem", call).await?;
        Ok(())
    }

    async fn count_request(
        &self,
        key_id: &KeyId,
        window: Window,
        limit: NonZeroU32,
    ) -> Result<Admission, StoreError> {
        match self.try_to_count(key_id, window, limit).await {
            Err(error) if error.had_no_effect() => {
                tracing::warn!(%error, "the limiter makes a second attempt");
                let pause = MAX_PAUSE.mul_f64(0.5 + fastrand::f64() / 2.0);
                self.in_time("UpdateItem", sleep(pause)).await?;
                self.try_to_count(key_id, window, limit).await
            }
            admission => admission,
        }
    }

    /// Makes one `BatchGetItem`: the catalogue has fewer coins than the call takes keys. A key
    /// that stays unprocessed, or an unreadable item, affects no other price.
    async fn prices(&self, symbols: &[Symbol]) -> Result<PricesRead, StoreError> {
        let keys = symbols
            .iter()
            .map(|symbol| metadata_key(price_pk(symbol.as_str())))
            .collect();
        let read = self.batch_get(keys, Consistency::Eventual).await?;
        let mut unread = named_by(symbols, &read.unprocessed);
        if !unread.is_empty() {
            tracing::error!(symbols = ?unread, "DynamoDB left prices unprocessed");
        }
        let mut found = Vec::with_capacity(read.items.len());
        for item in &read.items {
            match read_price(item) {
                Ok(price) => found.push(price),
                Err(error) => {
                    tracing::error!(%error, "a stored price is unreadable");
                    unread.extend(named_by(symbols, std::slice::from_ref(item)));
                }
            }
        }
        Ok(PricesRead { found, unread })
    }
}

impl Store {
    /// Makes one conditional ADD. DynamoDB evaluates the condition and adds in one step, so
    /// that no number of concurrent callers can exceed the limit.
    async fn try_to_count(
        &self,
        key_id: &KeyId,
        window: Window,
        limit: NonZeroU32,
    ) -> Result<Admission, StoreError> {
        let key = primary_key(api_key_pk(key_id.as_str()), rate_limit_sk(&window.minute()));
        let call = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key))
            .update_expression("SET #ttl = :ttl ADD #count :one")
            .condition_expression("attribute_not_exists(#count) OR #count < :limit")
            .expression_attribute_names("#count", REQUEST_COUNT)
            .expression_attribute_names("#ttl", TTL)
            .expression_attribute_values(":one", number(&1))
            .expression_attribute_values(":limit", number(&limit))
            .expression_attribute_values(":ttl", number(&window.expires_at().unix_seconds()))
            .return_values(ReturnValue::UpdatedNew)
            .customize()
            // The SDK would also repeat an ADD whose response was lost.
            .config_override(ConfigBuilder::new().retry_config(RetryConfig::disabled()))
            .send();
        let Some(response) = self.send_conditional("UpdateItem", call).await? else {
            return Ok(Admission::Refused);
        };
        let counted = response.attributes.unwrap_or_default();
        let count = Reader::new("rate limit", &counted).number(REQUEST_COUNT)?;
        Ok(Admission::Admitted { count })
    }
}

/// Returns the coins whose partition keys are in these items.
fn named_by(symbols: &[Symbol], items: &[Item]) -> Vec<Symbol> {
    let is_named = |symbol: &Symbol| {
        let key = AttributeValue::S(price_pk(symbol.as_str()));
        items.iter().any(|item| item.get(PK) == Some(&key))
    };
    symbols.iter().copied().filter(is_named).collect()
}
