//! The prices and rates at which the feed's random walk starts. A coin without a line here starts at one
//! dollar, and a currency without a line at the rate 1.

/// The data of a coin before the first step of the random walk, in US dollars.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct OpeningPrice {
    /// The coin's id at CoinGecko.
    pub(super) id: &'static str,
    pub(super) price: f64,
    /// The number of coins in circulation: the market capitalisation is price times supply.
    pub(super) supply: f64,
    /// The change over the 24 hours before the walk, in percent.
    pub(super) change_24h: f64,
}

const fn opening(id: &'static str, price: f64, supply: f64, change_24h: f64) -> OpeningPrice {
    OpeningPrice {
        id,
        price,
        supply,
        change_24h,
    }
}

/// The prices of 2024-01-01. The first eight are from a recorded response of CoinGecko, which has POL
/// under its old name MATIC. The others are rounded.
pub(super) const OPENING_PRICES: [OpeningPrice; 20] = [
    opening("bitcoin", 42_632.0, 19_586_781.0, 0.124_24),
    opening("ethereum", 2_301.14, 120_183_924.988_634, -0.171_95),
    opening("binancecoin", 310.5, 153_856_150.0, -1.862_61),
    opening("solana", 104.6, 429_897_288.174_792, 1.230_24),
    opening("ripple", 0.619_553, 54_125_149_173.0, -0.654_57),
    opening("dogecoin", 0.090_842, 142_475_236_383.705, 0.753_4),
    opening("tron", 0.106_931, 88_317_106_879.739_1, -0.189_29),
    opening(
        "polygon-ecosystem-token",
        0.984_4,
        9_282_943_566.203_985,
        -1.492_92,
    ),
    opening("cardano", 0.6, 35_100_000_000.0, 0.9),
    opening("avalanche-2", 39.6, 366_000_000.0, 2.1),
    opening("chainlink", 15.2, 568_000_000.0, -0.4),
    opening("polkadot", 8.3, 1_270_000_000.0, 0.6),
    opening("stellar", 0.129, 28_200_000_000.0, -0.2),
    opening("litecoin", 73.5, 74_100_000.0, 0.3),
    opening("uniswap", 7.4, 598_000_000.0, 1.1),
    opening("cosmos", 10.7, 385_000_000.0, -0.7),
    opening("internet-computer", 13.0, 457_000_000.0, 3.4),
    opening("filecoin", 7.1, 495_000_000.0, 1.8),
    opening("algorand", 0.224, 8_040_000_000.0, 0.5),
    opening("vechain", 0.034_2, 72_700_000_000.0, -1.3),
];

/// The data of a currency before the first step of the random walk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct OpeningRate {
    /// The value of one US dollar in the currency.
    pub(super) value: f64,
    /// The change over the 24 hours before the walk, in percent.
    pub(super) change_24h: f64,
}

/// Returns the rounded rate of a currency on 2024-01-01.
pub(super) fn opening_rate(code: &str) -> OpeningRate {
    let (value, change_24h) = match code {
        "EUR" => (0.906, 0.21),
        "JPY" => (141.0, -0.35),
        "GBP" => (0.785, 0.08),
        _ => (1.0, 0.0),
    };
    OpeningRate { value, change_24h }
}

pub(super) fn opening_price(id: &'static str) -> OpeningPrice {
    OPENING_PRICES
        .into_iter()
        .find(|opening| opening.id == id)
        .unwrap_or(opening(id, 1.0, 1_000_000_000.0, 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::value::RawValue;
    use std::collections::BTreeMap;

    const MARKETS: &str = include_str!(
        "../../../../functions/update/samples/coingecko-coins-markets-2024-01-01.json"
    );

    #[test]
    fn each_coin_of_the_list_is_in_the_catalogue_and_listed_once() {
        let mut ids: Vec<_> = OPENING_PRICES.iter().map(|opening| opening.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), OPENING_PRICES.len());
        for id in ids {
            let known = |coin: &contract::catalogue::Coin| coin.coingecko_id == id;
            assert!(contract::catalogue::COINS.iter().any(known), "{id}");
        }
    }

    #[test]
    fn a_coin_that_is_not_listed_has_a_price() {
        assert!(opening_price("a-future-coin").price > 0.0);
    }

    #[test]
    fn recorded_coins_have_the_recorded_prices() {
        // Read as text, because serde_json's floats may differ in the last bit.
        let markets: Vec<BTreeMap<String, Box<RawValue>>> = serde_json::from_str(MARKETS).unwrap();
        let mut compared = 0;
        for market in &markets {
            let id = match market["id"].get().trim_matches('"') {
                "matic-network" => "polygon-ecosystem-token",
                id => id,
            };
            let opening = OPENING_PRICES
                .iter()
                .find(|opening| opening.id == id)
                .unwrap();
            for (ours, field) in [
                (opening.price, "current_price"),
                (opening.supply, "circulating_supply"),
                (opening.change_24h, "price_change_percentage_24h"),
            ] {
                let recorded: f64 = market[field].get().parse().unwrap();
                assert_eq!(ours.to_bits(), recorded.to_bits(), "{field} of {id}");
                compared += 1;
            }
        }
        assert_eq!(compared, 3 * 8, "three values of each recorded coin");
    }
}
