//! The calls of the API function: API keys, the rate limit, prices, rates and their history.

use std::num::NonZeroU32;
use std::time::Duration;

use aws_sdk_dynamodb::config::Builder as ConfigBuilder;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use contract::items::attributes::{LAST_USED_AT, REQUEST_COUNT};
use contract::items::{
    METADATA, PK, SK, TTL, api_key_pk, history_sk, price_pk, rate_limit_sk, rate_pk,
};
use tokio::time::sleep;

use super::items::{
    Item, Reader, api_key_key, metadata_key, number, primary_key, read_api_key, read_price,
    read_rate, read_samples, text,
};
use super::status::StatusStore;
use super::table::{Consistency, Store};
use crate::api_key::{ApiKey, KeyId};
use crate::currency::ListedCurrency;
use crate::error::StoreError;
use crate::history::{Samples, Slot};
use crate::price::Price;
use crate::rate::Rate;
use crate::rate_limit::{Admission, Window};
use crate::symbol::Symbol;
use crate::timestamp::Timestamp;

/// The longest pause before the second attempt to count a request. Half of the pause is
/// random, so that processes that DynamoDB throttled together do not retry together.
const MAX_PAUSE: Duration = Duration::from_millis(50);

/// The calls of the API function to the table.
pub trait ApiStore: StatusStore {
    /// Reads a key with a strongly consistent read, which sees every completed change of the key.
    fn api_key(
        &self,
        key_id: &KeyId,
    ) -> impl Future<Output = Result<Option<ApiKey>, StoreError>> + Send;

    /// Writes the time of a key's last use, unless a use in this minute is already written or the
    /// key is deleted. The call is not retried, because a later use of the key writes a newer time.
    fn touch_api_key(
        &self,
        key_id: &KeyId,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Counts one request of a key in a window, unless the key has reached `limit`. An attempt that
    /// certainly had no effect is repeated once. After any other failure the request may be
    /// counted, so the caller must not repeat the call.
    fn count_request(
        &self,
        key_id: &KeyId,
        window: Window,
        limit: NonZeroU32,
    ) -> impl Future<Output = Result<Admission, StoreError>> + Send;

    /// Reads the prices of these coins, and the rate if one is requested. `symbols` has no
    /// duplicates.
    fn prices(
        &self,
        symbols: &[Symbol],
        rate: Option<ListedCurrency>,
    ) -> impl Future<Output = Result<PricesRead, StoreError>> + Send;

    /// Reads the price of a coin, and its samples since the start of the hour that contains
    /// `since`. An unreadable price is an error, and an unreadable sample is left out.
    fn price_history(
        &self,
        symbol: Symbol,
        since: Slot,
    ) -> impl Future<Output = Result<PriceHistory, StoreError>> + Send;

    /// Reads the rate of a currency and its samples, as [`Self::price_history`] does for a coin.
    fn rate_history(
        &self,
        currency: ListedCurrency,
        since: Slot,
    ) -> impl Future<Output = Result<RateHistory, StoreError>> + Send;
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct PricesRead {
    /// The stored prices, in any order.
    pub found: Vec<Price>,
    /// Coins whose price is unknown: DynamoDB left their keys unprocessed, or their items are
    /// unreadable. The table has no price of a coin that is in neither list.
    pub unread: Vec<Symbol>,
    pub rate: RateRead,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub enum RateRead {
    /// No rate was requested, or the table has none.
    #[default]
    None,
    /// DynamoDB left the key unprocessed, or the item is unreadable.
    Unread,
    Found(Rate),
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct PriceHistory {
    /// `None` if the table has no price.
    pub price: Option<Price>,
    /// US dollars for one coin.
    pub samples: Samples,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct RateHistory {
    /// `None` if the table has no rate.
    pub rate: Option<Rate>,
    /// The value of one US dollar in the currency.
    pub samples: Samples,
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
            // Without the first condition, the call would create an item for a deleted key.
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

    /// Uses `BatchGetItem`, which takes more keys than the catalogue has coins. A key that
    /// stays unprocessed, or an unreadable item, affects no other price.
    async fn prices(
        &self,
        symbols: &[Symbol],
        rate: Option<ListedCurrency>,
    ) -> Result<PricesRead, StoreError> {
        let coins = symbols.iter().map(|symbol| price_pk(symbol.as_str()));
        let rate_key = rate.map(|currency| rate_pk(currency.code()));
        let keys = coins.chain(rate_key.clone()).map(metadata_key).collect();
        let read = self.batch_get(keys, Consistency::Eventual).await?;
        let is_rate = |item: &Item| {
            let key = item.get(PK).and_then(|key| key.as_s().ok());
            rate_key.is_some() && key == rate_key.as_ref()
        };
        let mut prices = PricesRead {
            unread: named_by(symbols, &read.unprocessed),
            ..PricesRead::default()
        };
        if !read.unprocessed.is_empty() {
            let symbols = &prices.unread;
            tracing::error!(?symbols, "DynamoDB left prices unprocessed");
        }
        if read.unprocessed.iter().any(is_rate) {
            prices.rate = RateRead::Unread;
        }
        for item in &read.items {
            if is_rate(item) {
                prices.rate = match read_rate(item) {
                    Ok(rate) => RateRead::Found(rate),
                    Err(error) => {
                        tracing::error!(%error, "a stored rate is unreadable");
                        RateRead::Unread
                    }
                };
                continue;
            }
            match read_price(item) {
                Ok(price) => prices.found.push(price),
                Err(error) => {
                    tracing::error!(%error, "a stored price is unreadable");
                    let unread = named_by(symbols, std::slice::from_ref(item));
                    prices.unread.extend(unread);
                }
            }
        }
        Ok(prices)
    }

    async fn price_history(&self, symbol: Symbol, since: Slot) -> Result<PriceHistory, StoreError> {
        let (metadata, samples) = self.history(price_pk(symbol.as_str()), since).await?;
        let price = metadata.as_ref().map(read_price).transpose()?;
        Ok(PriceHistory { price, samples })
    }

    async fn rate_history(
        &self,
        currency: ListedCurrency,
        since: Slot,
    ) -> Result<RateHistory, StoreError> {
        let (metadata, samples) = self.history(rate_pk(currency.code()), since).await?;
        let rate = metadata.as_ref().map(read_rate).transpose()?;
        Ok(RateHistory { rate, samples })
    }
}

impl Store {
    /// Reads the samples and the item of a price or a rate. The item's sort key, `METADATA`, comes
    /// last. The samples of a week have about 42 KB, and one page of `Query` up to 1 MB.
    async fn history(
        &self,
        pk: String,
        since: Slot,
    ) -> Result<(Option<Item>, Samples), StoreError> {
        let mut metadata = None;
        let mut samples = Samples::new();
        let mut start = None;
        loop {
            let call = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("#pk = :pk AND #sk BETWEEN :since AND :metadata")
                .expression_attribute_names("#pk", PK)
                .expression_attribute_names("#sk", SK)
                .expression_attribute_values(":pk", text(&pk))
                .expression_attribute_values(":since", text(&history_sk(&since.hour())))
                .expression_attribute_values(":metadata", text(METADATA))
                .set_exclusive_start_key(start)
                .send();
            let page = self.send("Query", call).await?;
            for item in page.items.unwrap_or_default() {
                match read_samples(&item) {
                    Some(hour) => samples.extend(hour),
                    None => metadata = Some(item),
                }
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok((metadata, samples));
            }
        }
    }

    /// Makes one conditional ADD. DynamoDB evaluates the condition and adds in one step, so that
    /// concurrent callers together cannot exceed the limit.
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
            // The SDK's retries would repeat an ADD whose response was lost.
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
