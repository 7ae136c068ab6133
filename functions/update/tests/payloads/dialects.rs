//! The JSON forms of the providers' responses, so that one test can run for both providers.

use reqwest::Url;
use shared::symbol::Symbol;
use update::provider::{CoinGecko, CoinPaprika, InvalidResponse, Provider, ProviderResponse};

use crate::{SIMPLE_PRICE, TICKERS};

/// The code of a currency, and the members of a coin in this currency.
pub(crate) type InCurrency = (&'static str, Vec<String>);

/// The JSON form of one provider's responses.
pub(crate) struct Dialect {
    pub(crate) provider: Box<dyn Provider>,
    /// Returns the names of price, market capitalisation, volume and change in a currency.
    pub(crate) names: fn(&str) -> [String; 4],
    pub(crate) time_name: &'static str,
    /// [`TIME`] in the provider's form.
    pub(crate) time: &'static str,
    /// Writes a coin from its members in each currency and its time members (0 to 2).
    pub(crate) coin: fn(Symbol, &[InCurrency], &[String]) -> String,
    /// Writes a response with its coins.
    pub(crate) response: fn(&str) -> String,
    pub(crate) recorded: &'static str,
}

/// 2025-05-16T15:04:19Z.
pub(crate) const TIME: i64 = 1_747_407_859;

pub(crate) fn dialects() -> [Dialect; 2] {
    let base = Url::parse("https://example.com").unwrap();
    [
        Dialect {
            provider: Box::new(CoinGecko::new(&base, None).unwrap()),
            names: |code| {
                let code = code.to_lowercase();
                ["", "_market_cap", "_24h_vol", "_24h_change"].map(|name| format!("{code}{name}"))
            },
            time_name: "last_updated_at",
            time: "1747407859",
            coin: |symbol, currencies, time| {
                let members = currencies.iter().map(|(_, members)| members.as_slice());
                let members: Vec<_> = members.chain([time]).flatten().cloned().collect();
                format!(r#""{}":{{{}}}"#, symbol.coingecko_id(), members.join(","))
            },
            response: |coins| format!("{{{coins}}}"),
            recorded: SIMPLE_PRICE,
        },
        Dialect {
            provider: Box::new(CoinPaprika::new(&base, None).unwrap()),
            names: |_| {
                ["price", "market_cap", "volume_24h", "percent_change_24h"].map(str::to_owned)
            },
            time_name: "last_updated",
            time: "\"2025-05-16T15:04:19Z\"",
            coin: |symbol, currencies, time| {
                let quote =
                    |(code, members): &InCurrency| format!(r#""{code}":{{{}}}"#, members.join(","));
                let quotes: Vec<_> = currencies.iter().map(quote).collect();
                let mut members = vec![
                    format!(r#""id":"{}""#, symbol.coinpaprika_id()),
                    format!(r#""quotes":{{{}}}"#, quotes.join(",")),
                ];
                members.extend_from_slice(time);
                format!("{{{}}}", members.join(","))
            },
            response: |coins| format!("[{coins}]"),
            recorded: TICKERS,
        },
    ]
}

impl Dialect {
    pub(crate) fn parse(
        &self,
        body: impl AsRef<[u8]>,
        symbols: &[Symbol],
    ) -> Result<ProviderResponse, InvalidResponse> {
        self.provider.parse(body.as_ref(), symbols)
    }
}

/// Returns JSON members with the same name, one for each value.
pub(crate) fn members(name: &str, json: &[String]) -> Vec<String> {
    json.iter()
        .map(|json| format!("\"{name}\":{json}"))
        .collect()
}
