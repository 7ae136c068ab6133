//! What is the same in every provider's answer: coins with figures in JSON.
//!
//! Numbers stay text until they are decimals, so that no digit is lost. Where a
//! key comes twice the last one counts, as in most JSON readers.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use shared::decimal::Decimal;
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;

use super::{Answer, InvalidAnswer, Quote, SkipReason, Skipped};

/// Seconds since the epoch of Bitcoin's first block. No coin had a price before
/// it, so an earlier time (0, a field in days) is no time of a price.
const FIRST_BLOCK: i64 = 1_231_006_505;

/// The members of a JSON object, each as its own text.
pub(super) type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// What a provider calls a coin's figures in US dollars.
pub(super) struct Names {
    pub(super) price: &'static str,
    pub(super) market_cap: &'static str,
    pub(super) change_24h: &'static str,
}

/// The members of a JSON object; none where it is something else.
pub(super) fn object(json: &RawValue) -> Option<Fields<'_>> {
    serde_json::from_str(json.get()).ok()
}

/// One coin's quote out of the object that holds its figures.
pub(super) fn quote(
    symbol: Symbol,
    fields: &Fields<'_>,
    names: &Names,
    last_updated: Option<Timestamp>,
) -> Result<Quote, SkipReason> {
    let price = match fields.get(names.price).map(|raw| raw.get()) {
        None | Some("null") => return Err(SkipReason::NoPrice),
        Some(json) => storable(json).map_err(SkipReason::UnusablePrice)?,
    };
    if !price.is_positive() {
        return Err(SkipReason::NotPositive(price));
    }
    let figure = |name| fields.get(name).and_then(|raw| storable(raw.get()).ok());
    Ok(Quote {
        symbol,
        price,
        change_24h: figure(names.change_24h),
        // A capitalisation that a provider does not know is written as 0.
        market_cap: figure(names.market_cap).filter(Decimal::is_positive),
        last_updated: last_updated.filter(|time| time.unix_seconds() >= FIRST_BLOCK),
    })
}

/// The answer for all `symbols`, each of which `quote` finds or gives up.
pub(super) fn answer(
    symbols: &[Symbol],
    quote: impl Fn(Symbol) -> Result<Quote, SkipReason>,
) -> Result<Answer, InvalidAnswer> {
    let mut quotes = Vec::new();
    let mut skipped = Vec::new();
    for &symbol in symbols {
        match quote(symbol) {
            Ok(quote) => quotes.push(quote),
            Err(reason) => skipped.push(Skipped { symbol, reason }),
        }
    }
    if quotes.is_empty() {
        return Err(InvalidAnswer::NoPrices(skipped));
    }
    Ok(Answer { quotes, skipped })
}

/// A JSON number, or text that holds one, that the store can hold.
pub(super) fn storable(json: &str) -> Result<Decimal, String> {
    let number: Decimal = serde_json::from_str(json).map_err(|error| error.to_string())?;
    number.fits_dynamodb().map_err(|error| error.to_string())?;
    Ok(number)
}
