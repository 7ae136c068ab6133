//! What a price provider is: one request for all coins, and how its answer reads.
//!
//! A provider does no I/O. It builds the request and reads the answer's bytes,
//! so that every answer can be tried without a network and the retries are the
//! same for every provider.

mod coingecko;
mod coinpaprika;
mod figures;
mod json;
mod reason;

use std::fmt;

use reqwest::header::{HeaderValue, InvalidHeaderValue};
use reqwest::{Request, StatusCode, Url};
use shared::decimal::Decimal;
use shared::settings::ExternalApiKey;
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;

pub use coingecko::CoinGecko;
pub use coinpaprika::CoinPaprika;
pub use reason::Reason;

use crate::excerpt::Excerpt;

/// A source of prices.
pub trait Provider: Send + Sync {
    /// The name that is stored, logged and measured.
    fn name(&self) -> &'static str;

    /// What is called, for logs and errors: it carries no query and no secret.
    fn endpoint(&self) -> &Url;

    /// The one request that asks for all `symbols`. Its URL carries no secret.
    fn request(&self, symbols: &[Symbol]) -> Request;

    /// Reads the body of an answer to [`Provider::request`].
    ///
    /// # Errors
    ///
    /// [`InvalidAnswer`] where not one of the `symbols` has a usable price.
    fn parse(&self, body: &[u8], symbols: &[Symbol]) -> Result<Answer, InvalidAnswer>;

    /// Returns advice for the operator about a request that was refused with this status,
    /// or with 200 and a reason.
    fn advice(&self, status: Option<StatusCode>, reason: Option<&Reason>) -> Option<&'static str>;
}

/// A key as the value of a header, which no debug output shows.
fn header_value(key: &ExternalApiKey) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(key.expose())?;
    value.set_sensitive(true);
    Ok(value)
}

/// What a provider answered: every coin that was asked for is in one of the two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Coins with a usable price; at least one.
    pub quotes: Vec<Quote>,
    /// Coins without one.
    pub skipped: Vec<Skipped>,
}

/// One coin's figures in US dollars, each with every digit that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// Which coin.
    pub symbol: Symbol,
    /// Price of one coin; positive, and a number that the store can hold.
    pub price: Decimal,
    /// Change over the last 24 hours in percent.
    pub change_24h: Option<Decimal>,
    /// Market capitalisation; positive.
    pub market_cap: Option<Decimal>,
    /// The provider's own time of the price. It may lie ahead of our clock.
    pub last_updated: Option<Timestamp>,
}

/// A coin that gets no new price in this run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Which coin.
    pub symbol: Symbol,
    /// Why.
    pub reason: SkipReason,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.symbol, self.reason)
    }
}

/// Why a coin gets no new price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SkipReason {
    /// The answer does not mention the coin.
    #[error("the provider sent nothing for it")]
    NotAnswered,
    /// The answer mentions the coin without a price, or with null.
    #[error("the provider sent no price")]
    NoPrice,
    /// The price cannot be read or stored, for this reason.
    #[error("the price is unusable: {0}")]
    UnusablePrice(Excerpt),
    /// The price is zero or below.
    #[error("the price is not positive: {0}")]
    NotPositive(Excerpt),
    /// The store has a newer price: of a run that overlapped this one, or of a
    /// provider that is ahead of this one.
    #[error("the store has a newer price")]
    Superseded,
    /// The store did not take the price, for this reason.
    #[error("the price was not stored: {0}")]
    NotStored(Excerpt),
}

/// A response with status 200 that has no usable price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAnswer {
    /// It is not the JSON that the provider documents, for this reason.
    #[error("it is not the documented JSON: {0}")]
    Malformed(Excerpt),
    /// It is an error of the provider in place of prices.
    #[error("it is an error ({reason}){}", hint(*.advice))]
    Refused {
        /// The provider's own words.
        reason: Reason,
        /// Advice for the operator.
        advice: Option<&'static str>,
    },
    /// It is, but none of the coins has a usable price.
    #[error("it has no usable price ({})", first_of(.0))]
    NoPrices(Vec<Skipped>),
}

/// Advice as the end of an error.
pub(crate) fn hint(advice: Option<&'static str>) -> String {
    advice.map_or_else(String::new, |advice| format!(" (hint: {advice})"))
}

/// The first skipped coin stands for all in an error; the log names each.
fn first_of(skipped: &[Skipped]) -> String {
    match skipped {
        [] => "no coin was asked for".to_owned(),
        [only] => only.to_string(),
        [first, rest @ ..] => format!("{first}; and {} more", rest.len()),
    }
}
