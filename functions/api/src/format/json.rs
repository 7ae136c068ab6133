//! The format `json`: members with names. Amounts in US dollars have all digits of the provider;
//! converted amounts have 12 significant digits.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use shared::currency::Currency;
use shared::decimal::Decimal;
use shared::symbol::{RequestedSymbol, Symbol};
use shared::timestamp::Timestamp;

use crate::detail::Point;
use crate::entity_tag::EntityTag;
use crate::prices::{FoundPrice, FoundPrices};

/// Prices, as a list even for one symbol.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Prices"))]
pub(crate) struct PricesBody<'a> {
    /// The prices in the order of the request; by market capitalisation if no symbols were requested.
    // The JSON text, because the entity tag is computed from it too.
    #[cfg_attr(test, schemars(with = "Vec<PriceBody<'a>>"))]
    data: Box<RawValue>,
    /// The currency of all amounts. Only with the parameter `currency`.
    #[cfg_attr(test, schemars(with = "Currency"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<Currency>,
    /// The time of the response.
    timestamp: Timestamp,
    /// The requested symbols whose price is not available.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    unavailable: &'a [RequestedSymbol],
}

/// The price of one coin.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Price"))]
#[serde(rename_all = "camelCase")]
struct PriceBody<'a> {
    /// The symbol as requested, in upper case.
    symbol: RequestedSymbol,
    /// The name of the coin; for a migrated symbol, the name of its successor.
    name: &'static str,
    /// Only for a migrated symbol: the symbol of the successor, whose price this is.
    #[cfg_attr(test, schemars(with = "Symbol"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    migrated_to: Option<Symbol>,
    /// Units of the currency for one coin: US dollars without the parameter `currency`.
    price: &'a Decimal,
    /// The change of the price over the last 24 hours in percent; null if it is unknown.
    change24h: Option<&'a Decimal>,
    /// The market capitalisation in the currency; null if it is unknown.
    market_cap: Option<&'a Decimal>,
    /// The provider's time of the price; the time of the fetch if the provider sends no usable time.
    last_updated: Timestamp,
    /// Present and true only if the price or the rate of the currency is possibly outdated.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stale: bool,
    #[serde(flatten)]
    detail: Option<DetailBody<'a>>,
}

/// The members of a price that `include=detail` adds.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct DetailBody<'a> {
    /// The volume of the last 24 hours in the currency; null if it is unknown. Only with
    /// `include=detail`.
    volume24h: Option<&'a Decimal>,
    /// The highest of the price and the samples of the last 24 hours. Only with `include=detail`.
    high24h: &'a Decimal,
    /// The lowest of the price and the samples of the last 24 hours. Only with `include=detail`.
    low24h: &'a Decimal,
    /// The samples of the last hour, one for each 5 minutes. Only with `include=detail`.
    chart1h: Vec<&'a Point>,
    /// The last sample of each 30 minutes of the last 24 hours. Only with `include=detail`.
    chart24h: Vec<&'a Point>,
    /// The last sample of each 2 hours of the last 7 days. Only with `include=detail`.
    chart7d: Vec<&'a Point>,
}

impl<'a> PricesBody<'a> {
    pub(super) fn of(
        found: &'a FoundPrices,
        currency: Option<Currency>,
        now: Timestamp,
    ) -> serde_json::Result<Self> {
        let data: Vec<_> = found.prices.iter().map(PriceBody::of).collect();
        Ok(Self {
            data: to_raw_value(&data)?,
            currency,
            timestamp: now,
            unavailable: &found.unavailable,
        })
    }

    /// Creates the entity tag of everything except the time of the response.
    pub(super) fn tag(&self) -> serde_json::Result<EntityTag> {
        let unavailable = serde_json::to_string(self.unavailable)?;
        let currency = self.currency.map_or("", Currency::code);
        let data = [self.data.get(), &unavailable, currency].concat();
        Ok(EntityTag::of(data.as_bytes()))
    }
}

impl<'a> PriceBody<'a> {
    fn of(found: &'a FoundPrice) -> Self {
        let price = &found.price;
        Self {
            symbol: found.symbol,
            name: price.symbol.name(),
            migrated_to: found.symbol.migrated_to(),
            price: &price.price,
            change24h: price.change_24h.as_ref(),
            market_cap: price.market_cap.as_ref(),
            last_updated: price.last_updated,
            stale: found.stale,
            detail: found.detail.as_ref().map(|detail| DetailBody {
                volume24h: price.volume_24h.as_ref(),
                high24h: &detail.high,
                low24h: &detail.low,
                chart1h: detail.hour.points.iter().flatten().collect(),
                chart24h: detail.day.points.iter().flatten().collect(),
                chart7d: detail.week.points.iter().flatten().collect(),
            }),
        }
    }
}
