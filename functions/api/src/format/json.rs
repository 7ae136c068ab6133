//! The format `json`: every figure with every digit, each by its name.

use serde::Serialize;
use shared::decimal::Decimal;
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;

use crate::prices::{Quote, Quotes};

/// Prices: one symbol is still a list.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Prices"))]
pub(crate) struct PricesBody<'a> {
    /// In the order asked; by market capitalisation where nothing was.
    data: Vec<PriceBody<'a>>,
    /// When the answer was made.
    timestamp: Timestamp,
    /// Symbols that were asked for and have no price yet.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    unavailable: &'a [Symbol],
}

/// One coin's price.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Price"))]
#[serde(rename_all = "camelCase")]
struct PriceBody<'a> {
    symbol: Symbol,
    /// The coin's name for people.
    name: &'static str,
    /// US dollars for one coin.
    price: &'a Decimal,
    /// Percent over the last 24 hours; null where it is not known.
    change24h: Option<&'a Decimal>,
    /// US dollars; null where it is not known.
    market_cap: Option<&'a Decimal>,
    /// The provider's time of the price.
    last_updated: Timestamp,
    /// Only there, and true, on a price that is too old to pass as fresh.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stale: bool,
}

impl<'a> PricesBody<'a> {
    pub(super) fn of(quotes: &'a Quotes, now: Timestamp) -> Self {
        Self {
            data: quotes.found.iter().map(PriceBody::of).collect(),
            timestamp: now,
            unavailable: &quotes.unavailable,
        }
    }

    /// What the body says, apart from when it says it.
    pub(super) fn data(&self) -> impl Serialize {
        (&self.data, self.unavailable)
    }
}

impl<'a> PriceBody<'a> {
    fn of(quote: &'a Quote) -> Self {
        let price = &quote.price;
        Self {
            symbol: price.symbol,
            name: price.symbol.name(),
            price: &price.price,
            change24h: price.change_24h.as_ref(),
            market_cap: price.market_cap.as_ref(),
            last_updated: price.last_updated,
            stale: quote.stale,
        }
    }
}
