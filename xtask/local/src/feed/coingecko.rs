//! CoinGecko's `/simple/price`
//! (<https://docs.coingecko.com/reference/simple-price>), in US dollars and the currencies of the
//! catalogue.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::faults::Pointers;
use super::random_walk::RandomWalk;

/// The places of a coin's values in the response.
pub(super) const POINTERS: Pointers = Pointers {
    price: "/usd",
    euros: "/eur",
    volume: "/usd_24h_vol",
    time: "/last_updated_at",
};

/// Returns the body of the response. Unknown coins and currencies are left out.
///
/// # Errors
///
/// Fails with CoinGecko's message if a parameter is missing.
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
    let included = [
        ("include_market_cap", "market_cap"),
        ("include_24hr_vol", "24h_vol"),
        ("include_24hr_change", "24h_change"),
    ];
    let mut coins = Map::new();
    for id in parameter("ids").split(',').map(str::trim) {
        let Some(coin) = prices.coin(id) else {
            continue;
        };
        let mut fields = json!({});
        for currency in parameter("vs_currencies").split(',').map(str::trim) {
            let Some(coin) = prices.coin_in(id, &currency.to_ascii_uppercase()) else {
                continue;
            };
            fields[currency] = coin.price.into();
            let values = [coin.market_cap, coin.volume_24h, coin.change_24h];
            for ((parameter_name, suffix), value) in included.into_iter().zip(values) {
                if parameter(parameter_name) == "true" {
                    fields[format!("{currency}_{suffix}")] = value.into();
                }
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
    use crate::feed::opening_prices::opening_rate;

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
    fn optional_fields_are_sent_only_on_request() {
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
                ("vs_currencies", "xxx,usd")
            ]),
            Ok(json!({"bitcoin": {"usd": 42632.0}}))
        );
        assert_eq!(
            get(&[("ids", "bitcoin"), ("vs_currencies", "xxx")]),
            Ok(json!({"bitcoin": {}}))
        );
        assert_eq!(
            get(&[("ids", "nope"), ("vs_currencies", "usd")]),
            Ok(json!({}))
        );
    }

    #[test]
    fn every_requested_currency_has_its_own_values() {
        let response = get(&[
            ("ids", "bitcoin"),
            ("vs_currencies", "usd,jpy"),
            ("include_market_cap", "true"),
            ("include_24hr_vol", "true"),
            ("include_24hr_change", "true"),
        ]);
        let coin = &response.unwrap()["bitcoin"];
        let rate = opening_rate("JPY");
        let value = |name: &str| coin[name].as_f64().unwrap();
        for suffix in ["", "_market_cap", "_24h_vol"] {
            let (yen, dollars) = (
                value(&format!("jpy{suffix}")),
                value(&format!("usd{suffix}")),
            );
            assert!((yen / dollars - rate.value).abs() < 1e-6, "{suffix}");
        }
        let factor = |percent: f64| 1.0 + percent / 100.0;
        let change = factor(value("usd_24h_change")) * factor(rate.change_24h) - 1.0;
        assert!((value("jpy_24h_change") - 100.0 * change).abs() < 1e-4);
        assert_eq!(coin.as_object().unwrap().len(), 8, "4 in each currency");
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
