//! CoinPaprika: the request, the documented response and unusual responses.

use reqwest::{StatusCode, Url};
use shared::settings::UpdateSettings;
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;
use update::fetch;
use update::provider::{
    CoinPaprika, InvalidResponse, Provider, ProviderResponse, Quote, SkipReason,
};

use crate::{TICKERS, decimal, symbol};

fn provider(base: &str) -> CoinPaprika {
    CoinPaprika::new(&Url::parse(base).unwrap(), None).unwrap()
}

fn parse(body: impl AsRef<[u8]>, symbols: &[Symbol]) -> Result<ProviderResponse, InvalidResponse> {
    provider("https://example.com/v1").parse(body.as_ref(), symbols)
}

/// Parses a response with only this ticker of Bitcoin.
fn bitcoin(ticker: &str) -> Result<Quote, SkipReason> {
    match parse(format!("[{ticker}]"), &[symbol("BTC")]) {
        Ok(response) => Ok(response.quotes[0].clone()),
        Err(InvalidResponse::NoPrices(skipped)) => Err(skipped[0].reason.clone()),
        Err(malformed) => panic!("{malformed}"),
    }
}

#[test]
fn one_request_covers_all_coins_in_three_currencies() {
    for base in ["https://example.com/v1", "https://example.com/v1/"] {
        let request = provider(base).request(&[symbol("BTC"), symbol("AVAX")]);
        assert_eq!(request.method(), "GET");
        assert_eq!(
            request.url().as_str(),
            "https://example.com/v1/tickers?quotes=USD,EUR,JPY"
        );
    }
}

#[test]
fn a_key_is_sent_unchanged_and_is_in_no_url_and_no_debug_output() {
    let settings = UpdateSettings::read(|name| match name {
        "SECOND_API_KEY" => Some("hush".to_owned()),
        "DYNAMODB_TABLE_NAME" => Some("table".to_owned()),
        "ENVIRONMENT" => Some("dev".to_owned()),
        _ => None,
    });
    let key = settings.unwrap().second_api_key;
    let base = Url::parse("https://api-pro.coinpaprika.com/v1").unwrap();
    let keyed = CoinPaprika::new(&base, key.as_ref()).unwrap();
    let request = keyed.request(&[symbol("BTC")]);
    assert_eq!(request.headers()["authorization"], "hush");
    for text in [format!("{keyed:?}"), format!("{request:?}")] {
        assert!(!text.contains("hush"), "{text}");
    }
    assert!(!request.url().as_str().contains("hush"));

    let keyless = provider("https://example.com/v1").request(&[symbol("BTC")]);
    assert!(!keyless.headers().contains_key("authorization"));
}

#[test]
fn the_documented_response_keeps_every_digit() {
    let response = parse(TICKERS, &[symbol("ETH"), symbol("BTC"), symbol("ADA")]).unwrap();
    let quote = |symbol, price, change, market_cap, volume| Quote {
        symbol,
        price: decimal(price),
        change_24h: Some(decimal(change)),
        market_cap: Some(decimal(market_cap)),
        volume_24h: Some(decimal(volume)),
        last_updated: Some(Timestamp::parse("2024-06-29T13:27:36Z").unwrap()),
    };
    assert_eq!(
        response.quotes,
        [
            quote(
                symbol("ETH"),
                "3393.2222475678",
                "-1.3",
                "407813462328",
                "8805945104.18832"
            ),
            quote(
                symbol("BTC"),
                "61045.7373319069",
                "-0.31",
                "1203719139164",
                "19017290417.844"
            ),
        ]
    );
    assert_eq!(response.skipped.len(), 1);
    assert_eq!(response.skipped[0].subject, symbol("ADA"));
    assert_eq!(response.skipped[0].reason, SkipReason::Missing);
}

#[test]
fn a_capitalisation_or_a_volume_of_zero_is_unknown() {
    let ticker =
        r#"{"id":"btc-bitcoin","quotes":{"USD":{"price":1,"market_cap":0,"volume_24h":0}}}"#;
    let quote = bitcoin(ticker).unwrap();
    assert_eq!((quote.market_cap, quote.volume_24h), (None, None));
}

#[test]
fn a_coin_without_a_usable_price_is_skipped_with_its_reason() {
    for (ticker, expected) in [
        ("", "the provider did not send this coin"),
        ("null", "the provider did not send this coin"),
        (r#""btc-bitcoin""#, "the provider did not send this coin"),
        (r#"{"id":1}"#, "the provider did not send this coin"),
        (
            r#"{"id":"eth-ethereum"}"#,
            "the provider did not send this coin",
        ),
        (r#"{"id":"btc-bitcoin"}"#, "the provider sent no price"),
        (
            r#"{"id":"btc-bitcoin","quotes":null}"#,
            "the provider sent no price",
        ),
        (
            r#"{"id":"btc-bitcoin","quotes":{"EUR":{"price":1}}}"#,
            "the provider sent no price",
        ),
        (
            r#"{"id":"btc-bitcoin","quotes":{"USD":[1]}}"#,
            "the provider sent no price",
        ),
        (
            r#"{"id":"btc-bitcoin","quotes":{"USD":{"price":null}}}"#,
            "the provider sent no price",
        ),
        (
            r#"{"id":"btc-bitcoin","quotes":{"USD":{"price":-1}}}"#,
            "the price is not positive: -1",
        ),
    ] {
        assert_eq!(
            bitcoin(ticker).unwrap_err().to_string(),
            expected,
            "{ticker}"
        );
    }
}

#[test]
fn the_last_ticker_of_a_coin_counts() {
    let body = r#"[{"id":"btc-bitcoin","quotes":{"USD":{"price":1}}},
                   {"id":"btc-bitcoin","quotes":{"USD":{"price":2}}}]"#;
    let response = parse(body, &[symbol("BTC")]).unwrap();
    assert_eq!(response.quotes[0].price, decimal("2"));
}

#[test]
fn a_body_without_the_documented_json_is_invalid() {
    for body in [
        "",
        "null",
        "42",
        "<html>busy</html>",
        "{}",
        r#"[{"id":"btc-bitcoin"}"#,
        "[]x",
    ] {
        assert!(
            matches!(
                parse(body, &[symbol("BTC")]),
                Err(InvalidResponse::Malformed(_))
            ),
            "{body}"
        );
    }
    assert!(parse("[".repeat(1_000_000), &[symbol("BTC")]).is_err());
}

#[test]
fn an_error_in_place_of_prices_is_named() {
    let provider = provider("https://example.com/v1");
    let body = br#"{"error":"id not found"}"#;
    let error = fetch::parse(&provider, StatusCode::OK, body, &[symbol("BTC")]).unwrap_err();
    assert_eq!(error.to_string(), "the response is 200 OK (id not found)");
}

#[test]
fn a_time_is_rfc_3339_or_a_number_and_is_after_bitcoins_first_block() {
    for (json, expected) in [
        ("\"2025-05-16T15:04:19Z\"", Some(1_747_407_859)),
        ("\"2025-05-16T17:04:19.5+02:00\"", Some(1_747_407_859)),
        ("1747407859", Some(1_747_407_859)),
        ("1747407859000", Some(1_747_407_859)),
        ("\"2008-12-31T00:00:00Z\"", None),
        ("\"2025-05-16\"", None),
        ("null", None),
    ] {
        let ticker = format!(
            r#"{{"id":"btc-bitcoin","last_updated":{json},"quotes":{{"USD":{{"price":1}}}}}}"#
        );
        let quote = bitcoin(&ticker).unwrap();
        assert_eq!(
            quote.last_updated.map(Timestamp::unix_seconds),
            expected,
            "{json}"
        );
    }
}
