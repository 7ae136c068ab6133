//! CoinGecko's `/simple/price`, on the public, the demo and the pro API.
//!
//! Source: <https://docs.coingecko.com/reference/simple-price>. `samples/` holds
//! answers as they were sent.

use std::collections::BTreeMap;

use reqwest::header::{ACCEPT, HeaderName, HeaderValue, InvalidHeaderValue};
use reqwest::{Method, Request, Url};
use serde_json::value::RawValue;
use shared::decimal::Decimal;
use shared::settings::ExternalApiKey;
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;

use super::{Answer, InvalidAnswer, Provider, Quote, SkipReason, Skipped};

/// The host on which a key is a pro key; on any other it is a demo key.
/// <https://docs.coingecko.com/reference/authentication>
const PRO_HOST: &str = "pro-api.coingecko.com";
const PRO_KEY_HEADER: HeaderName = HeaderName::from_static("x-cg-pro-api-key");
const DEMO_KEY_HEADER: HeaderName = HeaderName::from_static("x-cg-demo-api-key");

/// Seconds since the epoch of Bitcoin's first block. No coin had a price before
/// it, so an earlier time (0, a field in days) is no time of a price.
const FIRST_BLOCK: i64 = 1_231_006_505;

/// CoinGecko under one base URL, with or without a key.
#[derive(Debug)]
pub struct CoinGecko {
    endpoint: Url,
    key: Option<(HeaderName, HeaderValue)>,
}

impl CoinGecko {
    /// The provider below `base`, for example `https://api.coingecko.com/api/v3`,
    /// with or without a slash at its end.
    ///
    /// # Errors
    ///
    /// A key that cannot stand in an HTTP header.
    pub fn new(base: &Url, key: Option<&ExternalApiKey>) -> Result<Self, InvalidHeaderValue> {
        let header = if base.host_str() == Some(PRO_HOST) {
            PRO_KEY_HEADER
        } else {
            DEMO_KEY_HEADER
        };
        let mut endpoint = base.clone();
        let path = base.path().trim_end_matches('/');
        endpoint.set_path(&format!("{path}/simple/price"));
        let key = match key {
            None => None,
            Some(key) => {
                let mut value = HeaderValue::from_str(key.expose())?;
                // Keeps the value out of every debug output.
                value.set_sensitive(true);
                Some((header, value))
            }
        };
        Ok(Self { endpoint, key })
    }
}

impl Provider for CoinGecko {
    fn name(&self) -> &'static str {
        "coingecko"
    }

    fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    fn request(&self, symbols: &[Symbol]) -> Request {
        let ids: Vec<&str> = symbols.iter().map(|symbol| symbol.coingecko_id()).collect();
        let mut url = self.endpoint.clone();
        // Ids are lower-case words with hyphens: nothing here needs escaping,
        // and commas as they are keep the line readable in a trace.
        url.set_query(Some(&format!(
            "ids={}&vs_currencies=usd&include_market_cap=true&include_24hr_change=true\
             &include_last_updated_at=true&precision=full",
            ids.join(",")
        )));
        let mut request = Request::new(Method::GET, url);
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some((name, value)) = &self.key {
            headers.insert(name, value.clone());
        }
        request
    }

    fn parse(&self, body: &[u8], symbols: &[Symbol]) -> Result<Answer, InvalidAnswer> {
        // Numbers stay text until they are decimals, so no digit is lost. Where
        // a key comes twice the last one counts, as in most JSON readers.
        let answer: BTreeMap<String, &RawValue> = serde_json::from_slice(body)
            .map_err(|error| InvalidAnswer::Malformed(error.to_string()))?;
        let mut quotes = Vec::new();
        let mut skipped = Vec::new();
        for &symbol in symbols {
            match quote(symbol, answer.get(symbol.coingecko_id()).copied()) {
                Ok(quote) => quotes.push(quote),
                Err(reason) => skipped.push(Skipped { symbol, reason }),
            }
        }
        if quotes.is_empty() {
            return Err(InvalidAnswer::NoPrices(skipped));
        }
        Ok(Answer { quotes, skipped })
    }
}

/// The fields of one coin: `usd`, `usd_market_cap`, `usd_24h_change` and
/// `last_updated_at`, each a number or null.
type Fields<'a> = BTreeMap<String, &'a RawValue>;

fn quote(symbol: Symbol, answer: Option<&RawValue>) -> Result<Quote, SkipReason> {
    let answer = answer.ok_or(SkipReason::NotAnswered)?;
    let fields: Fields = serde_json::from_str(answer.get()).map_err(|_| SkipReason::NoPrice)?;
    let price = match fields.get("usd").map(|raw| raw.get()) {
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
        change_24h: figure("usd_24h_change"),
        // CoinGecko writes 0 for a capitalisation that it does not know.
        market_cap: figure("usd_market_cap").filter(Decimal::is_positive),
        last_updated: fields
            .get("last_updated_at")
            .and_then(|raw| seconds(raw.get())),
    })
}

/// A JSON number, or text that holds one, that the store can hold.
fn storable(json: &str) -> Result<Decimal, String> {
    let number: Decimal = serde_json::from_str(json).map_err(|error| error.to_string())?;
    number.to_dynamodb().map_err(|error| error.to_string())?;
    Ok(number)
}

/// Seconds since the epoch as a time; a fraction of a second is dropped.
fn seconds(json: &str) -> Option<Timestamp> {
    let plain = storable(json).ok()?.to_string();
    let whole: i64 = plain.split('.').next()?.parse().ok()?;
    Timestamp::from_unix_seconds(whole)
        .ok()
        .filter(|time| time.unix_seconds() >= FIRST_BLOCK)
}
