//! CoinPaprika's `/tickers`, as far as the update function reads it.

use contract::catalogue::COINS;
use serde_json::{Value, json};

use super::Parameters;
use super::fault::Figures;
use super::walk::Walk;

/// Where the figures stand in a ticker.
pub(super) const FIGURES: Figures = Figures {
    price: "/quotes/USD/price",
    time: "/last_updated",
};

/// Every coin. Prices are in dollars, which is what CoinPaprika answers
/// without `quotes` too; other currencies are left out.
pub(super) fn answer(walk: &Walk, parameters: &Parameters) -> Value {
    let in_dollars = parameters
        .get("quotes")
        .is_none_or(|quotes| quotes.split(',').any(|quote| quote.trim() == "USD"));
    let tickers = COINS.iter().enumerate().filter_map(|(at, coin)| {
        let figures = walk.figures(coin.coingecko_id)?;
        let quotes = if in_dollars {
            json!({"USD": {
                "price": figures.price,
                "market_cap": figures.market_cap,
                "percent_change_24h": figures.change_24h,
            }})
        } else {
            json!({})
        };
        Some(json!({
            "id": coin.coinpaprika_id,
            "name": coin.name,
            "symbol": coin.symbol,
            "rank": at + 1,
            "last_updated": figures.last_updated,
            "quotes": quotes,
        }))
    });
    tickers.collect()
}
