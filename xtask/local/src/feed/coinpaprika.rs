//! CoinPaprika's `/tickers` (<https://api.coinpaprika.com/#tag/Tickers>), with US dollars only
//! and the members that the update function reads.

use std::collections::HashMap;

use contract::catalogue::COINS;
use serde_json::{Value, json};

use super::faults::Pointers;
use super::random_walk::RandomWalk;

/// The place of a coin's price and time in the response.
pub(super) const POINTERS: Pointers = Pointers {
    price: "/quotes/USD/price",
    time: "/last_updated",
};

/// Returns the body of the response, with every coin of the catalogue. Without `quotes`,
/// CoinPaprika answers in dollars.
pub(super) fn tickers(prices: &RandomWalk, parameters: &HashMap<String, String>) -> Value {
    let in_dollars = parameters
        .get("quotes")
        .is_none_or(|quotes| quotes.split(',').any(|quote| quote.trim() == "USD"));
    let tickers = COINS.iter().enumerate().filter_map(|(index, coin)| {
        let present = prices.coin(coin.coingecko_id)?;
        let mut quotes = json!({});
        if in_dollars {
            quotes["USD"] = json!({
                "price": present.price,
                "market_cap": present.market_cap,
                "percent_change_24h": present.change_24h,
            });
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
    tickers.collect()
}
