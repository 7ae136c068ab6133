//! Prices: from the process's memory until an update is due, then from the table, and from the
//! memory again if the table fails.

use std::cmp::Reverse;

use shared::price::{Jitter, Price};
use shared::store::{ApiStore, PricesRead};
use shared::symbol::{RequestedSymbol, Symbol};
use shared::timestamp::Timestamp;

use crate::error::ApiError;
use crate::memory::Memory;

/// The symbols of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selection {
    /// Each symbol once, in the order of the request.
    pub(crate) symbols: Vec<RequestedSymbol>,
    /// Whether the prices are ordered by market capitalisation, not as requested.
    pub(crate) by_market_cap: bool,
}

/// The price of a requested symbol.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FoundPrice {
    pub(crate) symbol: RequestedSymbol,
    pub(crate) price: Price,
    /// Whether the price is too old to be served as fresh.
    pub(crate) stale: bool,
}

/// The prices of one request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FoundPrices {
    /// The prices in the order of the response; at least one.
    pub(crate) prices: Vec<FoundPrice>,
    /// The requested symbols without a price.
    pub(crate) unavailable: Vec<RequestedSymbol>,
}

impl FoundPrices {
    pub(crate) fn stale_count(&self) -> usize {
        self.prices.iter().filter(|found| found.stale).count()
    }

    /// Returns the seconds for which the client may cache the response. The newest fetch decides.
    /// An older one is of a coin that the provider no longer updates, and a client that asks
    /// sooner would get the same price.
    pub(crate) fn max_age(&self, memory: &Memory, jitter: Jitter, now: Timestamp) -> u32 {
        let fetches = self.prices.iter().map(|found| found.price.fetched_at);
        let newest = fetches.max().unwrap_or(now);
        memory.limits.client_max_age(newest, jitter, now)
    }
}

/// Finds the selected prices. Makes at most one call to the table, for the coins whose update is
/// due.
pub(crate) async fn find(
    store: &impl ApiStore,
    memory: &Memory,
    selection: &Selection,
    now: Timestamp,
) -> Result<FoundPrices, ApiError> {
    let mut due: Vec<Symbol> = Vec::new();
    for symbol in &selection.symbols {
        let coin = symbol.coin();
        if !due.contains(&coin) && !memory.is_current(coin, now) {
            due.push(coin);
        }
    }
    let unread = if due.is_empty() {
        Vec::new()
    } else {
        refresh(store, memory, &due, now).await
    };

    let mut found = FoundPrices {
        prices: Vec::with_capacity(selection.symbols.len()),
        unavailable: Vec::new(),
    };
    for symbol in &selection.symbols {
        let is_unread = unread.contains(&symbol.coin());
        match remembered(memory, *symbol, is_unread, now) {
            Some(price) => found.prices.push(price),
            None => found.unavailable.push(*symbol),
        }
    }
    if found.prices.is_empty() {
        return Err(if unread.is_empty() {
            ApiError::NoPrice
        } else {
            ApiError::StoreUnavailable
        });
    }
    if selection.by_market_cap {
        // A coin without a known market capitalisation is last.
        found
            .prices
            .sort_by(|a, b| Reverse(&a.price.market_cap).cmp(&Reverse(&b.price.market_cap)));
    }
    Ok(found)
}

/// Reads the prices of these coins into the memory. Returns the coins that could not be read.
async fn refresh(
    store: &impl ApiStore,
    memory: &Memory,
    coins: &[Symbol],
    now: Timestamp,
) -> Vec<Symbol> {
    match store.prices(coins, None).await {
        Ok(PricesRead { found, unread, .. }) => {
            tracing::debug!(asked = coins.len(), found = found.len(), "prices were read");
            for coin in coins.iter().filter(|coin| !unread.contains(coin)) {
                let price = found.iter().find(|price| price.symbol == *coin);
                memory.remember_price(*coin, price, now);
            }
            unread
        }
        Err(error) => {
            tracing::error!(%error, "prices could not be read");
            coins.to_vec()
        }
    }
}

/// Returns a price from the memory. A price whose read failed is returned only while it is young
/// enough, and as stale, because the table may have a newer one.
fn remembered(
    memory: &Memory,
    symbol: RequestedSymbol,
    is_unread: bool,
    now: Timestamp,
) -> Option<FoundPrice> {
    let price = memory.last_price(symbol.coin())?;
    if is_unread && !memory.is_usable_in_outage(&price, now) {
        return None;
    }
    // DynamoDB may delete an expired item days later.
    if price.expires_at() <= now {
        return None;
    }
    let stale = is_unread || memory.limits.is_stale(&price, now);
    Some(FoundPrice {
        symbol,
        price,
        stale,
    })
}
