//! The format `compact`: symbol, price, change and staleness in the fewest
//! bytes of JSON that a watch can read without a library.
//!
//! `["BTC*ETH",[103663,2587.79],[164,343]]`: columns, so that nothing is named
//! twice. In the provider's full precision a price and a change have 17 digits
//! each, more than all else about a coin. The price keeps them; the change,
//! which nobody reads to more than hundredths, does not.

use serde::Serialize;
use shared::decimal::Decimal;
use shared::timestamp::Timestamp;

use crate::quotes::Quotes;

/// What follows a stale price's symbol. It is part of the symbols and no column
/// of its own, because a client that does not know it finds no such symbol,
/// where it would otherwise take an old price for a fresh one.
const STALE: char = '*';
/// What keeps a fresh price's symbol apart from the next one.
const FRESH: char = ' ';

/// Prices in columns, in the order asked.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "CompactPrices", extend("minItems" = 3)))]
pub(crate) struct CompactBody<'a>(
    /// The symbols: `*` follows those of stale prices, and a space those of fresh
    /// ones that are not the last.
    String,
    /// US dollars for one coin.
    Vec<&'a Decimal>,
    /// The change over 24 hours in hundredths of a percent, rounded to a whole
    /// number; null where it is not known, or does not fit into 64 bits.
    Vec<Option<i64>>,
    /// The market capitalisation in US dollars, null where it is not known; only
    /// there where it was asked for.
    #[cfg_attr(test, schemars(with = "Vec<Option<Decimal>>"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    Option<Vec<Option<&'a Decimal>>>,
    /// The time of the answer in seconds since 1970, and the seconds until the next
    /// request is worthwhile; only there where it was asked for.
    #[cfg_attr(test, schemars(with = "(i64, u32)"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    Option<(i64, u32)>,
);

impl<'a> CompactBody<'a> {
    /// `time` is the time of the answer and its `max-age` in seconds, where the client
    /// asked for them.
    pub(super) fn of(quotes: &'a Quotes, market_cap: bool, time: Option<(Timestamp, u32)>) -> Self {
        let prices = || quotes.found.iter().map(|quote| &quote.price);
        Self(
            symbols(quotes),
            prices().map(|price| &price.price).collect(),
            prices()
                .map(|price| price.change_24h.as_ref().and_then(Decimal::hundredths))
                .collect(),
            market_cap.then(|| prices().map(|price| price.market_cap.as_ref()).collect()),
            time.map(|(time, max_age)| (time.unix_seconds(), max_age)),
        )
    }
}

/// The first column.
fn symbols(quotes: &Quotes) -> String {
    let mut symbols = String::new();
    for quote in &quotes.found {
        symbols.push_str(quote.symbol.as_str());
        symbols.push(if quote.stale { STALE } else { FRESH });
    }
    symbols.trim_end_matches(FRESH).to_owned()
}
