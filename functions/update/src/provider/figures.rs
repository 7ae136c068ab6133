//! The common part of every provider's response: coins with figures in JSON.
//!
//! Numbers stay text until they are decimals, so that no digit is lost.

use std::borrow::Cow;

use serde_json::value::RawValue;
use shared::decimal::{Decimal, DecimalError};
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;

use super::{Answer, InvalidAnswer, Quote, SkipReason, Skipped, json};
use crate::excerpt::Excerpt;

/// Seconds since the epoch of Bitcoin's first block. No coin had a price before it, so an
/// earlier time (0, a field in days) is no time of a price.
const FIRST_BLOCK: i64 = 1_231_006_505;

/// A coin's figures in US dollars and the time of its price, as the provider sent them.
pub(super) struct Figures<'a> {
    pub(super) price: Option<&'a RawValue>,
    pub(super) market_cap: Option<&'a RawValue>,
    pub(super) change_24h: Option<&'a RawValue>,
    pub(super) last_updated: Option<&'a RawValue>,
}

impl Figures<'_> {
    /// Returns the coin's quote, or the reason why it has no usable price.
    pub(super) fn quote(&self, symbol: Symbol) -> Result<Quote, SkipReason> {
        let price = match self.price {
            None => return Err(SkipReason::NoPrice),
            Some(json) if json.get() == "null" => return Err(SkipReason::NoPrice),
            Some(json) => {
                storable(json).map_err(|error| SkipReason::UnusablePrice(Excerpt::new(error)))?
            }
        };
        if !price.is_positive() {
            return Err(SkipReason::NotPositive(Excerpt::new(price)));
        }
        let figure = |json| storable(json).ok();
        Ok(Quote {
            symbol,
            price,
            change_24h: self.change_24h.and_then(figure),
            // A provider writes a capitalisation that it does not know as 0.
            market_cap: self
                .market_cap
                .and_then(figure)
                .filter(Decimal::is_positive),
            last_updated: self.last_updated.and_then(time),
        })
    }
}

/// The response about all `symbols`, each of which `quote` finds or gives up.
pub(super) fn answer(
    symbols: &[Symbol],
    quote: impl Fn(usize, Symbol) -> Result<Quote, SkipReason>,
) -> Result<Answer, InvalidAnswer> {
    let mut quotes = Vec::new();
    let mut skipped = Vec::new();
    for (at, &symbol) in symbols.iter().enumerate() {
        match quote(at, symbol) {
            Ok(quote) => quotes.push(quote),
            Err(reason) => skipped.push(Skipped { symbol, reason }),
        }
    }
    if quotes.is_empty() {
        return Err(InvalidAnswer::NoPrices(skipped));
    }
    Ok(Answer { quotes, skipped })
}

/// The text of a JSON string, or the JSON of another value.
fn plain(json: &RawValue) -> Cow<'_, str> {
    json::text(json).unwrap_or(Cow::Borrowed(json.get()))
}

/// A JSON number, or text that holds one, that the store can hold.
fn storable(json: &RawValue) -> Result<Decimal, DecimalError> {
    let number = Decimal::parse(&plain(json))?;
    number.fits_dynamodb()?;
    Ok(number)
}

/// A time since Bitcoin exists: seconds or milliseconds since 1970, or RFC 3339. Fractions
/// of a second are dropped.
fn time(json: &RawValue) -> Option<Timestamp> {
    let text = plain(json);
    let time = Timestamp::parse(&text).ok().or_else(|| since_1970(&text))?;
    (time.unix_seconds() >= FIRST_BLOCK).then_some(time)
}

/// Reads a number as seconds up to the year 9999, and a larger one as milliseconds, which
/// are larger since 1978.
fn since_1970(text: &str) -> Option<Timestamp> {
    let plain = Decimal::parse(text).ok()?.to_string();
    let whole: i64 = plain.split('.').next()?.parse().ok()?;
    Timestamp::from_unix_seconds(whole)
        .or_else(|_| Timestamp::from_unix_seconds(whole / 1_000))
        .ok()
}
