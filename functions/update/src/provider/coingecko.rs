//! CoinGecko's `/simple/price`, on the public, the demo and the pro API.
//!
//! Source: <https://docs.coingecko.com/reference/simple-price>. `samples/` has recorded
//! responses.

use reqwest::header::{HeaderName, InvalidHeaderValue};
use reqwest::{Request, StatusCode, Url};
use serde_json::value::RawValue;
use shared::currency::ListedCurrency;
use shared::settings::ExternalApiKey;
use shared::symbol::Symbol;

use super::numbers::CoinNumbers;
use super::reason::Reason;
use super::response::response;
use super::{Endpoint, InvalidResponse, Provider, ProviderResponse, json};

/// The host that accepts pro keys. A key for any other host is a demo key.
/// <https://docs.coingecko.com/reference/authentication>
const PRO_HOST: &str = "pro-api.coingecko.com";
const PRO_KEY_HEADER: HeaderName = HeaderName::from_static("x-cg-pro-api-key");
const DEMO_KEY_HEADER: HeaderName = HeaderName::from_static("x-cg-demo-api-key");

/// The members of a coin's object: its numbers in US dollars and its time. In the names for another
/// currency, the currency's code replaces `usd`.
const MEMBERS: [&str; 5] = [
    "usd",
    "usd_market_cap",
    "usd_24h_vol",
    "usd_24h_change",
    "last_updated_at",
];

#[derive(Debug)]
pub struct CoinGecko {
    endpoint: Endpoint,
}

impl CoinGecko {
    /// Creates the provider below `base`, for example `https://api.coingecko.com/api/v3`.
    ///
    /// # Errors
    ///
    /// The key has a character that an HTTP header cannot have.
    pub fn new(base: &Url, key: Option<&ExternalApiKey>) -> Result<Self, InvalidHeaderValue> {
        let header = if base.host_str() == Some(PRO_HOST) {
            PRO_KEY_HEADER
        } else {
            DEMO_KEY_HEADER
        };
        let endpoint = Endpoint::new(base, "simple/price", header, key)?;
        Ok(Self { endpoint })
    }
}

impl Provider for CoinGecko {
    fn name(&self) -> &'static str {
        "coingecko"
    }

    fn endpoint(&self) -> &Url {
        &self.endpoint.url
    }

    fn request(&self, symbols: &[Symbol]) -> Request {
        let ids: Vec<&str> = symbols.iter().map(|symbol| symbol.coingecko_id()).collect();
        // The provider leaves out a currency that it does not know.
        let currencies = ListedCurrency::all().map(|currency| format!(",{}", lower_case(currency)));
        // Ids are lower-case words with hyphens, so nothing needs escaping.
        self.endpoint.get(&format!(
            "ids={}&vs_currencies=usd{}&include_market_cap=true&include_24hr_vol=true\
             &include_24hr_change=true&include_last_updated_at=true&precision=full",
            ids.join(","),
            currencies.collect::<String>(),
        ))
    }

    fn parse(&self, body: &[u8], symbols: &[Symbol]) -> Result<ProviderResponse, InvalidResponse> {
        let ids: Vec<_> = symbols.iter().map(|symbol| symbol.coingecko_id()).collect();
        let coins = json::object(body, &ids).map_err(InvalidResponse::Malformed)?;
        response(
            symbols,
            coins.into_iter().map(|coin| coin.map(numbers)),
            in_currency,
        )
    }

    fn advice(&self, status: StatusCode, reason: Option<&Reason>) -> Option<&'static str> {
        let has_key = self.endpoint.key.is_some();
        Some(
            match (reason.and_then(|reason| reason.code), status.as_u16()) {
                (Some(10_010 | 10_011), _) => {
                    "the key and EXTERNAL_API_URL do not match: a demo key needs \
                 https://api.coingecko.com/api/v3, a pro key https://pro-api.coingecko.com/api/v3"
                }
                (Some(10_002), _) => "set EXTERNAL_API_KEY to a valid key",
                (Some(10_005), _) => "use a key whose plan includes /simple/price",
                _ if reason.is_some_and(|reason| reason.mentions("user-agent")) => {
                    "the provider refuses the User-Agent, not the key"
                }
                (Some(429), _) | (_, 429) if has_key => {
                    "use a plan with a higher limit, or a slower schedule"
                }
                (Some(429), _) | (_, 429) => {
                    "set EXTERNAL_API_KEY: without a key the limit is shared with other clients"
                }
                (_, 400 | 401) if has_key => {
                    "check that the key is valid and matches EXTERNAL_API_URL"
                }
                (_, 401) => "set EXTERNAL_API_KEY",
                (_, 403) if has_key => {
                    "the provider refuses this client or its address; \
                 check also that the key matches EXTERNAL_API_URL"
                }
                (_, 403) => "the provider refuses this client or its address; a key can help",
                _ => return None,
            },
        )
    }
}

fn numbers(coin: &RawValue) -> CoinNumbers<'_> {
    let [price, market_cap, volume_24h, change_24h, last_updated] =
        json::members(coin, MEMBERS).unwrap_or_default();
    CoinNumbers {
        price,
        market_cap,
        volume_24h,
        change_24h,
        last_updated,
        quotes: Some(coin),
    }
}

fn in_currency(coin: &RawValue, currency: ListedCurrency) -> [Option<&RawValue>; 2] {
    let price = lower_case(currency);
    let change = format!("{price}_24h_change");
    json::members(coin, [&price, &change]).unwrap_or_default()
}

fn lower_case(currency: ListedCurrency) -> String {
    currency.code().to_ascii_lowercase()
}
