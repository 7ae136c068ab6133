//! CoinGecko's `/simple/price`, on the public, the demo and the pro API.
//!
//! Source: <https://docs.coingecko.com/reference/simple-price>. `samples/` holds
//! answers as they were sent.

use reqwest::header::{ACCEPT, HeaderName, HeaderValue, InvalidHeaderValue};
use reqwest::{Method, Request, Url};
use serde_json::value::RawValue;
use shared::settings::ExternalApiKey;
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;

use super::figures::{self, Fields, Names};
use super::{Answer, InvalidAnswer, Provider, Quote, SkipReason, header_value};

/// The host on which a key is a pro key; on any other it is a demo key.
/// <https://docs.coingecko.com/reference/authentication>
const PRO_HOST: &str = "pro-api.coingecko.com";
const PRO_KEY_HEADER: HeaderName = HeaderName::from_static("x-cg-pro-api-key");
const DEMO_KEY_HEADER: HeaderName = HeaderName::from_static("x-cg-demo-api-key");

/// The members of one coin's object, each a number or null.
const NAMES: Names = Names {
    price: "usd",
    market_cap: "usd_market_cap",
    change_24h: "usd_24h_change",
};

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
        let key = key.map(header_value).transpose()?;
        Ok(Self {
            endpoint,
            key: key.map(|value| (header, value)),
        })
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
        let coins: Fields<'_> = serde_json::from_slice(body)
            .map_err(|error| InvalidAnswer::Malformed(error.to_string()))?;
        figures::answer(symbols, |symbol| {
            let coin = coins.get(symbol.coingecko_id());
            quote(symbol, coin.ok_or(SkipReason::NotAnswered)?)
        })
    }
}

fn quote(symbol: Symbol, coin: &RawValue) -> Result<Quote, SkipReason> {
    let fields = figures::object(coin).ok_or(SkipReason::NoPrice)?;
    let last_updated = fields
        .get("last_updated_at")
        .and_then(|raw| seconds(raw.get()));
    figures::quote(symbol, &fields, &NAMES, last_updated)
}

/// Seconds since the epoch as a time; a fraction of a second is dropped.
fn seconds(json: &str) -> Option<Timestamp> {
    let plain = figures::storable(json).ok()?.to_string();
    let whole: i64 = plain.split('.').next()?.parse().ok()?;
    Timestamp::from_unix_seconds(whole).ok()
}
