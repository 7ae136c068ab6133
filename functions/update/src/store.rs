//! Prices on their way into the table: all in one transaction, else each for itself.
//!
//! A transaction costs twice the write units and saves a signed call for each price but
//! one, in every run: docs/scale.md has both in figures. What becomes of a price does not
//! depend on which of the two wrote it.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use shared::price::Price;
use shared::store::{Stored, StoredTogether, UpdateStore};
use tokio::time::{Instant, timeout, timeout_at};

use crate::excerpt::Excerpt;
use crate::provider::SkipReason;

/// The longest that all writes of prices may take. With the provider's 45
/// seconds and the note's 3 it stays below the function's timeout of 60.
const STORE_BUDGET: Duration = Duration::from_secs(10);

/// What of that the transaction may take. The store's client gives up before.
const TRANSACTION_BUDGET: Duration = Duration::from_secs(5);

/// How many prices are written at the same time where each is written for itself:
/// enough to hide the round trips, few enough for a table that has not been busy.
const PARALLEL_WRITES: usize = 8;

/// Stores all `prices`, and says of each, in their order, why it is not stored; one that
/// is not does not stop the others.
pub async fn put_all(store: &impl UpdateStore, prices: &[Price]) -> Vec<Result<(), SkipReason>> {
    let deadline = Instant::now() + STORE_BUDGET;
    let superseded = match put_together(store, prices).await {
        StoredTogether::All => return vec![Ok(()); prices.len()],
        StoredTogether::None { superseded } => superseded,
    };
    stream::iter(prices)
        .map(|price| {
            let is_superseded = superseded.contains(&price.symbol);
            async move {
                if is_superseded {
                    return Err(SkipReason::Superseded);
                }
                match timeout_at(deadline, store.put_price(price)).await {
                    Ok(Ok(Stored::Stored)) => Ok(()),
                    Ok(Ok(Stored::OlderThanStored)) => Err(SkipReason::Superseded),
                    Ok(Err(error)) => Err(SkipReason::NotStored(Excerpt::of_store(error))),
                    Err(_) => Err(SkipReason::NotStored(Excerpt::of_store(format_args!(
                        "all writes together took more than {STORE_BUDGET:?}"
                    )))),
                }
            }
        })
        .buffered(PARALLEL_WRITES)
        .collect()
        .await
}

/// Stores all `prices` at once, or says of which the table has newer ones.
///
/// Whatever else keeps it from that, a price, another run's transaction or the table,
/// does not have to keep every price from being stored for itself. That is also right
/// where nobody knows whether the transaction took place: a price that is stored already
/// is stored again.
async fn put_together(store: &impl UpdateStore, prices: &[Price]) -> StoredTogether {
    let nothing_known = StoredTogether::None {
        superseded: Vec::new(),
    };
    if prices.len() < 2 {
        // There would be no call to save.
        return nothing_known;
    }
    match timeout(TRANSACTION_BUDGET, store.put_prices(prices)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            let error = Excerpt::of_store(error);
            tracing::warn!(%error, "each price is stored for itself");
            nothing_known
        }
        Err(_) => {
            let error = format!("no answer within {TRANSACTION_BUDGET:?}");
            tracing::warn!(error, "each price is stored for itself");
            nothing_known
        }
    }
}
