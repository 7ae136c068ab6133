//! The format `compact`: symbol, price, change and staleness in JSON with few bytes, which a watch can
//! read without a library. For example: `["BTC*ETH",[103663,2587.79],[164,343]]`.
//!
//! A price in US dollars keeps all digits of the provider. The change is rounded to hundredths of a
//! percent, because no screen shows more.

use std::num::NonZeroU64;

use serde::Serialize;
use shared::currency::Currency;
use shared::decimal::Decimal;
use shared::timestamp::Timestamp;

use crate::prices::FoundPrices;

/// The mark after the symbol of a stale price. A client that does not know the mark does not find the
/// symbol. Such a client would ignore a separate column, and show the price as fresh.
const STALE: char = '*';
/// The separator after the symbol of a fresh price.
const FRESH: char = ' ';

/// Significant digits of converted amounts in the compact formats.
pub(super) const DIGITS: NonZeroU64 = NonZeroU64::new(8).expect("8 is not zero");

/// The optional columns of the compact formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Columns {
    /// Whether to include market capitalisations, which lengthen a list by two thirds.
    pub(crate) market_cap: bool,
    /// Whether to include the time of the response and the time until the next request.
    pub(crate) time: bool,
    /// Whether to include the code of the currency.
    pub(crate) currency: bool,
}

/// Prices in columns, in the order of the request; by market capitalisation if no symbols were
/// requested.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "CompactPrices", extend("minItems" = 3)))]
pub(crate) struct CompactBody<'a>(
    /// The symbols. `*` follows the symbol of a stale price. A space follows the symbol of a fresh
    /// price, except the last symbol.
    String,
    /// Units of the currency for one coin: US dollars without the parameter `currency`.
    Vec<&'a Decimal>,
    /// The change over 24 hours in hundredths of a percent, rounded to a whole number; null if it
    /// is unknown or does not fit into 64 bits.
    Vec<Option<i64>>,
    /// The market capitalisation in the currency; null if it is unknown. Only with
    /// `include=marketCap`.
    #[cfg_attr(test, schemars(with = "Vec<Option<Decimal>>"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    Option<Vec<Option<&'a Decimal>>>,
    /// The time of the response in seconds since 1970, and the seconds until the next request is
    /// useful. Only with `include=time`.
    #[cfg_attr(test, schemars(with = "(i64, u32)"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    Option<(i64, u32)>,
    /// The currency of all amounts. Only with `include=currency`.
    #[cfg_attr(test, schemars(with = "Currency"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    Option<Currency>,
);

impl<'a> CompactBody<'a> {
    /// `time` is the time of the response and its `max-age` in seconds.
    pub(super) fn of(
        found: &'a FoundPrices,
        columns: Columns,
        time: Option<(Timestamp, u32)>,
        currency: Option<Currency>,
    ) -> Self {
        let prices = || found.prices.iter().map(|found| &found.price);
        Self(
            symbols(found),
            prices().map(|price| &price.price).collect(),
            prices()
                .map(|price| price.change_24h.as_ref().and_then(Decimal::hundredths))
                .collect(),
            columns
                .market_cap
                .then(|| prices().map(|price| price.market_cap.as_ref()).collect()),
            time.map(|(time, max_age)| (time.unix_seconds(), max_age)),
            currency,
        )
    }
}

pub(super) fn symbols(found: &FoundPrices) -> String {
    let mut symbols = String::new();
    for price in &found.prices {
        symbols.push_str(price.symbol.as_str());
        symbols.push(if price.stale { STALE } else { FRESH });
    }
    symbols.trim_end_matches(FRESH).to_owned()
}
