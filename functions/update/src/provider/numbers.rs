//! Parses the numbers of a coin. They stay text until they become decimals, so that no digit is
//! lost.

use std::borrow::Cow;

use serde_json::value::RawValue;
use shared::currency::ListedCurrency;
use shared::decimal::Decimal;
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;

use super::{Quote, SkipReason, json};
use crate::excerpt::Excerpt;

/// The time of Bitcoin's first block, in seconds since 1970. No coin had a price before it. So an
/// earlier time, such as 0 or a number of days, is unusable.
const FIRST_BLOCK: i64 = 1_231_006_505;

/// A coin's numbers in US dollars and the time of its price, as the provider sent them.
#[derive(Clone, Copy)]
pub(super) struct CoinNumbers<'a> {
    pub(super) price: Option<&'a RawValue>,
    pub(super) market_cap: Option<&'a RawValue>,
    pub(super) volume_24h: Option<&'a RawValue>,
    pub(super) change_24h: Option<&'a RawValue>,
    pub(super) last_updated: Option<&'a RawValue>,
    /// The object with the numbers in every currency.
    pub(super) quotes: Option<&'a RawValue>,
}

/// Finds the price and the change in one currency in the object with all currencies.
pub(super) type InCurrency = for<'a> fn(&'a RawValue, ListedCurrency) -> [Option<&'a RawValue>; 2];

impl CoinNumbers<'_> {
    /// Returns the coin's quote, or the reason why it has no usable price.
    pub(super) fn quote(&self, symbol: Symbol) -> Result<Quote, SkipReason> {
        let positive = |json| number(json).filter(Decimal::is_positive);
        Ok(Quote {
            symbol,
            price: price(self.price)?,
            change_24h: self.change_24h.and_then(number),
            // Providers send 0 for an unknown capitalisation. A volume of 0 cannot be true either,
            // because the coin has a price.
            market_cap: self.market_cap.and_then(positive),
            volume_24h: self.volume_24h.and_then(positive),
            last_updated: self.last_updated.and_then(time),
        })
    }
}

/// Parses a price.
///
/// # Errors
///
/// The price is missing, null, not a number that DynamoDB stores, or not positive.
pub(super) fn price(json: Option<&RawValue>) -> Result<Decimal, SkipReason> {
    let json = json.filter(|json| json.get() != "null");
    let price = Decimal::parse(&plain(json.ok_or(SkipReason::NoPrice)?))
        .map_err(|error| SkipReason::UnusablePrice(Excerpt::new(error)))?;
    if !price.is_positive() {
        return Err(SkipReason::NotPositive(Excerpt::new(price)));
    }
    Ok(price)
}

/// Parses a number that may be absent.
pub(super) fn number(json: &RawValue) -> Option<Decimal> {
    Decimal::parse(&plain(json)).ok()
}

/// Returns the text of a JSON string, or the JSON of another value.
fn plain(json: &RawValue) -> Cow<'_, str> {
    json::text(json).unwrap_or(Cow::Borrowed(json.get()))
}

/// Parses a time since [`FIRST_BLOCK`]: seconds or milliseconds since 1970, or RFC 3339.
/// Fractions of a second are dropped.
fn time(json: &RawValue) -> Option<Timestamp> {
    let text = plain(json);
    let time = Timestamp::parse(&text).ok().or_else(|| since_1970(&text))?;
    (time.unix_seconds() >= FIRST_BLOCK).then_some(time)
}

/// Parses a number of seconds since 1970. A number beyond the year 9999 is a number of
/// milliseconds: this is unambiguous for all times since 1978.
fn since_1970(text: &str) -> Option<Timestamp> {
    let plain = Decimal::parse(text).ok()?.to_string();
    let whole: i64 = plain.split('.').next()?.parse().ok()?;
    Timestamp::from_unix_seconds(whole)
        .or_else(|_| Timestamp::from_unix_seconds(whole / 1_000))
        .ok()
}
