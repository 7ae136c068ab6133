//! Writes prices and rates, each with its sample of the history: all in one transaction, or one by
//! one if the transaction fails. Both ways have the same result.
//!
//! The transaction is one signed call, which costs less time than one call for each price and rate:
//! docs/scale.md has the numbers.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use shared::error::StoreError;
use shared::history::Slot;
use shared::price::Price;
use shared::rate::Rate;
use shared::store::{Stored, StoredTogether, UpdateStore};
use tokio::time::Instant;

use crate::excerpt::Excerpt;
use crate::provider::SkipReason;

/// The longest time for writing all prices and rates. With 45 seconds for the providers and 3 for
/// the status, a run ends before the function's timeout of 60 seconds.
const STORE_BUDGET: Duration = Duration::from_secs(10);

/// The part of [`STORE_BUDGET`] for the transaction. The DynamoDB client gives up earlier.
const TRANSACTION_BUDGET: Duration = Duration::from_secs(5);

/// The number of concurrent writes after a failed transaction: enough to hide the round trips, and
/// few enough for a table without recent traffic.
const PARALLEL_WRITES: usize = 8;

/// The result of each write, in the order of the values.
pub type Results = Vec<Result<(), SkipReason>>;

/// Stores all `prices` and `rates` with this slot, and returns the results of both. A value that
/// cannot be stored does not affect the others.
pub async fn put_all(
    store: &impl UpdateStore,
    prices: &[Price],
    rates: &[Rate],
    slot: Slot,
) -> (Results, Results) {
    let now = Instant::now();
    let together = store.until(now + TRANSACTION_BUDGET);
    // The transaction can fail because of one price or rate, another run's transaction or the
    // table. Then each value can still be stored alone. This is also correct if the transaction
    // took effect and its response was lost: storing a price or a rate again does no harm.
    let (superseded, superseded_rates) = match together.put_run(prices, rates, slot).await {
        Ok(StoredTogether::All) => return (vec![Ok(()); prices.len()], vec![Ok(()); rates.len()]),
        Ok(StoredTogether::None {
            superseded,
            superseded_rates,
        }) => (superseded, superseded_rates),
        Err(error) => {
            let error = Excerpt::of_store(error);
            tracing::warn!(%error, "the transaction failed, prices and rates are stored one by one");
            Default::default()
        }
    };
    let store = &store.until(now + STORE_BUDGET);
    let (superseded, superseded_rates) = (&superseded, &superseded_rates);
    let prices = put_one_by_one(prices, |price| async move {
        if superseded.contains(&price.symbol) {
            return Ok(Stored::OlderThanStored);
        }
        store.put_price(price, slot).await
    })
    .await;
    let rates = put_one_by_one(rates, |rate| async move {
        if superseded_rates.contains(&rate.currency) {
            return Ok(Stored::OlderThanStored);
        }
        store.put_rate(rate, slot).await
    })
    .await;
    (prices, rates)
}

async fn put_one_by_one<'a, T, F>(values: &'a [T], put: impl Fn(&'a T) -> F) -> Results
where
    F: Future<Output = Result<Stored, StoreError>>,
{
    let results = stream::iter(values).map(put).buffered(PARALLEL_WRITES);
    let results = results.map(|result| match result {
        Ok(Stored::Stored) => Ok(()),
        Ok(Stored::OlderThanStored) => Err(SkipReason::Superseded),
        Err(error) => Err(SkipReason::NotStored(Excerpt::of_store(error))),
    });
    results.collect().await
}
