//! What the provider may send, from recorded answers to nonsense, and what is
//! made of it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use reqwest::Url;
use shared::decimal::Decimal;
use shared::settings::UpdateSettings;
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;
use update::provider::{Answer, CoinGecko, InvalidAnswer, Provider, Quote, SkipReason};

const SIMPLE_PRICE: &str = include_str!("../samples/coingecko-simple-price-2025-05-16.json");
const MARKETS: &str = include_str!("../samples/coingecko-coins-markets-2024-01-01.json");

fn symbol(name: &str) -> Symbol {
    Symbol::find(name).unwrap()
}

fn decimal(text: &str) -> Decimal {
    Decimal::parse(text).unwrap()
}

fn provider(base: &str) -> CoinGecko {
    CoinGecko::new(&Url::parse(base).unwrap(), None).unwrap()
}

fn provider_with_key(base: &str) -> CoinGecko {
    let settings = UpdateSettings::read(|name| {
        Some(match name {
            "DYNAMODB_TABLE_NAME" => "table".to_owned(),
            "ENVIRONMENT" => "dev".to_owned(),
            "EXTERNAL_API_KEY" => "CG-hush".to_owned(),
            _ => return None,
        })
    });
    let key = settings.unwrap().external_api_key;
    CoinGecko::new(&Url::parse(base).unwrap(), key.as_ref()).unwrap()
}

fn parse(body: impl AsRef<[u8]>, symbols: &[Symbol]) -> Result<Answer, InvalidAnswer> {
    provider("https://example.com").parse(body.as_ref(), symbols)
}

/// The one quote in an answer about bitcoin with these fields.
fn bitcoin(fields: &str) -> Result<Quote, SkipReason> {
    let body = format!(r#"{{"bitcoin":{fields}}}"#);
    match parse(body, &[symbol("BTC")]) {
        Ok(answer) => Ok(answer.quotes[0].clone()),
        Err(InvalidAnswer::NoPrices(skipped)) => Err(skipped[0].reason.clone()),
        Err(malformed) => panic!("{malformed}"),
    }
}

#[test]
fn the_recorded_answer_keeps_every_digit() {
    let answer = parse(SIMPLE_PRICE, &[symbol("BTC"), symbol("ETH"), symbol("ADA")]).unwrap();
    let quote = |symbol, price, change, market_cap, seconds| Quote {
        symbol,
        price: decimal(price),
        change_24h: Some(decimal(change)),
        market_cap: Some(decimal(market_cap)),
        last_updated: Some(Timestamp::from_unix_seconds(seconds).unwrap()),
    };
    assert_eq!(
        answer.quotes,
        [
            quote(
                symbol("BTC"),
                "103663",
                "1.6371141415010508",
                "2058811028682.1257",
                1_747_407_859
            ),
            quote(
                symbol("ETH"),
                "2587.79",
                "3.4336980692397274",
                "312382548453.98755",
                1_747_407_868
            ),
        ]
    );
    assert_eq!(answer.skipped.len(), 1);
    assert_eq!(answer.skipped[0].symbol, symbol("ADA"));
    assert_eq!(answer.skipped[0].reason, SkipReason::NotAnswered);
}

#[test]
fn the_request_asks_for_everything_in_one_call() {
    for base in ["https://example.com/api/v3", "https://example.com/api/v3/"] {
        let request = provider(base).request(&[symbol("BTC"), symbol("AVAX")]);
        assert_eq!(request.method(), "GET");
        assert_eq!(
            request.url().as_str(),
            "https://example.com/api/v3/simple/price?ids=bitcoin,avalanche-2&vs_currencies=usd\
             &include_market_cap=true&include_24hr_change=true&include_last_updated_at=true\
             &precision=full"
        );
    }
}

#[test]
fn a_key_is_a_demo_key_everywhere_but_on_the_pro_host() {
    for (base, header, other) in [
        (
            "https://api.coingecko.com/api/v3",
            "x-cg-demo-api-key",
            "x-cg-pro-api-key",
        ),
        (
            "http://127.0.0.1:9000",
            "x-cg-demo-api-key",
            "x-cg-pro-api-key",
        ),
        (
            "https://pro-api.coingecko.com/api/v3",
            "x-cg-pro-api-key",
            "x-cg-demo-api-key",
        ),
    ] {
        let keyed = provider_with_key(base).request(&[symbol("BTC")]);
        assert_eq!(keyed.headers()[header], "CG-hush", "{base}");
        assert!(!keyed.headers().contains_key(other), "{base}");
        let keyless = provider(base).request(&[symbol("BTC")]);
        assert!(!keyless.headers().contains_key(header), "{base}");
    }
}

#[test]
fn a_key_is_in_no_url_and_no_debug_output() {
    let provider = provider_with_key("https://api.coingecko.com/api/v3");
    let request = provider.request(&[symbol("BTC")]);
    assert!(!request.url().as_str().contains("hush"));
    assert!(!format!("{request:?}").contains("hush"));
    assert!(!format!("{provider:?}").contains("hush"));
    assert_eq!(
        provider.endpoint().as_str(),
        "https://api.coingecko.com/api/v3/simple/price"
    );
}

#[test]
fn a_price_may_come_as_text_or_with_an_exponent() {
    for (json, expected) in [
        ("0.02345", "0.02345"),
        (r#""0.02345""#, "0.02345"),
        ("2.345e-2", "0.02345"),
        (r#""2.345E-2""#, "0.02345"),
        ("1e-12", "0.000000000001"),
        ("0.1234567890123456789012345", "0.1234567890123456789012345"),
    ] {
        let quote = bitcoin(&format!(r#"{{"usd":{json}}}"#)).unwrap();
        assert_eq!(quote.price.to_string(), expected, "{json}");
    }
}

#[test]
fn a_coin_without_a_usable_price_is_skipped_with_its_reason() {
    for (fields, expected) in [
        ("{}", "the provider sent no price"),
        ("null", "the provider sent no price"),
        ("[1]", "the provider sent no price"),
        (r#"{"usd":null}"#, "the provider sent no price"),
        (r#"{"eur":1}"#, "the provider sent no price"),
        (r#"{"usd":0}"#, "the price is not positive: 0"),
        (r#"{"usd":-0.5}"#, "the price is not positive: -0.5"),
        (
            r#"{"usd":true}"#,
            r#"the price is unusable: "true" is not a decimal number"#,
        ),
        (
            r#"{"usd":"NaN"}"#,
            r#"the price is unusable: "NaN" is not a decimal number"#,
        ),
        (
            r#"{"usd":1e200}"#,
            "the price is unusable: a number of magnitude 1E200 is not within DynamoDB's 1E-130 to 9.99E125",
        ),
        (
            r#"{"usd":1e999999999}"#,
            r#"the price is unusable: the exponent of "1e999999999" is not within -400 to 400"#,
        ),
    ] {
        let reason = bitcoin(fields).unwrap_err();
        assert_eq!(reason.to_string(), expected, "{fields}");
    }
}

#[test]
fn figures_that_are_unusable_are_absent_and_cost_no_price() {
    for figure in [
        "null", "\"\"", "\"n/a\"", "true", "[]", "{}", "1e300", "1e-300",
    ] {
        let quote = bitcoin(&format!(
            r#"{{"usd":1,"usd_market_cap":{figure},"usd_24h_change":{figure},"last_updated_at":{figure}}}"#
        ))
        .unwrap();
        assert_eq!(quote.market_cap, None, "{figure}");
        assert_eq!(quote.change_24h, None, "{figure}");
        assert_eq!(quote.last_updated, None, "{figure}");
    }
}

#[test]
fn a_market_capitalisation_of_zero_is_unknown_and_a_change_of_zero_is_not() {
    let quote = bitcoin(r#"{"usd":1,"usd_market_cap":0,"usd_24h_change":0}"#).unwrap();
    assert_eq!(quote.market_cap, None);
    assert_eq!(quote.change_24h, Some(decimal("0")));
}

#[test]
fn times_are_whole_seconds_since_bitcoin_exists() {
    for (json, expected) in [
        ("1747407859", Some(1_747_407_859)),
        ("\"1747407859\"", Some(1_747_407_859)),
        ("1747407859.999", Some(1_747_407_859)),
        ("1.747407859e9", Some(1_747_407_859)),
        ("0", None),
        ("-1747407859", None),
        ("1231006504", None),
        ("99999999999999999999", None),
    ] {
        let quote = bitcoin(&format!(r#"{{"usd":1,"last_updated_at":{json}}}"#)).unwrap();
        assert_eq!(
            quote.last_updated.map(Timestamp::unix_seconds),
            expected,
            "{json}"
        );
    }
}

#[test]
fn the_last_of_duplicated_keys_counts() {
    assert_eq!(bitcoin(r#"{"usd":1,"usd":2}"#).unwrap().price, decimal("2"));
    let body = r#"{"bitcoin":{"usd":1},"bitcoin":{"usd":2}}"#;
    let answer = parse(body, &[symbol("BTC")]).unwrap();
    assert_eq!(answer.quotes[0].price, decimal("2"));
}

#[test]
fn what_is_not_the_documented_json_is_invalid() {
    for body in [
        "",
        "null",
        "[]",
        "42",
        "<html>busy</html>",
        r#"{"bitcoin":{"usd":1}"#,
        r#"{"bitcoin":{"usd":NaN}}"#,
        "{\"bitcoin\":{\"usd\":1}}x",
    ] {
        assert!(
            matches!(
                parse(body, &[symbol("BTC")]),
                Err(InvalidAnswer::Malformed(_))
            ),
            "{body}"
        );
    }
    assert!(parse(b"\xff\xfe", &[symbol("BTC")]).is_err());
    assert!(parse("[".repeat(1_000_000), &[symbol("BTC")]).is_err());
}

#[test]
fn an_answer_without_any_price_is_invalid_and_names_the_coins() {
    let symbols = [symbol("BTC"), symbol("ETH")];
    // CoinGecko answers its own errors in this shape.
    let body = r#"{"status":{"error_code":429,"error_message":"slow down"}}"#;
    let error = parse(body, &symbols).unwrap_err();
    assert_eq!(
        error.to_string(),
        "it has no usable price (BTC: the provider sent nothing for it; and 1 more)"
    );
    assert!(matches!(error, InvalidAnswer::NoPrices(skipped) if skipped.len() == 2));
}

mod properties {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;
    use serde_json::value::RawValue;
    use std::collections::BTreeMap;

    /// The recorded figures of `/coins/markets` as texts, for every coin that
    /// is still in the catalogue: id, price, market capitalisation, change.
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

    /// What stands in the place of a figure.
    #[derive(Debug, Clone)]
    enum Figure {
        /// As recorded, as a number or as text.
        Recorded { as_text: bool },
        /// Another usable number.
        Other(String),
        /// The field is missing.
        Missing,
        /// JSON that is no usable number.
        Absurd(String),
    }

    impl Figure {
        /// The JSON of the field, if there is one, and the number that is to
        /// be made of it, if there is one.
        fn json(&self, recorded: &str) -> (Option<String>, Option<Decimal>) {
            match self {
                Self::Recorded { as_text: false } => {
                    (Some(recorded.to_owned()), Some(decimal(recorded)))
                }
                Self::Recorded { as_text: true } => {
                    (Some(format!("\"{recorded}\"")), Some(decimal(recorded)))
                }
                Self::Other(number) => (Some(number.clone()), Some(decimal(number))),
                Self::Missing => (None, None),
                Self::Absurd(json) => (Some(json.clone()), None),
            }
        }
    }

    fn figure() -> impl Strategy<Value = Figure> {
        prop_oneof![
            3 => any::<bool>().prop_map(|as_text| Figure::Recorded { as_text }),
            2 => "[1-9][0-9]{0,25}(\\.[0-9]{0,24}[1-9])?".prop_map(Figure::Other),
            1 => "[1-9]\\.[0-9]{1,20}[eE][+-]?[0-9]{1,2}".prop_map(Figure::Other),
            1 => Just(Figure::Missing),
            3 => proptest::sample::select(vec![
                "null", "true", "\"\"", "\"abc\"", "\"0x1F\"", "\"1,5\"", "\" 1\"", "\"NaN\"",
                "\"Infinity\"", "[]", "[1]", "{}", "{\"usd\":1}", "1e126", "1e-131",
                "1e400000000000000000000", "-1e999",
            ])
            .prop_map(|json| Figure::Absurd(json.to_owned())),
        ]
    }

    /// Any JSON, a few levels deep.
    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            let key = prop_oneof![
                Just("bitcoin".to_owned()),
                Just("ethereum".to_owned()),
                Just("usd".to_owned()),
                Just("usd_market_cap".to_owned()),
                Just("last_updated_at".to_owned()),
                ".*",
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
            figures in proptest::collection::vec([figure(), figure(), figure()], 7),
        ) {
            let recorded = recorded();
            prop_assert_eq!(recorded.len(), figures.len());
            let mut coins = Vec::new();
            let mut expected = Vec::new();
            for ((symbol, recorded), figures) in recorded.iter().zip(&figures) {
                let fields = ["usd", "usd_market_cap", "usd_24h_change"];
                let mut members = Vec::new();
                let mut numbers = Vec::new();
                for ((name, figure), recorded) in fields.iter().zip(figures).zip(recorded) {
                    let (json, number) = figure.json(recorded);
                    members.extend(json.map(|json| format!("\"{name}\":{json}")));
                    numbers.push(number);
                }
                let members = members.join(",");
                coins.push(format!("\"{}\":{{{members}}}", symbol.coingecko_id()));
                expected.push((*symbol, numbers));
            }
            let symbols: Vec<_> = expected.iter().map(|(symbol, _)| *symbol).collect();
            let answer = match parse(format!("{{{}}}", coins.join(",")), &symbols) {
                Ok(answer) => answer,
                Err(InvalidAnswer::NoPrices(skipped)) => Answer { quotes: Vec::new(), skipped },
                Err(error) => return Err(TestCaseError::fail(error.to_string())),
            };
            for (symbol, numbers) in expected {
                let quote = answer.quotes.iter().find(|quote| quote.symbol == symbol);
                let skipped = answer.skipped.iter().find(|skipped| skipped.symbol == symbol);
                prop_assert!(quote.is_some() != skipped.is_some());
                prop_assert_eq!(quote.map(|quote| quote.price.clone()), numbers[0].clone());
                if let Some(quote) = quote {
                    prop_assert_eq!(&quote.market_cap, &numbers[1]);
                    prop_assert_eq!(&quote.change_24h, &numbers[2]);
                }
            }
        }

        #[test]
        fn any_json_is_read_without_a_panic_and_every_coin_is_accounted_for(value in json()) {
            let symbols: Vec<_> = Symbol::all().collect();
            match parse(value.to_string(), &symbols) {
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
                Err(InvalidAnswer::Malformed(_)) => prop_assert!(!value.is_object()),
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(body, &[symbol("BTC")]);
        }

        #[test]
        fn a_recorded_answer_with_any_byte_changed_is_read_without_a_panic(
            at in 0..SIMPLE_PRICE.len(),
            byte in any::<u8>(),
            cut in any::<bool>(),
        ) {
            let mut body = SIMPLE_PRICE.as_bytes().to_vec();
            body[at] = byte;
            if cut {
                body.truncate(at);
            }
            if let Ok(answer) = parse(body, &[symbol("BTC"), symbol("ETH")]) {
                prop_assert_eq!(answer.quotes.len() + answer.skipped.len(), 2);
            }
        }
    }
}
