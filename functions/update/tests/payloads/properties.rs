//! Properties of the parsers for everything that a provider may send.

use std::collections::BTreeMap;

use proptest::prelude::*;
use reqwest::{StatusCode, Url};
use serde_json::Value;
use serde_json::value::RawValue;
use shared::decimal::Decimal;
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;
use update::fetch::{self, AttemptError};
use update::provider::{
    CoinGecko, CoinPaprika, InvalidResponse, Provider, ProviderResponse, Quote, Reason,
};

use crate::numbers::{Number, Time, number, time};
use crate::{MARKETS, SIMPLE_PRICE, TICKERS, decimal, symbol};

/// A provider's form of a response.
struct Dialect {
    provider: Box<dyn Provider>,
    /// The names of price, market capitalisation, change and time.
    names: [&'static str; 4],
    /// [`TIME`] in the provider's form.
    time: &'static str,
    /// Writes a coin with its members in dollars and its time.
    coin: fn(Symbol, &str, &str) -> String,
    /// Writes a response with its coins.
    response: fn(&str) -> String,
    recorded: &'static str,
}

const TIME: i64 = 1_747_407_859;

fn dialects() -> [Dialect; 2] {
    let base = Url::parse("https://example.com").unwrap();
    [
        Dialect {
            provider: Box::new(CoinGecko::new(&base, None).unwrap()),
            names: ["usd", "usd_market_cap", "usd_24h_change", "last_updated_at"],
            time: "1747407859",
            coin: |symbol, members, time| {
                let separator = if members.is_empty() || time.is_empty() {
                    ""
                } else {
                    ","
                };
                let id = symbol.coingecko_id();
                format!(r#""{id}":{{{members}{separator}{time}}}"#)
            },
            response: |coins| format!("{{{coins}}}"),
            recorded: SIMPLE_PRICE,
        },
        Dialect {
            provider: Box::new(CoinPaprika::new(&base, None).unwrap()),
            names: ["price", "market_cap", "percent_change_24h", "last_updated"],
            time: "\"2025-05-16T15:04:19Z\"",
            coin: |symbol, members, time| {
                let separator = if time.is_empty() { "" } else { "," };
                let id = symbol.coinpaprika_id();
                format!(r#"{{"id":"{id}","quotes":{{"USD":{{{members}}}}}{separator}{time}}}"#)
            },
            response: |coins| format!("[{coins}]"),
            recorded: TICKERS,
        },
    ]
}

impl Dialect {
    fn parse(
        &self,
        body: impl AsRef<[u8]>,
        symbols: &[Symbol],
    ) -> Result<ProviderResponse, InvalidResponse> {
        self.provider.parse(body.as_ref(), symbols)
    }
}

/// Returns the recorded numbers of `/coins/markets` as texts, for every coin of the catalogue:
/// price, market capitalisation, change.
fn recorded() -> Vec<(Symbol, [String; 3])> {
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
                    number("price_change_percentage_24h"),
                ],
            ))
        })
        .collect()
}

/// Returns the members of an object with this name, one for each value.
fn members(name: &str, json: &[String]) -> Vec<String> {
    json.iter()
        .map(|json| format!("\"{name}\":{json}"))
        .collect()
}

/// Returns the expected quote of a coin; `None` without a positive price.
fn expected(
    symbol: Symbol,
    [price, cap, change]: [Option<Decimal>; 3],
    timed: bool,
) -> Option<Quote> {
    Some(Quote {
        symbol,
        price: price.filter(Decimal::is_positive)?,
        market_cap: cap.filter(Decimal::is_positive),
        change_24h: change,
        last_updated: timed.then(|| Timestamp::from_unix_seconds(TIME).unwrap()),
    })
}

/// Any JSON of a few levels, with some names that the providers use.
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
                "USD", "price", "market_cap", "last_updated",
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
    fn usable_coins_keep_every_digit_and_the_others_are_named(
        coins in proptest::collection::vec(([number(), number(), number()], time()), 7),
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
                    named.extend(response.skipped.iter().map(|skipped| skipped.symbol));
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
                    Ok(ProviderResponse { quotes, skipped }) => {
                        prop_assert!(!quotes.is_empty());
                        prop_assert_eq!(quotes.len() + skipped.len(), symbols.len());
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
    recorded: &[String; 3],
    numbers: &[Number; 3],
    time: Time,
) -> (String, Option<Quote>) {
    let mut in_dollars = Vec::new();
    let expected_numbers = [0, 1, 2].map(|at| {
        let (json, number) = numbers[at].json(&recorded[at]);
        in_dollars.extend(members(dialect.names[at], &json));
        number
    });
    let (time, timed) = time.json(dialect.time);
    let time = members(dialect.names[3], &time).join(",");
    let text = (dialect.coin)(symbol, &in_dollars.join(","), &time);
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
