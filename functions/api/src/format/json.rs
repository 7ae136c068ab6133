//! The format `json`: every figure with every digit, each by its name.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use shared::decimal::Decimal;
use shared::symbol::{RequestedSymbol, Symbol};
use shared::timestamp::Timestamp;

use crate::entity_tag::EntityTag;
use crate::quotes::{Quote, Quotes};

/// Prices: one symbol is still a list.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Prices"))]
pub(crate) struct PricesBody<'a> {
    /// In the order asked; by market capitalisation where nothing was.
    // Written already, because the entity tag is made of the same text.
    #[cfg_attr(test, schemars(with = "Vec<PriceBody<'a>>"))]
    data: Box<RawValue>,
    /// When the answer was made.
    timestamp: Timestamp,
    /// Symbols that were asked for and have no price yet.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    unavailable: &'a [RequestedSymbol],
}

/// One coin's price.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Price"))]
#[serde(rename_all = "camelCase")]
struct PriceBody<'a> {
    /// As requested, in upper case.
    symbol: RequestedSymbol,
    /// The coin's name for people; of a migrated symbol the name of its successor.
    name: &'static str,
    /// Only there on a migrated symbol: the symbol of its successor, whose price this is.
    #[cfg_attr(test, schemars(with = "Symbol"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    migrated_to: Option<Symbol>,
    /// US dollars for one coin.
    price: &'a Decimal,
    /// Percent over the last 24 hours; null where it is not known.
    change24h: Option<&'a Decimal>,
    /// US dollars; null where it is not known.
    market_cap: Option<&'a Decimal>,
    /// The provider's time of the price; ours if the provider sends no usable one.
    last_updated: Timestamp,
    /// Only there, and true, on a price that is too old to pass as fresh.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stale: bool,
}

impl<'a> PricesBody<'a> {
    pub(super) fn of(quotes: &'a Quotes, now: Timestamp) -> serde_json::Result<Self> {
        let data: Vec<_> = quotes.found.iter().map(PriceBody::of).collect();
        Ok(Self {
            data: to_raw_value(&data)?,
            timestamp: now,
            unavailable: &quotes.unavailable,
        })
    }

    /// The tag of what the body says, apart from when it says it.
    pub(super) fn tag(&self) -> serde_json::Result<EntityTag> {
        let unavailable = serde_json::to_string(self.unavailable)?;
        let said = [self.data.get(), &unavailable].concat();
        Ok(EntityTag::of(said.as_bytes()))
    }
}

impl<'a> PriceBody<'a> {
    fn of(quote: &'a Quote) -> Self {
        let price = &quote.price;
        Self {
            symbol: quote.symbol,
            name: price.symbol.name(),
            migrated_to: quote.symbol.migrated_to(),
            price: &price.price,
            change24h: price.change_24h.as_ref(),
            market_cap: price.market_cap.as_ref(),
            last_updated: price.last_updated,
            stale: quote.stale,
        }
    }
}
