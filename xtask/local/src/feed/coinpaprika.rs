//! CoinPaprika's `/tickers` (<https://api.coinpaprika.com/#tag/Tickers>), in US dollars and the
//! currencies of the catalogue. Each ticker has only the members that the update function reads, and a
//! name and a rank.

use std::collections::HashMap;

use contract::catalogue::{COINS, DOLLARS};
use serde_json::{Value, json};

use super::faults::Pointers;
use super::random_walk::RandomWalk;

/// The places of a coin's values in the response.
pub(super) const POINTERS: Pointers = Pointers {
    price: "/quotes/USD/price",
    euros: "/quotes/EUR/price",
    volume: "/quotes/USD/volume_24h",
    time: "/last_updated",
};

/// The largest number of currencies that CoinPaprika accepts in one request.
const MAX_QUOTES: usize = 3;

/// Returns the body of the response, with every coin of the catalogue. Without the parameter
/// `quotes`, the prices are in dollars.
///
/// # Errors
///
/// Fails if `quotes` has more than [`MAX_QUOTES`] currencies.
pub(super) fn tickers(
    prices: &RandomWalk,
    parameters: &HashMap<String, String>,
) -> Result<Value, String> {
    let requested = parameters.get("quotes").map_or(DOLLARS, String::as_str);
    let requested: Vec<_> = requested.split(',').map(str::trim).collect();
    if requested.len() > MAX_QUOTES {
        return Err(format!("quotes has more than {MAX_QUOTES} currencies"));
    }
    let tickers = COINS.iter().enumerate().filter_map(|(index, coin)| {
        let present = prices.coin(coin.coingecko_id)?;
        let mut quotes = json!({});
        for code in &requested {
            if let Some(present) = prices.coin_in(coin.coingecko_id, code) {
                quotes[*code] = json!({
                    "price": present.price,
                    "market_cap": present.market_cap,
                    "volume_24h": present.volume_24h,
                    "percent_change_24h": present.change_24h,
                });
            }
        }
        Some(json!({
            "id": coin.coinpaprika_id,
            "name": coin.name,
            "symbol": coin.symbol,
            "rank": index + 1,
            "last_updated": present.last_updated,
            "quotes": quotes,
        }))
    });
    Ok(tickers.collect())
}
