//! Prices as the formats write them.

use shared::price::{FreshnessLimits, Jitter, Price};
use shared::symbol::RequestedSymbol;
use shared::timestamp::Timestamp;

/// The price of a requested symbol.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Quote {
    pub(crate) symbol: RequestedSymbol,
    pub(crate) price: Price,
    /// Whether the price is too old to pass as fresh.
    pub(crate) stale: bool,
}

/// The prices of one request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Quotes {
    /// In the order of the answer.
    pub(crate) found: Vec<Quote>,
    /// The selected symbols that have no price.
    pub(crate) unavailable: Vec<RequestedSymbol>,
}

impl Quotes {
    /// Counts the prices.
    pub(crate) fn count(&self) -> usize {
        self.found.len()
    }

    /// Counts the stale prices.
    pub(crate) fn stale_count(&self) -> usize {
        self.found.iter().filter(|quote| quote.stale).count()
    }

    /// Returns the seconds for which the client may keep the answer. The newest price
    /// decides: a coin that the provider no longer updates brings nothing new sooner.
    pub(crate) fn max_age(&self, limits: FreshnessLimits, jitter: Jitter, now: Timestamp) -> u32 {
        let fetches = self.found.iter().map(|quote| quote.price.fetched_at);
        // An answer without prices is an error, which is not kept.
        let newest = fetches.max().unwrap_or(now);
        limits.client_max_age(newest, jitter, now)
    }
}
