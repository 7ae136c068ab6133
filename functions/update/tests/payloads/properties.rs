//! Property tests of the parsers with everything that a provider could send.

use std::collections::BTreeMap;

use contract::catalogue::CURRENCIES;
use proptest::prelude::*;
use reqwest::StatusCode;
use serde_json::Value;
use serde_json::value::RawValue;
use shared::decimal::Decimal;
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;
use update::fetch::{self, AttemptError};
use update::provider::{InvalidResponse, ProviderResponse, Quote, Reason};

use crate::dialects::{Dialect, TIME, dialects, members};
use crate::numbers::{Number, Time, number, time};
use crate::{MARKETS, decimal, symbol};

/// Returns the numbers of `/coins/markets` as text for each recorded coin of the catalogue: price,
/// market capitalisation, volume, change.
fn recorded() -> Vec<(Symbol, [String; 4])> {
    let markets: Vec<BTreeMap<String, Box<RawValue>>> = serde_json::from_str(MARKETS).unwrap();
    markets
        .iter()
        .filter_map(|market| {
            let id: String = serde_json::from_str(market["id"].get()).unwrap();
            let symbol = Symbol::all().find(|symbol| symbol.coingecko_id() == id)?;
            let number = |name: &str| market[name].get().to_owned();
            Some((
                symbol,
                [
                    number("current_price"),
                    number("market_cap"),
                    number("total_volume"),
                    number("price_change_percentage_24h"),
                ],
            ))
        })
        .collect()
}

/// Returns the expected quote of a coin; `None` without a positive price.
fn expected(
    symbol: Symbol,
    [price, cap, volume, change]: [Option<Decimal>; 4],
    timed: bool,
) -> Option<Quote> {
    Some(Quote {
        symbol,
        price: price.filter(Decimal::is_positive)?,
        market_cap: cap.filter(Decimal::is_positive),
        volume_24h: volume.filter(Decimal::is_positive),
        change_24h: change,
        last_updated: timed.then(|| Timestamp::from_unix_seconds(TIME).unwrap()),
    })
}

/// Generates any JSON of a few levels, often with names that the providers use.
fn json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        Just("btc-bitcoin".to_owned()),
        Just("2025-05-16T15:04:19Z".to_owned()),
        ".*",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        let key = prop_oneof![
            4 => proptest::sample::select(vec![
                "bitcoin", "ethereum", "usd", "usd_market_cap", "last_updated_at", "id", "quotes",
                "USD", "price", "market_cap", "last_updated", "eur", "eur_24h_change", "EUR",
            ])
            .prop_map(str::to_owned),
            1 => ".*",
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((key, inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_coin_with_a_price_keeps_every_digit_and_the_other_coins_are_named(
        coins in proptest::collection::vec(([number(), number(), number(), number()], time()), 7),
    ) {
        let recorded = recorded();
        prop_assert_eq!(recorded.len(), coins.len());
        let symbols: Vec<_> = recorded.iter().map(|(symbol, _)| *symbol).collect();
        for dialect in dialects() {
            let mut written = Vec::new();
            let mut wanted = Vec::new();
            for ((symbol, recorded), (numbers, time)) in recorded.iter().zip(&coins) {
                let (text, quote) = coin(&dialect, *symbol, recorded, numbers, *time);
                written.push(text);
                wanted.extend(quote);
            }
            let body = (dialect.response)(&written.join(","));
            match dialect.parse(&body, &symbols) {
                Ok(response) => {
                    let quotes = response.quotes.iter();
                    let mut named: Vec<_> = quotes.map(|quote| quote.symbol).collect();
                    named.extend(response.skipped.iter().map(|skipped| skipped.subject));
                    prop_assert_eq!(named.len(), symbols.len());
                    prop_assert!(symbols.iter().all(|symbol| named.contains(symbol)));
                    prop_assert_eq!(response.quotes, wanted);
                }
                Err(InvalidResponse::NoPrices(skipped)) => {
                    prop_assert_eq!(wanted, []);
                    prop_assert_eq!(skipped.len(), symbols.len());
                }
                Err(error) => return Err(TestCaseError::fail(format!("{error}: {body}"))),
            }
        }
    }

    #[test]
    fn any_json_is_parsed_without_a_panic_and_every_coin_is_in_the_result(value in json()) {
        let symbols: Vec<_> = Symbol::all().collect();
        for dialect in dialects() {
            for body in [value.to_string(), format!("[{value}]")] {
                match dialect.parse(body, &symbols) {
                    Ok(ProviderResponse { quotes, skipped, rates, skipped_rates }) => {
                        prop_assert!(!quotes.is_empty());
                        prop_assert_eq!(quotes.len() + skipped.len(), symbols.len());
                        prop_assert_eq!(rates.len() + skipped_rates.len(), CURRENCIES.len());
                        prop_assert!(rates.iter().all(|rate| rate.value.is_positive()));
                        for quote in quotes {
                            prop_assert!(quote.price.is_positive());
                            let text = quote.price.to_string();
                            prop_assert_eq!(Decimal::parse(&text), Ok(quote.price));
                        }
                    }
                    Err(InvalidResponse::NoPrices(skipped)) => {
                        prop_assert_eq!(skipped.len(), symbols.len());
                    }
                    Err(InvalidResponse::Malformed(_)) => {}
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_parsed_without_a_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        for dialect in dialects() {
            let _ = dialect.parse(&body, &[symbol("BTC")]);
        }
    }

    #[test]
    fn every_error_is_one_short_line(
        text in "(?s)\\PC{0,20}.{0,400}",
        shape in 0..7_usize,
        times in 1..2_000_usize,
    ) {
        let text = text.repeat(times.min(20_000 / text.len().max(1)));
        let string = serde_json::to_string(&text).unwrap();
        let body = match shape {
            0 => text,
            1 => string,
            2 => format!("[{string}]"),
            3 => format!(r#"{{"error":{string}}}"#),
            4 => format!(r#"{{"status":{{"error_code":400,"error_message":{string}}}}}"#),
            5 => format!(r#"{{"bitcoin":{{"usd":{string}}}}}"#),
            _ => format!(r#"[{{"id":"btc-bitcoin","quotes":{{"USD":{{"price":{string}}}}}}}]"#),
        };
        for dialect in dialects() {
            let provider = dialect.provider.as_ref();
            let symbols = [symbol("BTC")];
            let Err(error) = fetch::parse(provider, StatusCode::OK, body.as_bytes(), &symbols)
            else {
                continue;
            };
            let mut texts = vec![error.to_string()];
            if let AttemptError::InvalidResponse(InvalidResponse::NoPrices(skipped)) = error {
                texts.extend(skipped.iter().map(ToString::to_string));
            }
            let status = StatusCode::BAD_REQUEST;
            let reason = Reason::read_error(body.as_bytes());
            let advice = provider.advice(status, reason.as_ref());
            let retry_after = None;
            let refused = AttemptError::Refused { status, retry_after, reason, advice };
            texts.push(refused.to_string());
            for text in texts {
                prop_assert!(text.chars().count() < 500, "{}", text);
                prop_assert!(!text.chars().any(char::is_control), "{:?}", text);
            }
        }
    }

    #[test]
    fn a_recorded_response_with_any_byte_changed_is_parsed_without_a_panic(
        at in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<bool>(),
    ) {
        for dialect in dialects() {
            let mut body = dialect.recorded.as_bytes().to_vec();
            let at = at.index(body.len());
            body[at] = byte;
            if cut {
                body.truncate(at);
            }
            if let Ok(response) = dialect.parse(body, &[symbol("BTC"), symbol("ETH")]) {
                prop_assert_eq!(response.quotes.len() + response.skipped.len(), 2);
            }
        }
    }
}

/// Returns a coin in a provider's form, and the expected quote.
fn coin(
    dialect: &Dialect,
    symbol: Symbol,
    recorded: &[String; 4],
    numbers: &[Number; 4],
    time: Time,
) -> (String, Option<Quote>) {
    let names = (dialect.names)("USD");
    let mut in_dollars = Vec::new();
    let expected_numbers = [0, 1, 2, 3].map(|at| {
        let (json, number) = numbers[at].json(&recorded[at]);
        in_dollars.extend(members(&names[at], &json));
        number
    });
    let (time, timed) = time.json(dialect.time);
    let time = members(dialect.time_name, &time);
    let text = (dialect.coin)(symbol, &[("USD", in_dollars)], &time);
    (text, expected(symbol, expected_numbers, timed))
}

#[test]
fn seven_recorded_coins_are_in_the_catalogue() {
    let recorded = recorded();
    assert_eq!(recorded.len(), 7);
    assert!(
        recorded
            .iter()
            .all(|(_, numbers)| decimal(&numbers[0]).is_positive())
    );
}
