//! The numbers of a coin, which every provider sends in JSON.
//!
//! Numbers stay text until they become decimals, so that no digit is lost.

use std::borrow::Cow;

use serde_json::value::RawValue;
use shared::decimal::Decimal;
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;

use super::{InvalidResponse, ProviderResponse, Quote, SkipReason, Skipped, json};
use crate::excerpt::Excerpt;

/// Seconds since 1970 of Bitcoin's first block. No coin had a price before it, so an earlier
/// time (0, a number of days) is not the time of a price.
const FIRST_BLOCK: i64 = 1_231_006_505;

/// A coin's numbers in US dollars and the time of its price, as the provider sent them.
#[derive(Clone, Copy)]
pub(super) struct CoinNumbers<'a> {
    pub(super) price: Option<&'a RawValue>,
    pub(super) market_cap: Option<&'a RawValue>,
    pub(super) change_24h: Option<&'a RawValue>,
    pub(super) last_updated: Option<&'a RawValue>,
}

impl CoinNumbers<'_> {
    /// Returns the coin's quote, or the reason why it has no usable price.
    pub(super) fn quote(&self, symbol: Symbol) -> Result<Quote, SkipReason> {
        let price = self.price.filter(|json| json.get() != "null");
        let price = Decimal::parse(&plain(price.ok_or(SkipReason::NoPrice)?))
            .map_err(|error| SkipReason::UnusablePrice(Excerpt::new(error)))?;
        if !price.is_positive() {
            return Err(SkipReason::NotPositive(Excerpt::new(price)));
        }
        let number = |json| Decimal::parse(&plain(json)).ok();
        Ok(Quote {
            symbol,
            price,
            change_24h: self.change_24h.and_then(number),
            // Providers send 0 for a capitalisation that they do not know.
            market_cap: self
                .market_cap
                .and_then(number)
                .filter(Decimal::is_positive),
            last_updated: self.last_updated.and_then(time),
        })
    }
}

/// Builds a response with `coins`, the numbers of each requested coin that the provider sent.
pub(super) fn response<'a>(
    symbols: &[Symbol],
    coins: impl IntoIterator<Item = Option<CoinNumbers<'a>>>,
) -> Result<ProviderResponse, InvalidResponse> {
    let mut quotes = Vec::new();
    let mut skipped = Vec::new();
    for (&symbol, coin) in symbols.iter().zip(coins) {
        let quote = coin.ok_or(SkipReason::Missing);
        match quote.and_then(|coin| coin.quote(symbol)) {
            Ok(quote) => quotes.push(quote),
            Err(reason) => skipped.push(Skipped { symbol, reason }),
        }
    }
    if quotes.is_empty() {
        return Err(InvalidResponse::NoPrices(skipped));
    }
    Ok(ProviderResponse { quotes, skipped })
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

/// Parses a number as seconds up to the year 9999, and a larger one as milliseconds: those of
/// every time since 1978 are larger.
fn since_1970(text: &str) -> Option<Timestamp> {
    let plain = Decimal::parse(text).ok()?.to_string();
    let whole: i64 = plain.split('.').next()?.parse().ok()?;
    Timestamp::from_unix_seconds(whole)
        .or_else(|_| Timestamp::from_unix_seconds(whole / 1_000))
        .ok()
}
