//! Writes prices: all in one transaction, or one by one if the transaction fails.
//!
//! A transaction costs twice the write units, and saves a signed call for each price but one in
//! every run. docs/scale.md has the numbers. The result for a price does not depend on the way
//! in which it was written.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use shared::history::Slot;
use shared::price::Price;
use shared::store::{Stored, StoredTogether, UpdateStore};
use tokio::time::Instant;

use crate::excerpt::Excerpt;
use crate::provider::SkipReason;

/// The longest time for writing all prices. With 45 seconds for the providers and 3 for the
/// status, a run ends before the function's timeout of 60 seconds.
const STORE_BUDGET: Duration = Duration::from_secs(10);

/// The part of [`STORE_BUDGET`] for the transaction. The store's client gives up earlier.
const TRANSACTION_BUDGET: Duration = Duration::from_secs(5);

/// The number of prices that are written at the same time, one by one: enough to hide the round
/// trips, and few enough for a table without recent traffic.
const PARALLEL_WRITES: usize = 8;

/// Stores all `prices` and returns the result for each, in their order. A price that cannot be
/// stored does not affect the others.
pub async fn put_all(
    store: &impl UpdateStore,
    prices: &[Price],
    slot: Slot,
) -> Vec<Result<(), SkipReason>> {
    let now = Instant::now();
    let together = put_together(&store.until(now + TRANSACTION_BUDGET), prices, slot).await;
    let superseded = match together {
        StoredTogether::All => return vec![Ok(()); prices.len()],
        StoredTogether::None { superseded, .. } => superseded,
    };
    let store = &store.until(now + STORE_BUDGET);
    stream::iter(prices)
        .map(|price| {
            let is_superseded = superseded.contains(&price.symbol);
            async move {
                if is_superseded {
                    return Err(SkipReason::Superseded);
                }
                match store.put_price(price, slot).await {
                    Ok(Stored::Stored) => Ok(()),
                    Ok(Stored::OlderThanStored) => Err(SkipReason::Superseded),
                    Err(error) => Err(SkipReason::NotStored(Excerpt::of_store(error))),
                }
            }
        })
        .buffered(PARALLEL_WRITES)
        .collect()
        .await
}

/// Stores all `prices` in one transaction. If it does not take place, the result names the coins
/// of which the table has newer prices.
///
/// The transaction can fail because of one price, another run's transaction or the table; each
/// price may still be stored by itself. That is right even if the transaction did take place and
/// its response was lost: a price that is stored already is stored again.
async fn put_together(store: &impl UpdateStore, prices: &[Price], slot: Slot) -> StoredTogether {
    let none_superseded = StoredTogether::None {
        superseded: Vec::new(),
        superseded_rates: Vec::new(),
    };
    if prices.len() < 2 {
        // A transaction would save no call.
        return none_superseded;
    }
    let error = match store.put_run(prices, &[], slot).await {
        Ok(result) => return result,
        Err(error) => Excerpt::of_store(error),
    };
    tracing::warn!(%error, "the transaction failed, prices are stored one by one");
    none_superseded
}
