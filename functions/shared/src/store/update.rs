//! The calls of the update function: prices and the status of its runs.

use std::collections::HashMap;

use aws_sdk_dynamodb::config::Builder as ConfigBuilder;
use aws_sdk_dynamodb::config::interceptors::InterceptorContext;
use aws_sdk_dynamodb::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason, Put, TransactWriteItem};
use contract::catalogue::COINS;
use contract::items::STATUS_UPDATE;
use contract::items::attributes as names;

use super::items::{Item, metadata_key, number, price_item, text};
use super::status::StatusStore;
use super::table::Store;
use crate::error::StoreError;
use crate::price::Price;
use crate::symbol::Symbol;
use crate::timestamp::Timestamp;

/// The calls of the update function to the table.
pub trait UpdateStore: StatusStore {
    /// Stores a price, unless the table keeps its own ([`Price::is_refused_by`]). The same
    /// price again renews its `fetchedAt`.
    fn put_price(&self, price: &Price) -> impl Future<Output = Result<Stored, StoreError>> + Send;

    /// Stores all of these prices, each on the condition of [`Self::put_price`], or none of
    /// them. The list is not empty and names no coin twice. After a failure the prices may be
    /// stored or not; storing them again does no harm. The call costs twice as many write units
    /// as one call for each price.
    fn put_prices(
        &self,
        prices: &[Price],
    ) -> impl Future<Output = Result<StoredTogether, StoreError>> + Send;

    /// Records a run that confirmed at least one price. The record of a run that began later
    /// stays, and the time of the newest price never moves back.
    fn record_success(
        &self,
        run: &UpdateSuccess,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Records a run that started at this time and found only newer prices in the table. The
    /// record of the last success stays, because the run confirmed no price. The error code of
    /// an earlier run is removed, because the run did not fail. The record of a run that began
    /// later stays.
    fn record_superseded(
        &self,
        started_at: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Records a run that failed and confirmed no price. The record of the last success stays,
    /// and so does the record of a run that began later.
    fn record_failure(
        &self,
        run: &UpdateFailure,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// The result of storing a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// The price is stored, or was stored already and its `fetchedAt` is renewed.
    Stored,
    /// The table keeps its own ([`Price::is_refused_by`]); nothing was changed.
    OlderThanStored,
}

/// The result of storing prices together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredTogether {
    /// Each price is stored, or was stored already and its `fetchedAt` is renewed.
    All,
    /// No price is stored. One call for each of the other prices may still succeed.
    None {
        /// The coins whose prices the table keeps.
        superseded: Vec<Symbol>,
    },
}

/// A run that confirmed at least one price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateSuccess {
    pub started_at: Timestamp,
    pub finished_at: Timestamp,
    /// The newest provider's time of the confirmed prices.
    pub newest_price: Timestamp,
    pub stored: u32,
    pub skipped: u32,
    /// Names of the providers that served the prices.
    pub provider: String,
    pub duration_ms: u64,
}

/// A run that confirmed no price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateFailure {
    pub started_at: Timestamp,
    /// Short, stable code of the error.
    pub error_code: String,
}

/// Condition of a write: the opposite of [`Price::is_refused_by`]. The times are texts that
/// sort like times.
const IS_NOT_REFUSED: &str = "attribute_not_exists(#fetched) OR (#fetched <= :fetched AND \
                              (#updated <= :updated OR #fetched <= :holdsSince))";

/// Returns the attribute names of [`IS_NOT_REFUSED`].
fn condition_names() -> HashMap<String, String> {
    HashMap::from([
        ("#updated".to_owned(), names::LAST_UPDATED.to_owned()),
        ("#fetched".to_owned(), names::FETCHED_AT.to_owned()),
    ])
}

/// Returns the values of [`IS_NOT_REFUSED`].
fn condition_values(price: &Price) -> Item {
    HashMap::from([
        (":updated".to_owned(), text(&price.last_updated)),
        (":fetched".to_owned(), text(&price.fetched_at)),
        (":holdsSince".to_owned(), text(&price.holds_since())),
    ])
}

// All prices of a run are one transaction, which takes at most 100 items:
// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>.
const _: () = assert!(COINS.len() <= 100);

impl UpdateStore for Store {
    async fn put_price(&self, price: &Price) -> Result<Stored, StoreError> {
        let call = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(price_item(price)))
            .condition_expression(IS_NOT_REFUSED)
            .set_expression_attribute_names(Some(condition_names()))
            .set_expression_attribute_values(Some(condition_values(price)))
            .customize()
            .config_override(ConfigBuilder::new().retry_classifier(RetryConflicts))
            .send();
        Ok(match self.send_conditional("PutItem", call).await? {
            Some(_) => Stored::Stored,
            None => Stored::OlderThanStored,
        })
    }

    /// Makes one `TransactWriteItems`. The SDK repeats its token in every attempt, so that
    /// DynamoDB does not take a second attempt for a second transaction.
    async fn put_prices(&self, prices: &[Price]) -> Result<StoredTogether, StoreError> {
        const OPERATION: &str = "TransactWriteItems";

        let put = |price| {
            let put = Put::builder()
                .table_name(&self.table)
                .set_item(Some(price_item(price)))
                .condition_expression(IS_NOT_REFUSED)
                .set_expression_attribute_names(Some(condition_names()))
                .set_expression_attribute_values(Some(condition_values(price)))
                .build()
                .map_err(|error| StoreError::Unreachable {
                    operation: OPERATION,
                    reason: error.to_string(),
                })?;
            Ok(TransactWriteItem::builder().put(put).build())
        };
        let puts = prices.iter().map(put).collect::<Result<_, _>>()?;
        let call = self.client.transact_write_items();
        let call = call.set_transact_items(Some(puts)).send();
        let Err(error) = self.in_time(OPERATION, call).await? else {
            return Ok(StoredTogether::All);
        };
        let superseded = superseded(prices, &error);
        if superseded.is_empty() {
            Err(StoreError::from_sdk(OPERATION, &error))
        } else {
            Ok(StoredTogether::None { superseded })
        }
    }

    /// Makes one update, and two more if another run is later by one of the two times: each
    /// time then moves by itself. A process that ends between these two leaves a status that is
    /// older than the run, never newer.
    async fn record_success(&self, run: &UpdateSuccess) -> Result<(), StoreError> {
        let attempt = [
            (names::LAST_ATTEMPT, text(&run.started_at)),
            (names::LAST_SUCCESS, text(&run.finished_at)),
            (names::STORED, number(&run.stored)),
            (names::SKIPPED, number(&run.skipped)),
            (names::PROVIDER, text(&run.provider)),
            (names::DURATION_MS, number(&run.duration_ms)),
        ];
        let newest = [(names::NEWEST_PRICE, text(&run.newest_price))];
        let removed = Some(names::ERROR_CODE);
        let both = [&attempt[..], &newest[..]].concat();
        let times = [names::LAST_ATTEMPT, names::NEWEST_PRICE];
        if !self.update_unless_later(&times, &both, removed).await? {
            self.update_unless_later(&[names::LAST_ATTEMPT], &attempt, removed)
                .await?;
            self.update_unless_later(&[names::NEWEST_PRICE], &newest, None)
                .await?;
        }
        Ok(())
    }

    async fn record_superseded(&self, started_at: Timestamp) -> Result<(), StoreError> {
        let attempt = [(names::LAST_ATTEMPT, text(&started_at))];
        self.update_unless_later(&[names::LAST_ATTEMPT], &attempt, Some(names::ERROR_CODE))
            .await?;
        Ok(())
    }

    async fn record_failure(&self, run: &UpdateFailure) -> Result<(), StoreError> {
        let attempt = [
            (names::LAST_ATTEMPT, text(&run.started_at)),
            (names::ERROR_CODE, text(&run.error_code)),
        ];
        self.update_unless_later(&[names::LAST_ATTEMPT], &attempt, None)
            .await?;
        Ok(())
    }
}

impl Store {
    /// Sets and removes attributes of the status, unless one of `times`, which are among the
    /// attributes to set, is already later in the table. Returns true if the status is
    /// updated.
    async fn update_unless_later(
        &self,
        times: &[&str],
        set: &[(&str, AttributeValue)],
        removed: Option<&str>,
    ) -> Result<bool, StoreError> {
        let assignments: Vec<_> = set
            .iter()
            .map(|(name, _)| format!("#{name} = :{name}"))
            .collect();
        let mut expression = format!("SET {}", assignments.join(", "));
        if let Some(name) = removed {
            expression.push_str(" REMOVE #");
            expression.push_str(name);
        }
        // The times are texts that sort like times.
        let conditions: Vec<_> = times
            .iter()
            .map(|time| format!("(attribute_not_exists(#{time}) OR #{time} <= :{time})"))
            .collect();
        let mut call = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(metadata_key(STATUS_UPDATE.to_owned())))
            .update_expression(expression)
            .condition_expression(conditions.join(" AND "));
        for (name, value) in set {
            call = call
                .expression_attribute_names(format!("#{name}"), *name)
                .expression_attribute_values(format!(":{name}"), value.clone());
        }
        if let Some(name) = removed {
            call = call.expression_attribute_names(format!("#{name}"), name);
        }
        let response = self.send_conditional("UpdateItem", call.send()).await?;
        Ok(response.is_some())
    }
}

/// Makes the SDK retry a `PutItem` that conflicted with a transaction on the same price, which
/// ends within milliseconds. The SDK itself does not retry conflicts.
#[derive(Debug)]
struct RetryConflicts;

impl ClassifyRetry for RetryConflicts {
    fn classify_retry(&self, call: &InterceptorContext) -> RetryAction {
        let refusal = match call.output_or_error() {
            Some(Err(error)) => error.as_operation_error(),
            Some(Ok(_)) | None => None,
        };
        match refusal.and_then(|error| error.downcast_ref()) {
            Some(PutItemError::TransactionConflictException(_)) => RetryAction::transient_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "retry conflicts"
    }
}

/// Returns the coins whose prices the table keeps, by the reasons of a cancelled transaction:
/// one for each of its items, in their order.
fn superseded(prices: &[Price], error: &SdkError<TransactWriteItemsError>) -> Vec<Symbol> {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
        error.as_service_error()
    else {
        return Vec::new();
    };
    let reasons = cancelled.cancellation_reasons();
    let refused = |(price, reason): (&Price, &CancellationReason)| {
        (reason.code() == Some("ConditionalCheckFailed")).then_some(price.symbol)
    };
    prices.iter().zip(reasons).filter_map(refused).collect()
}
