//! Rules that hold for whatever any provider sends.

use std::collections::BTreeMap;

use proptest::prelude::*;
use reqwest::{StatusCode, Url};
use serde_json::Value;
use serde_json::value::RawValue;
use shared::decimal::Decimal;
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;
use update::fetch::AttemptError;
use update::provider::{Answer, CoinGecko, CoinPaprika, InvalidAnswer, Provider, Quote, Reason};

use crate::figures::{Figure, Moment, figure, moment};
use crate::{MARKETS, SIMPLE_PRICE, TICKERS, decimal, symbol};

/// How a provider writes what it knows.
struct Dialect {
    provider: Box<dyn Provider>,
    /// Names of price, market capitalisation, change and time.
    names: [&'static str; 4],
    /// The recorded time, as this provider writes it.
    time: &'static str,
    /// A coin out of its members in dollars and its time.
    coin: fn(Symbol, &str, &str) -> String,
    /// The answer out of its coins.
    answer: fn(&str) -> String,
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
            answer: |coins| format!("{{{coins}}}"),
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
            answer: |coins| format!("[{coins}]"),
            recorded: TICKERS,
        },
    ]
}

impl Dialect {
    fn parse(&self, body: impl AsRef<[u8]>, symbols: &[Symbol]) -> Result<Answer, InvalidAnswer> {
        self.provider.parse(body.as_ref(), symbols)
    }
}

/// The recorded figures of `/coins/markets` as texts, for every coin that is
/// still in the catalogue: price, market capitalisation, change.
fn recorded() -> Vec<(Symbol, [String; 3])> {
    let markets: Vec<BTreeMap<String, Box<RawValue>>> = serde_json::from_str(MARKETS).unwrap();
    markets
        .iter()
        .filter_map(|market| {
            let id: String = serde_json::from_str(market["id"].get()).unwrap();
            let symbol = Symbol::all().find(|symbol| symbol.coingecko_id() == id)?;
            let figure = |name: &str| market[name].get().to_owned();
            Some((
                symbol,
                [
                    figure("current_price"),
                    figure("market_cap"),
                    figure("price_change_percentage_24h"),
                ],
            ))
        })
        .collect()
}

/// The members of an object that a field's JSON makes.
fn members(name: &str, json: &[String]) -> Vec<String> {
    json.iter()
        .map(|json| format!("\"{name}\":{json}"))
        .collect()
}

/// What is to be made of a coin: nothing without a positive price.
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

/// Any JSON, a few levels deep, with names that mean something here and there.
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
    fn good_coins_keep_every_digit_and_bad_ones_are_named(
        coins in proptest::collection::vec(([figure(), figure(), figure()], moment()), 7),
    ) {
        let recorded = recorded();
        prop_assert_eq!(recorded.len(), coins.len());
        let symbols: Vec<_> = recorded.iter().map(|(symbol, _)| *symbol).collect();
        for dialect in dialects() {
            let mut written = Vec::new();
            let mut wanted = Vec::new();
            for ((symbol, recorded), (figures, moment)) in recorded.iter().zip(&coins) {
                let (text, quote) = coin(&dialect, *symbol, recorded, figures, *moment);
                written.push(text);
                wanted.extend(quote);
            }
            let body = (dialect.answer)(&written.join(","));
            match dialect.parse(&body, &symbols) {
                Ok(answer) => {
                    let mut named: Vec<_> = answer.quotes.iter().map(|quote| quote.symbol).collect();
                    named.extend(answer.skipped.iter().map(|skipped| skipped.symbol));
                    prop_assert_eq!(named.len(), symbols.len());
                    prop_assert!(symbols.iter().all(|symbol| named.contains(symbol)));
                    prop_assert_eq!(answer.quotes, wanted);
                }
                Err(InvalidAnswer::NoPrices(skipped)) => {
                    prop_assert_eq!(wanted, []);
                    prop_assert_eq!(skipped.len(), symbols.len());
                }
                Err(error) => return Err(TestCaseError::fail(format!("{error}: {body}"))),
            }
        }
    }

    #[test]
    fn any_json_is_read_without_a_panic_and_every_coin_is_accounted_for(value in json()) {
        let symbols: Vec<_> = Symbol::all().collect();
        for dialect in dialects() {
            for body in [value.to_string(), format!("[{value}]")] {
                match dialect.parse(body, &symbols) {
                    Ok(Answer { quotes, skipped }) => {
                        prop_assert!(!quotes.is_empty());
                        prop_assert_eq!(quotes.len() + skipped.len(), symbols.len());
                        for quote in quotes {
                            prop_assert!(quote.price.is_positive());
                            prop_assert!(quote.price.to_dynamodb().is_ok());
                        }
                    }
                    Err(InvalidAnswer::NoPrices(skipped)) => {
                        prop_assert_eq!(skipped.len(), symbols.len());
                    }
                    Err(InvalidAnswer::Malformed(_) | InvalidAnswer::Refused { .. }) => {}
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        for dialect in dialects() {
            let _ = dialect.parse(&body, &[symbol("BTC")]);
        }
    }

    #[test]
    fn no_error_is_long_or_of_more_than_one_line(
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
            let Err(error) = dialect.parse(&body, &[symbol("BTC")]) else {
                continue;
            };
            let mut texts = vec![error.to_string()];
            if let InvalidAnswer::NoPrices(skipped) = error {
                texts.extend(skipped.iter().map(ToString::to_string));
            }
            let status = StatusCode::BAD_REQUEST;
            let reason = Reason::read_error(body.as_bytes());
            let advice = dialect.provider.advice(Some(status), reason.as_ref());
            let retry_after = None;
            let refused = AttemptError::Status { status, retry_after, reason, advice };
            texts.push(refused.to_string());
            for text in texts {
                prop_assert!(text.chars().count() < 500, "{}", text);
                prop_assert!(!text.chars().any(char::is_control), "{:?}", text);
            }
        }
    }

    #[test]
    fn a_recorded_answer_with_any_byte_changed_is_read_without_a_panic(
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
            if let Ok(answer) = dialect.parse(body, &[symbol("BTC"), symbol("ETH")]) {
                prop_assert_eq!(answer.quotes.len() + answer.skipped.len(), 2);
            }
        }
    }
}

/// A coin as a provider writes it, and the quote that is to be made of it.
fn coin(
    dialect: &Dialect,
    symbol: Symbol,
    recorded: &[String; 3],
    figures: &[Figure; 3],
    moment: Moment,
) -> (String, Option<Quote>) {
    let mut in_dollars = Vec::new();
    let numbers = [0, 1, 2].map(|at| {
        let (json, number) = figures[at].json(&recorded[at]);
        in_dollars.extend(members(dialect.names[at], &json));
        number
    });
    let (time, timed) = moment.json(dialect.time);
    let time = members(dialect.names[3], &time).join(",");
    let text = (dialect.coin)(symbol, &in_dollars.join(","), &time);
    (text, expected(symbol, numbers, timed))
}

#[test]
fn the_recorded_coins_are_those_that_the_rules_start_from() {
    let recorded = recorded();
    assert_eq!(recorded.len(), 7);
    assert!(
        recorded
            .iter()
            .all(|(_, figures)| decimal(&figures[0]).is_positive())
    );
}
