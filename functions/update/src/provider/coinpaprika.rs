//! CoinPaprika's `/tickers`, the second provider.
//!
//! Source: <https://docs.coinpaprika.com/api-reference/tickers/get-tickers-for-all-active-coins>.
//! CoinPaprika is independent of CoinGecko, sends market capitalisation and 24-hour change, and
//! needs no key. Its free plan is for non-commercial use, renews prices about every 10 minutes
//! and allows 20,000 calls a month. One call per run, every five minutes, is 8,640 calls a month.
//! The plan suffices even if the first provider is down for a month, but not for one call per coin.
//! The paid plans need a key and the host `api-pro.coinpaprika.com`.

use contract::catalogue::DOLLARS;
use reqwest::header::{AUTHORIZATION, InvalidHeaderValue};
use reqwest::{Request, StatusCode, Url};
use serde_json::value::RawValue;
use shared::currency::ListedCurrency;
use shared::settings::ExternalApiKey;
use shared::symbol::Symbol;

use super::numbers::CoinNumbers;
use super::reason::Reason;
use super::response::response;
use super::{Endpoint, InvalidResponse, Provider, ProviderResponse, json};

/// The number of listed currencies in a request. The provider accepts at most three currencies, one
/// of which is US dollars (<https://github.com/smartcontractkit/external-adapters-js/pull/2303>).
/// Every further currency keeps its stored rate while this provider serves.
const CURRENCIES: usize = 2;

/// The members of a ticker that the update reads.
const TICKER: [&str; 3] = ["id", "last_updated", "quotes"];

/// The members of `quotes.USD` that the update reads.
const NUMBERS: [&str; 4] = ["price", "market_cap", "volume_24h", "percent_change_24h"];

#[derive(Debug)]
pub struct CoinPaprika {
    endpoint: Endpoint,
}

impl CoinPaprika {
    /// Creates the provider below `base`, for example `https://api.coinpaprika.com/v1`.
    ///
    /// # Errors
    ///
    /// The key has a character that an HTTP header cannot have.
    pub fn new(base: &Url, key: Option<&ExternalApiKey>) -> Result<Self, InvalidHeaderValue> {
        // The header has the key alone, without a scheme:
        // <https://docs.coinpaprika.com/api-reference/rest-api/introduction>.
        let endpoint = Endpoint::new(base, "tickers", AUTHORIZATION, key)?;
        Ok(Self { endpoint })
    }
}

impl Provider for CoinPaprika {
    fn name(&self) -> &'static str {
        "coinpaprika"
    }

    fn endpoint(&self) -> &Url {
        &self.endpoint.url
    }

    /// Builds the request for all coins, because the provider cannot select several coins.
    fn request(&self, _: &[Symbol]) -> Request {
        let currencies = ListedCurrency::all().take(CURRENCIES);
        let currencies = currencies.map(|currency| format!(",{}", currency.code()));
        let currencies: String = currencies.collect();
        self.endpoint.get(&format!("quotes={DOLLARS}{currencies}"))
    }

    fn parse(&self, body: &[u8], symbols: &[Symbol]) -> Result<ProviderResponse, InvalidResponse> {
        let mut coins = vec![None; symbols.len()];
        json::array(body, |ticker| {
            let Some([id, last_updated, quotes]) = json::members(ticker, TICKER) else {
                return;
            };
            let id = id.and_then(json::text);
            let mut places = symbols.iter().zip(&mut coins);
            let place = places.find(|(symbol, _)| id.as_deref() == Some(symbol.coinpaprika_id()));
            // If a coin has several tickers, the last one counts.
            if let Some((_, place)) = place {
                let in_dollars = quotes.and_then(|quotes| quote(quotes, DOLLARS, NUMBERS));
                let [price, market_cap, volume_24h, change_24h] = in_dollars.unwrap_or_default();
                *place = Some(CoinNumbers {
                    price,
                    market_cap,
                    volume_24h,
                    change_24h,
                    last_updated,
                    quotes,
                });
            }
        })
        .map_err(InvalidResponse::Malformed)?;
        response(symbols, coins, in_currency)
    }

    fn advice(&self, status: StatusCode, _: Option<&Reason>) -> Option<&'static str> {
        match status.as_u16() {
            401..=403 if self.endpoint.key.is_some() => {
                Some("check the key and its plan, and that the key matches SECOND_API_URL")
            }
            429 if self.endpoint.key.is_none() => {
                Some("set SECOND_API_KEY: without a key the limit is 20,000 calls a month")
            }
            _ => None,
        }
    }
}

fn in_currency(quotes: &RawValue, currency: ListedCurrency) -> [Option<&RawValue>; 2] {
    quote(quotes, currency.code(), ["price", "percent_change_24h"]).unwrap_or_default()
}

/// Returns the members with these names from the quote in one currency.
fn quote<'a, const N: usize>(
    quotes: &'a RawValue,
    currency: &str,
    names: [&str; N],
) -> Option<[Option<&'a RawValue>; N]> {
    let [quote] = json::members(quotes, [currency])?;
    json::members(quote?, names)
}
