//! Price providers: the request for all coins and currencies, and its response as quotes and
//! rates.
//!
//! A provider does no I/O. It builds a request and parses the bytes of a response. So every
//! response can be tested without a network, and all providers share the retries.

mod coingecko;
mod coinpaprika;
pub(crate) mod json;
mod numbers;
mod rates;
mod reason;
mod response;

use std::fmt;

use reqwest::header::{ACCEPT, HeaderName, HeaderValue, InvalidHeaderValue};
use reqwest::{Method, Request, StatusCode, Url};
use serde::{Serialize, Serializer};
use shared::currency::ListedCurrency;
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
    /// Returns the name in the table, the logs and the metrics.
    fn name(&self) -> &'static str;

    /// Returns the URL for logs and errors, without a query and without a secret.
    fn endpoint(&self) -> &Url;

    /// Builds the one request for all `symbols`. Its URL contains no secret.
    fn request(&self, symbols: &[Symbol]) -> Request;

    /// Parses the body of a response to [`Provider::request`].
    ///
    /// # Errors
    ///
    /// [`InvalidResponse`] if none of the `symbols` has a usable price.
    fn parse(&self, body: &[u8], symbols: &[Symbol]) -> Result<ProviderResponse, InvalidResponse>;

    /// Returns advice for the operator about a request that was refused with this status and
    /// reason. The status is 200 if the body is an error in place of prices.
    fn advice(&self, status: StatusCode, reason: Option<&Reason>) -> Option<&'static str>;
}

/// A provider's URL, and the key that each request carries in a header.
#[derive(Debug)]
struct Endpoint {
    url: Url,
    key: Option<(HeaderName, HeaderValue)>,
}

impl Endpoint {
    /// Creates the endpoint of a resource below `base`, which may end with a slash.
    fn new(
        base: &Url,
        resource: &str,
        header: HeaderName,
        key: Option<&ExternalApiKey>,
    ) -> Result<Self, InvalidHeaderValue> {
        let mut url = base.clone();
        let path = base.path().trim_end_matches('/');
        url.set_path(&format!("{path}/{resource}"));
        let mut key = key
            .map(|key| HeaderValue::from_str(key.expose()))
            .transpose()?;
        // Debug output omits the value of a sensitive header.
        if let Some(value) = &mut key {
            value.set_sensitive(true);
        }
        let key = key.map(|value| (header, value));
        Ok(Self { url, key })
    }

    fn get(&self, query: &str) -> Request {
        let mut url = self.url.clone();
        url.set_query(Some(query));
        let mut request = Request::new(Method::GET, url);
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some((name, value)) = &self.key {
            headers.insert(name, value.clone());
        }
        request
    }
}

/// A parsed response. Every requested coin is in one of the two lists of coins, and every listed
/// currency in one of the two lists of currencies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderResponse {
    /// Coins with a usable price; at least one.
    pub quotes: Vec<Quote>,
    /// Coins without a usable price.
    pub skipped: Vec<Skipped<Symbol>>,
    /// Currencies with a usable rate.
    pub rates: Vec<RateQuote>,
    /// Currencies without a usable rate.
    pub skipped_rates: Vec<Skipped<ListedCurrency>>,
}

/// One coin's numbers in US dollars, each with every digit that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    pub symbol: Symbol,
    /// The price of one coin: positive, and within DynamoDB's range of numbers.
    pub price: Decimal,
    /// The change over the last 24 hours in percent.
    pub change_24h: Option<Decimal>,
    /// Positive.
    pub market_cap: Option<Decimal>,
    /// Positive.
    pub volume_24h: Option<Decimal>,
    /// The provider's time of the price. It may be ahead of our clock.
    pub last_updated: Option<Timestamp>,
}

/// The rate of one currency, computed from a coin's prices in the currency and in US dollars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateQuote {
    pub currency: ListedCurrency,
    /// Units of the currency for one US dollar; positive.
    pub value: Decimal,
    /// The change over the last 24 hours in percent.
    pub change_24h: Option<Decimal>,
    /// The provider's time of the coin's price. It may be ahead of our clock.
    pub last_updated: Option<Timestamp>,
}

/// A coin that gets no new price in this run, or a currency that gets no new rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped<T> {
    pub subject: T,
    pub reason: SkipReason,
}

impl<T: fmt::Display> fmt::Display for Skipped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.reason)
    }
}

impl<T: fmt::Display> Serialize for Skipped<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The reason why a coin gets no new price, or a currency no new rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SkipReason {
    /// The response does not contain the coin.
    #[error("the provider did not send this coin")]
    Missing,
    /// The response contains the coin, but its price is absent or null. For a rate: the first coin,
    /// usually Bitcoin, has no price in the currency, and no other coin has a usable one.
    #[error("the provider sent no price")]
    NoPrice,
    /// The price cannot be parsed or stored.
    #[error("the price is unusable: {0}")]
    UnusablePrice(Excerpt),
    /// The price is zero or negative.
    #[error("the price is not positive: {0}")]
    NotPositive(Excerpt),
    /// The store has a newer value, from an overlapping run or from another provider.
    #[error("the store has a newer value")]
    Superseded,
    /// The write to the store failed.
    #[error("not stored: {0}")]
    NotStored(Excerpt),
}

/// A body without any usable price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidResponse {
    /// The body is not the JSON that the provider documents.
    #[error("it is not the documented JSON: {0}")]
    Malformed(Excerpt),
    /// The body is the documented JSON, but no coin has a usable price.
    #[error("it has no usable price ({})", first_of(.0))]
    NoPrices(Vec<Skipped<Symbol>>),
}

/// Returns the first skipped coin and the number of the others. The log names each coin.
fn first_of(skipped: &[Skipped<Symbol>]) -> String {
    match skipped {
        [] => "no coin was requested".to_owned(),
        [only] => only.to_string(),
        [first, rest @ ..] => format!("{first}; and {} more", rest.len()),
    }
}
