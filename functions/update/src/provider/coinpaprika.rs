//! CoinPaprika's `/tickers`, the second provider.
//!
//! Source: <https://docs.coinpaprika.com/api-reference/tickers/get-tickers-for-all-active-coins>.
//! It was chosen because it is independent of CoinGecko, sends market
//! capitalisation and 24-hour change, and needs no key. Its free plan is for
//! non-commercial use, renews prices about every 10 minutes and allows 20,000
//! calls a month: one call a run, that is 8,640 a month, fits even while the
//! first provider is down all month. A call for each coin would not. Its paid
//! plans take a key, on the host `api-pro.coinpaprika.com`.

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue, InvalidHeaderValue};
use reqwest::{Method, Request, StatusCode, Url};
use serde_json::value::RawValue;
use shared::settings::ExternalApiKey;
use shared::symbol::Symbol;

use super::figures::{self, Figures};
use super::reason::Reason;
use super::{Answer, InvalidAnswer, Provider, Quote, SkipReason, header_value, json};

/// The currency of every figure.
const DOLLARS: &str = "USD";

/// The members of a ticker that are read.
const TICKER: [&str; 3] = ["id", "last_updated", "quotes"];

/// The members of `quotes.USD` that are read.
const FIGURES: [&str; 3] = ["price", "market_cap", "percent_change_24h"];

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
        let mut tickers: Vec<Option<Ticker<'_>>> = vec![None; symbols.len()];
        json::array(body, |ticker| {
            let Some([id, last_updated, quotes]) = json::members(ticker, TICKER) else {
                return;
            };
            let id = id.and_then(json::text);
            let mut places = symbols.iter().zip(&mut tickers);
            let place = places.find(|(symbol, _)| id.as_deref() == Some(symbol.coinpaprika_id()));
            // If a coin comes twice, the last one counts.
            if let Some((_, place)) = place {
                *place = Some(Ticker {
                    last_updated,
                    quotes,
                });
            }
        })
        .map_err(|malformed| match Reason::read(body) {
            Some(reason) => InvalidAnswer::Refused {
                advice: None,
                reason,
            },
            None => InvalidAnswer::Malformed(malformed),
        })?;
        figures::answer(symbols, |at, symbol| {
            let ticker = tickers.get(at).copied().flatten();
            quote(symbol, ticker.ok_or(SkipReason::NotAnswered)?)
        })
    }

    fn advice(&self, status: Option<StatusCode>, _: Option<&Reason>) -> Option<&'static str> {
        match status.map(|status| status.as_u16()) {
            Some(401..=403) if self.key.is_some() => {
                Some("check the key, its plan, and that it fits SECOND_API_URL")
            }
            Some(429) if self.key.is_none() => {
                Some("set SECOND_API_KEY: without a key the limit is 20,000 calls a month")
            }
            _ => None,
        }
    }
}

/// The members of a ticker that are read; absent where the ticker has none.
#[derive(Clone, Copy)]
struct Ticker<'a> {
    last_updated: Option<&'a RawValue>,
    quotes: Option<&'a RawValue>,
}

fn quote(symbol: Symbol, ticker: Ticker<'_>) -> Result<Quote, SkipReason> {
    let in_dollars = ticker.quotes.and_then(|quotes| {
        let [in_dollars] = json::members(quotes, [DOLLARS])?;
        json::members(in_dollars?, FIGURES)
    });
    let [price, market_cap, change_24h] = in_dollars.ok_or(SkipReason::NoPrice)?;
    let figures = Figures {
        price,
        market_cap,
        change_24h,
        last_updated: ticker.last_updated,
    };
    figures.quote(symbol)
}
