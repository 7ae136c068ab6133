//! CoinPaprika's `/tickers`, the second provider.
//!
//! Source: <https://docs.coinpaprika.com/api-reference/tickers/get-tickers-for-all-active-coins>.
//! It was chosen because it is independent of CoinGecko, sends market
//! capitalisation and 24-hour change, and needs no key. Its free plan is for
//! non-commercial use, renews prices about every 10 minutes and allows 20,000
//! calls a month: one call a run, that is 8,640 a month, fits even while the
//! first provider is down all month. A call for each coin would not. Its paid
//! plans take a key, on the host `api-pro.coinpaprika.com`.

use std::collections::BTreeMap;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue, InvalidHeaderValue};
use reqwest::{Method, Request, Url};
use serde_json::value::RawValue;
use shared::settings::ExternalApiKey;
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;

use super::figures::{self, Fields, Names};
use super::{Answer, InvalidAnswer, Provider, Quote, SkipReason, header_value};

/// The currency of every figure.
const DOLLARS: &str = "USD";

/// The members of `quotes.USD`.
const NAMES: Names = Names {
    price: "price",
    market_cap: "market_cap",
    change_24h: "percent_change_24h",
};

/// CoinPaprika under one base URL, with or without a key.
#[derive(Debug)]
pub struct CoinPaprika {
    endpoint: Url,
    key: Option<HeaderValue>,
}

impl CoinPaprika {
    /// The provider below `base`, for example `https://api.coinpaprika.com/v1`,
    /// with or without a slash at its end.
    ///
    /// # Errors
    ///
    /// A key that cannot stand in an HTTP header.
    pub fn new(base: &Url, key: Option<&ExternalApiKey>) -> Result<Self, InvalidHeaderValue> {
        let mut endpoint = base.clone();
        let path = base.path().trim_end_matches('/');
        endpoint.set_path(&format!("{path}/tickers"));
        let key = key.map(header_value).transpose()?;
        Ok(Self { endpoint, key })
    }
}

impl Provider for CoinPaprika {
    fn name(&self) -> &'static str {
        "coinpaprika"
    }

    fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// Every coin that the provider has: it offers no choice of several.
    fn request(&self, _: &[Symbol]) -> Request {
        let mut url = self.endpoint.clone();
        url.set_query(Some("quotes=USD"));
        let mut request = Request::new(Method::GET, url);
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(key) = &self.key {
            // The key alone, without a scheme before it:
            // <https://docs.coinpaprika.com/api-reference/rest-api/introduction>.
            headers.insert(AUTHORIZATION, key.clone());
        }
        request
    }

    fn parse(&self, body: &[u8], symbols: &[Symbol]) -> Result<Answer, InvalidAnswer> {
        let tickers: Vec<&RawValue> = serde_json::from_slice(body)
            .map_err(|error| InvalidAnswer::Malformed(error.to_string()))?;
        let tickers: BTreeMap<String, Fields<'_>> = tickers
            .into_iter()
            .filter_map(|ticker| {
                let ticker = figures::object(ticker)?;
                Some((text(&ticker, "id")?, ticker))
            })
            .collect();
        figures::answer(symbols, |symbol| {
            let ticker = tickers.get(symbol.coinpaprika_id());
            quote(symbol, ticker.ok_or(SkipReason::NotAnswered)?)
        })
    }
}

fn quote(symbol: Symbol, ticker: &Fields<'_>) -> Result<Quote, SkipReason> {
    let in_dollars = ticker
        .get("quotes")
        .and_then(|quotes| figures::object(quotes)?.remove(DOLLARS))
        .and_then(figures::object)
        .ok_or(SkipReason::NoPrice)?;
    let last_updated = text(ticker, "last_updated").and_then(|time| Timestamp::parse(&time).ok());
    figures::quote(symbol, &in_dollars, &NAMES, last_updated)
}

/// A member that is a JSON string.
fn text(fields: &Fields<'_>, name: &str) -> Option<String> {
    serde_json::from_str(fields.get(name)?.get()).ok()
}
