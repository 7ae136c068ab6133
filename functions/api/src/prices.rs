//! Prices: out of the process's memory until an update is due, out of the table
//! otherwise, and out of the memory again where the table fails.

use std::cmp::Reverse;

use shared::price::FreshnessLimits;
use shared::store::{ApiStore, PricesRead};
use shared::symbol::{RequestedSymbol, Symbol};
use shared::timestamp::Timestamp;

use crate::error::ApiError;
use crate::memory::Memory;
use crate::quotes::{Quote, Quotes};
use crate::selection::Selection;

/// Finds the selected prices with at most one read, which is for the coins whose
/// update is due.
pub(crate) async fn find(
    store: &impl ApiStore,
    memory: &Memory,
    limits: FreshnessLimits,
    selection: &Selection,
    now: Timestamp,
) -> Result<Quotes, ApiError> {
    let mut due: Vec<Symbol> = Vec::new();
    for symbol in selection.symbols() {
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

    let mut quotes = Quotes {
        found: Vec::with_capacity(selection.symbols().len()),
        unavailable: Vec::new(),
    };
    for symbol in selection.symbols() {
        let is_unread = unread.contains(&symbol.coin());
        match quote(memory, limits, *symbol, is_unread, now) {
            Some(quote) => quotes.found.push(quote),
            None => quotes.unavailable.push(*symbol),
        }
    }
    if quotes.found.is_empty() {
        return Err(if unread.is_empty() {
            ApiError::NoPrice
        } else {
            ApiError::StoreUnavailable
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

/// Reads the prices of these coins into the memory and returns the coins that could
/// not be read.
async fn refresh(
    store: &impl ApiStore,
    memory: &Memory,
    coins: &[Symbol],
    now: Timestamp,
) -> Vec<Symbol> {
    match store.prices(coins).await {
        Ok(PricesRead { found, unread }) => {
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

/// Takes a price out of the memory. One that could not be read again is only served
/// while it bridges an outage, and never as fresh: the table may have a newer one.
fn quote(
    memory: &Memory,
    limits: FreshnessLimits,
    symbol: RequestedSymbol,
    unread: bool,
    now: Timestamp,
) -> Option<Quote> {
    let price = memory.last_price(symbol.coin())?;
    if unread && !memory.bridges(&price, now) {
        return None;
    }
    // DynamoDB may take days to delete what has expired.
    if price.expires_at() <= now {
        return None;
    }
    let stale = unread || limits.is_stale(&price, now);
    Some(Quote {
        symbol,
        price,
        stale,
    })
}
