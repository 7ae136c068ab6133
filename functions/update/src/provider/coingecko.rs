//! CoinGecko's `/simple/price`, on the public, the demo and the pro API.
//!
//! Source: <https://docs.coingecko.com/reference/simple-price>. `samples/` holds
//! answers as they were sent.

use reqwest::header::{ACCEPT, HeaderName, HeaderValue, InvalidHeaderValue};
use reqwest::{Method, Request, StatusCode, Url};
use serde_json::value::RawValue;
use shared::settings::ExternalApiKey;
use shared::symbol::Symbol;

use super::figures::{self, Figures};
use super::reason::Reason;
use super::{Answer, InvalidAnswer, Provider, Quote, SkipReason, header_value, json};

/// The host on which a key is a pro key; on any other it is a demo key.
/// <https://docs.coingecko.com/reference/authentication>
const PRO_HOST: &str = "pro-api.coingecko.com";
const PRO_KEY_HEADER: HeaderName = HeaderName::from_static("x-cg-pro-api-key");
const DEMO_KEY_HEADER: HeaderName = HeaderName::from_static("x-cg-demo-api-key");

/// The members of one coin's object that are read.
const MEMBERS: [&str; 4] = ["usd", "usd_market_cap", "usd_24h_change", "last_updated_at"];

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
        let ids: Vec<_> = symbols.iter().map(|symbol| symbol.coingecko_id()).collect();
        let coins = json::object(body, &ids).map_err(InvalidAnswer::Malformed)?;
        let answer = figures::answer(symbols, |at, symbol| {
            let coin = coins.get(at).copied().flatten();
            quote(symbol, coin.ok_or(SkipReason::NotAnswered)?)
        });
        answer.map_err(|no_prices| match Reason::read(body) {
            Some(reason) => InvalidAnswer::Refused {
                advice: self.advice(None, Some(&reason)),
                reason,
            },
            None => no_prices,
        })
    }

    fn advice(&self, status: Option<StatusCode>, reason: Option<&Reason>) -> Option<&'static str> {
        let has_key = self.key.is_some();
        let status = status.map(|status| status.as_u16());
        Some(match (reason.and_then(|reason| reason.code), status) {
            (Some(10_010 | 10_011), _) => {
                "the key and EXTERNAL_API_URL do not fit: a demo key needs \
                 https://api.coingecko.com/api/v3, a pro key https://pro-api.coingecko.com/api/v3"
            }
            (Some(10_002), _) => "set EXTERNAL_API_KEY to a key that exists",
            (Some(10_005), _) => "use a key whose plan includes /simple/price",
            _ if reason.is_some_and(|reason| reason.mentions("user-agent")) => {
                "the provider refuses the User-Agent, not the key"
            }
            (Some(429), _) | (_, Some(429)) if has_key => {
                "use a plan with a higher limit, or a slower schedule"
            }
            (Some(429), _) | (_, Some(429)) => {
                "set EXTERNAL_API_KEY: without a key the limit is shared with others"
            }
            (_, Some(400 | 401)) if has_key => "check the key, and that it fits EXTERNAL_API_URL",
            (_, Some(401)) => "set EXTERNAL_API_KEY",
            (_, Some(403)) if has_key => {
                "the provider refuses this client or its address; \
                 check also that the key and EXTERNAL_API_URL fit each other"
            }
            (_, Some(403)) => "the provider refuses this client or its address; a key can help",
            _ => return None,
        })
    }
}

fn quote(symbol: Symbol, coin: &RawValue) -> Result<Quote, SkipReason> {
    let [price, market_cap, change_24h, last_updated] =
        json::members(coin, MEMBERS).ok_or(SkipReason::NoPrice)?;
    let figures = Figures {
        price,
        market_cap,
        change_24h,
        last_updated,
    };
    figures.quote(symbol)
}
