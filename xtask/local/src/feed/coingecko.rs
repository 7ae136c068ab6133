//! CoinGecko's `/simple/price`
//! (<https://docs.coingecko.com/reference/simple-price>), with US dollars only.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::faults::Pointers;
use super::random_walk::RandomWalk;

/// The place of a coin's price and time in the response.
pub(super) const POINTERS: Pointers = Pointers {
    price: "/usd",
    time: "/last_updated_at",
};

/// Returns the body of the response. Unknown coins and currencies are left out.
///
/// # Errors
///
/// CoinGecko's message for a missing parameter.
pub(super) fn simple_price(
    prices: &RandomWalk,
    parameters: &HashMap<String, String>,
) -> Result<Value, String> {
    let parameter = |name: &str| parameters.get(name).map_or("", String::as_str);
    for name in ["vs_currencies", "ids"] {
        if parameter(name).is_empty() {
            return Err(format!("Missing parameter {name}"));
        }
    }
    let in_dollars = parameter("vs_currencies")
        .split(',')
        .any(|currency| currency.trim() == "usd");
    let mut coins = Map::new();
    for id in parameter("ids").split(',').map(str::trim) {
        let Some(coin) = prices.coin(id) else {
            continue;
        };
        let mut fields = json!({});
        if in_dollars {
            fields["usd"] = coin.price.into();
            if parameter("include_market_cap") == "true" {
                fields["usd_market_cap"] = coin.market_cap.into();
            }
            if parameter("include_24hr_change") == "true" {
                fields["usd_24h_change"] = coin.change_24h.into();
            }
        }
        if parameter("include_last_updated_at") == "true" {
            fields["last_updated_at"] = coin.last_updated.unix_seconds().into();
        }
        coins.insert(id.to_owned(), fields);
    }
    Ok(coins.into())
}

#[cfg(test)]
mod tests {
    use shared::timestamp::Timestamp;

    use super::*;

    fn noon() -> Timestamp {
        Timestamp::parse("2026-01-15T12:00:00Z").unwrap()
    }

    fn get(parameters: &[(&str, &str)]) -> Result<Value, String> {
        let parameters = parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        simple_price(&RandomWalk::new(7, noon()), &parameters)
    }

    #[test]
    fn optional_fields_come_on_request_only() {
        assert_eq!(
            get(&[("ids", "bitcoin"), ("vs_currencies", "usd")]),
            Ok(json!({"bitcoin": {"usd": 42632.0}}))
        );
        assert_eq!(
            get(&[
                ("ids", "solana"),
                ("vs_currencies", "usd"),
                ("include_24hr_change", "true"),
                ("include_market_cap", "false"),
                ("include_last_updated_at", "true"),
            ]),
            Ok(json!({"solana": {
                "usd": 104.6,
                "usd_24h_change": 1.230_24,
                "last_updated_at": noon().unix_seconds(),
            }}))
        );
    }

    #[test]
    fn unknown_coins_and_currencies_are_left_out() {
        assert_eq!(
            get(&[
                ("ids", "matic-network,bitcoin,,nope"),
                ("vs_currencies", "eur,usd")
            ]),
            Ok(json!({"bitcoin": {"usd": 42632.0}}))
        );
        assert_eq!(
            get(&[("ids", "bitcoin"), ("vs_currencies", "eur")]),
            Ok(json!({"bitcoin": {}}))
        );
        assert_eq!(
            get(&[("ids", "nope"), ("vs_currencies", "usd")]),
            Ok(json!({}))
        );
    }

    #[test]
    fn a_missing_parameter_is_named() {
        let missing = |name: &str| Err(format!("Missing parameter {name}"));
        assert_eq!(get(&[("ids", "bitcoin")]), missing("vs_currencies"));
        assert_eq!(get(&[("vs_currencies", "usd")]), missing("ids"));
        assert_eq!(
            get(&[("vs_currencies", "usd"), ("ids", "")]),
            missing("ids")
        );
    }
}
