//! The calls of the update function: prices, rates, their samples and the status of its runs.

use std::time::Duration;

use aws_sdk_dynamodb::error::{BuildError, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason, Put, TransactWriteItem, Update};
use contract::catalogue::{COINS, CURRENCIES};
use contract::items::attributes as names;
use contract::items::{STATUS_UPDATE, TTL, price_pk, rate_pk};
use tokio::time::sleep;

use super::items::{
    Item, history_key, metadata_key, number, price_item, rate_item, read_rate, text,
};
use super::status::StatusStore;
use super::table::{Consistency, Store};
use crate::currency::ListedCurrency;
use crate::decimal::Decimal;
use crate::error::StoreError;
use crate::history::Slot;
use crate::price::{Price, holds_since};
use crate::rate::Rate;
use crate::symbol::Symbol;
use crate::timestamp::Timestamp;

/// The calls of the update function to the table.
///
/// A price or rate and its sample for the slot are stored in one transaction. The first sample of
/// a slot stays. The stored price or rate may refuse a new one ([`Price::is_refused_by`]). A run
/// confirms a price if it stores the price, or renews the `fetchedAt` of the same price.
pub trait UpdateStore: StatusStore {
    fn put_price(
        &self,
        price: &Price,
        slot: Slot,
    ) -> impl Future<Output = Result<Stored, StoreError>> + Send;

    fn put_rate(
        &self,
        rate: &Rate,
        slot: Slot,
    ) -> impl Future<Output = Result<Stored, StoreError>> + Send;

    /// Stores all of these prices and rates, or none of them. `prices` is not empty, and neither
    /// list has duplicates. After an error, it is unknown whether they are stored; storing them
    /// again does no harm.
    fn put_run(
        &self,
        prices: &[Price],
        rates: &[Rate],
        slot: Slot,
    ) -> impl Future<Output = Result<StoredTogether, StoreError>> + Send;

    /// Reads the rates of all currencies. A rate that cannot be read is left out.
    fn rates(&self) -> impl Future<Output = Result<Vec<Rate>, StoreError>> + Send;

    /// Records a run that confirmed at least one price. If the status has a run that began later,
    /// only the time of the newest price can change. That time never moves back.
    fn record_success(
        &self,
        run: &UpdateSuccess,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Records a run that found only newer prices in the table. The last success stays, because
    /// the run confirmed no price. The error code of an earlier run is removed, because the run
    /// did not fail. If the status has a run that began later, nothing changes.
    fn record_superseded(
        &self,
        started_at: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Records a run that failed and confirmed no price. The last success stays. If the status has
    /// a run that began later, nothing changes.
    fn record_failure(
        &self,
        run: &UpdateFailure,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// The price or rate is stored, or the same one was stored and its `fetchedAt` is renewed.
    Stored,
    /// The stored value is newer and stays; nothing was changed.
    OlderThanStored,
}

/// The result of storing prices and rates together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredTogether {
    All,
    /// No price and no rate is stored. Those that are not superseded can still be stored singly.
    None {
        /// The coins whose stored prices are newer.
        superseded: Vec<Symbol>,
        /// The currencies whose stored rates are newer.
        superseded_rates: Vec<ListedCurrency>,
    },
}

/// A run that confirmed at least one price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateSuccess {
    pub started_at: Timestamp,
    pub finished_at: Timestamp,
    /// The provider's time of the newest confirmed price.
    pub newest_price: Timestamp,
    /// Number of coins whose prices are confirmed.
    pub stored: u32,
    /// Number of the other coins.
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

/// Condition of a write: the opposite of [`Price::is_refused_by`]. DynamoDB compares the times as
/// text, which sorts like times.
const IS_NOT_REFUSED: &str = "attribute_not_exists(#fetched) OR (#fetched <= :fetched AND \
                              (#updated <= :updated OR #fetched <= :holdsSince))";

/// A price or a rate, with the sample that is stored in the same transaction.
struct Write<'a> {
    item: Item,
    pk: String,
    fetched_at: Timestamp,
    last_updated: Timestamp,
    sample: &'a Decimal,
}

impl<'a> Write<'a> {
    fn of_price(price: &'a Price) -> Self {
        Self {
            item: price_item(price),
            pk: price_pk(price.symbol.as_str()),
            fetched_at: price.fetched_at,
            last_updated: price.last_updated,
            sample: &price.price,
        }
    }

    fn of_rate(rate: &'a Rate) -> Self {
        Self {
            item: rate_item(rate),
            pk: rate_pk(rate.currency.code()),
            fetched_at: rate.fetched_at,
            last_updated: rate.last_updated,
            sample: &rate.value,
        }
    }
}

// A run writes two items for each coin and currency in one transaction, which takes at most 100:
// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>.
const _: () = assert!(2 * (COINS.len() + CURRENCIES.len()) <= 100);

/// Attempts at a transaction with one price or rate. The SDK does not retry a cancelled
/// transaction.
const ATTEMPTS: u32 = 3;
/// The pause before the next attempt. Another transaction with the same item ends within
/// milliseconds.
const PAUSE: Duration = Duration::from_millis(50);

impl UpdateStore for Store {
    async fn put_price(&self, price: &Price, slot: Slot) -> Result<Stored, StoreError> {
        self.put_one(|| Write::of_price(price), slot).await
    }

    async fn put_rate(&self, rate: &Rate, slot: Slot) -> Result<Stored, StoreError> {
        self.put_one(|| Write::of_rate(rate), slot).await
    }

    async fn put_run(
        &self,
        prices: &[Price],
        rates: &[Rate],
        slot: Slot,
    ) -> Result<StoredTogether, StoreError> {
        let writes = prices.iter().map(Write::of_price);
        let writes = writes.chain(rates.iter().map(Write::of_rate)).collect();
        let Err(error) = self.transact(writes, slot).await? else {
            return Ok(StoredTogether::All);
        };
        // The reasons have the order of the items: a price or a rate, then its sample. The sample
        // has no condition.
        let refused: Vec<_> = reasons(&error).iter().step_by(2).map(is_refusal).collect();
        let (of_prices, of_rates) = refused.split_at(refused.len().min(prices.len()));
        let superseded = prices.iter().zip(of_prices);
        let superseded_rates = rates.iter().zip(of_rates);
        let result = StoredTogether::None {
            superseded: superseded
                .filter_map(|(price, refused)| refused.then_some(price.symbol))
                .collect(),
            superseded_rates: superseded_rates
                .filter_map(|(rate, refused)| refused.then_some(rate.currency))
                .collect(),
        };
        if refused.contains(&true) {
            Ok(result)
        } else {
            Err(StoreError::from_sdk(TRANSACTION, &error))
        }
    }

    async fn rates(&self) -> Result<Vec<Rate>, StoreError> {
        let keys = ListedCurrency::all().map(|currency| metadata_key(rate_pk(currency.code())));
        let read = self
            .batch_get(keys.collect(), Consistency::Eventual)
            .await?;
        let rate = |item: &Item| match read_rate(item) {
            Ok(rate) => Some(rate),
            Err(error) => {
                tracing::error!(%error, "a stored rate is unreadable");
                None
            }
        };
        Ok(read.items.iter().filter_map(rate).collect())
    }

    /// Makes one `UpdateItem` for the last attempt and the newest price. If the table has a later
    /// time for one of them, makes one `UpdateItem` for each. A process that ends between these
    /// two calls leaves a status that is older than the run, never newer.
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
    async fn put_one<'a>(
        &self,
        write: impl Fn() -> Write<'a>,
        slot: Slot,
    ) -> Result<Stored, StoreError> {
        let mut attempt = 1;
        loop {
            let Err(error) = self.transact(vec![write()], slot).await? else {
                return Ok(Stored::Stored);
            };
            let reasons = reasons(&error);
            if reasons.iter().any(is_refusal) {
                return Ok(Stored::OlderThanStored);
            }
            if attempt == ATTEMPTS || !reasons.iter().any(is_transient) {
                return Err(StoreError::from_sdk(TRANSACTION, &error));
            }
            attempt += 1;
            self.in_time(TRANSACTION, sleep(PAUSE)).await?;
        }
    }

    /// Makes one `TransactWriteItems` with the item and the sample of each write. The SDK sends the
    /// same `ClientRequestToken` in every attempt, so that DynamoDB executes the transaction once.
    async fn transact(
        &self,
        writes: Vec<Write<'_>>,
        slot: Slot,
    ) -> Result<Result<(), SdkError<TransactWriteItemsError>>, StoreError> {
        let unbuildable = |error: BuildError| StoreError::Unreachable {
            operation: TRANSACTION,
            reason: error.to_string(),
        };
        let mut items = Vec::with_capacity(2 * writes.len());
        for write in writes {
            let put = Put::builder()
                .table_name(&self.table)
                .set_item(Some(write.item))
                .condition_expression(IS_NOT_REFUSED)
                .expression_attribute_names("#updated", names::LAST_UPDATED)
                .expression_attribute_names("#fetched", names::FETCHED_AT)
                .expression_attribute_values(":updated", text(&write.last_updated))
                .expression_attribute_values(":fetched", text(&write.fetched_at))
                .expression_attribute_values(":holdsSince", text(&holds_since(write.fetched_at)))
                .build()
                .map_err(unbuildable)?;
            items.push(TransactWriteItem::builder().put(put).build());
            let sample = Update::builder()
                .table_name(&self.table)
                .set_key(Some(history_key(write.pk, slot)))
                .update_expression("SET #slot = if_not_exists(#slot, :sample), #ttl = :ttl")
                .expression_attribute_names("#slot", slot.attribute())
                .expression_attribute_names("#ttl", TTL)
                .expression_attribute_values(":sample", number(write.sample))
                .expression_attribute_values(":ttl", number(&slot.expires_at().unix_seconds()))
                .build()
                .map_err(unbuildable)?;
            items.push(TransactWriteItem::builder().update(sample).build());
        }
        let call = self.client.transact_write_items();
        let call = call.set_transact_items(Some(items)).send();
        Ok(self.in_time(TRANSACTION, call).await?.map(|_| ()))
    }

    /// Sets and removes attributes of the status, unless one of the attributes `times` has a later
    /// time in the table than in `set`. Returns true if the status is updated.
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
        // DynamoDB compares the times as text, which sorts like times.
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

const TRANSACTION: &str = "TransactWriteItems";

/// Returns the reasons of a cancelled transaction: one for each of its items, in their order.
fn reasons(error: &SdkError<TransactWriteItemsError>) -> &[CancellationReason] {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            cancelled.cancellation_reasons()
        }
        _ => &[],
    }
}

/// Returns true if the stored price or rate refused the new one.
fn is_refusal(reason: &CancellationReason) -> bool {
    reason.code() == Some("ConditionalCheckFailed")
}

/// Returns true for a conflict with another transaction, or a request beyond the table's capacity.
fn is_transient(reason: &CancellationReason) -> bool {
    matches!(
        reason.code(),
        Some("TransactionConflict" | "ProvisionedThroughputExceeded" | "ThrottlingError")
    )
}
