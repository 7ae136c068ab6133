//! Prices: out of the process's memory where they are fresh, out of the table
//! otherwise, and out of the memory again where the table fails.

use std::cmp::Reverse;

use shared::price::{FreshnessLimits, Price};
use shared::store::ApiStore;
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;

use crate::error::ApiError;
use crate::memory::Memory;
use crate::selection::Selection;

/// A price and whether it is too old to pass as fresh.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Quote {
    pub(crate) price: Price,
    pub(crate) stale: bool,
}

/// The prices of one request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Quotes {
    /// In the order of the answer.
    pub(crate) found: Vec<Quote>,
    /// Those that were selected and have no price.
    pub(crate) unavailable: Vec<Symbol>,
}

impl Quotes {
    /// How many prices there are.
    pub(crate) fn count(&self) -> usize {
        self.found.len()
    }

    /// How many of them are stale.
    pub(crate) fn stale_count(&self) -> usize {
        self.found.iter().filter(|quote| quote.stale).count()
    }

    /// Seconds for which the client may keep the answer. What is stale is
    /// worth asking for again at once.
    pub(crate) fn max_age(&self, limits: FreshnessLimits, now: Timestamp) -> u32 {
        if self.stale_count() > 0 {
            return 0;
        }
        limits.client_max_age(self.found.iter().map(|quote| &quote.price), now)
    }
}

/// Finds the selected prices with at most one read, which is for those that
/// the memory does not have fresh.
pub(crate) async fn find(
    store: &impl ApiStore,
    memory: &Memory,
    limits: FreshnessLimits,
    selection: &Selection,
    now: Timestamp,
) -> Result<Quotes, ApiError> {
    let remembered = |symbol: &Symbol| {
        memory
            .price(*symbol, now)
            .filter(|price| !limits.is_stale(price, now))
    };
    let missing: Vec<_> = selection
        .symbols()
        .iter()
        .copied()
        .filter(|symbol| remembered(symbol).is_none())
        .collect();
    let table_failed = !missing.is_empty() && !refresh(store, memory, &missing, now).await;

    let mut quotes = Quotes {
        found: Vec::with_capacity(selection.symbols().len()),
        unavailable: Vec::new(),
    };
    for symbol in selection.symbols() {
        let unread = table_failed && missing.contains(symbol);
        match quote(memory, limits, *symbol, unread, now) {
            Some(quote) => quotes.found.push(quote),
            None => quotes.unavailable.push(*symbol),
        }
    }
    if quotes.found.is_empty() {
        return Err(if table_failed {
            ApiError::StoreUnavailable
        } else {
            ApiError::NoPrice
        });
    }
    if matches!(selection, Selection::All(_)) {
        // A coin whose market capitalisation is not known comes last.
        quotes
            .found
            .sort_by(|a, b| Reverse(&a.price.market_cap).cmp(&Reverse(&b.price.market_cap)));
    }
    Ok(quotes)
}

/// Reads these symbols' prices into the memory; whether that succeeded.
async fn refresh(
    store: &impl ApiStore,
    memory: &Memory,
    symbols: &[Symbol],
    now: Timestamp,
) -> bool {
    match store.prices(symbols).await {
        Ok(prices) => {
            tracing::debug!(
                asked = symbols.len(),
                found = prices.len(),
                "prices were read"
            );
            for symbol in symbols {
                let price = prices.iter().find(|price| price.symbol == *symbol);
                memory.remember_price(*symbol, price, now);
            }
            true
        }
        Err(error) => {
            tracing::error!(%error, "prices could not be read");
            false
        }
    }
}

/// A symbol's price out of the memory. One that should have been read and
/// could not be is only served while it is young, and never as fresh: a newer
/// one may be in the table.
fn quote(
    memory: &Memory,
    limits: FreshnessLimits,
    symbol: Symbol,
    unread: bool,
    now: Timestamp,
) -> Option<Quote> {
    let price = memory.last_price(symbol)?;
    if unread && now.seconds_since(price.fetched_at) >= i64::from(limits.max_age_seconds) {
        return None;
    }
    // DynamoDB may take days to delete what has expired.
    if price.expires_at() <= now {
        return None;
    }
    let stale = unread || limits.is_stale(&price, now);
    Some(Quote { price, stale })
}
