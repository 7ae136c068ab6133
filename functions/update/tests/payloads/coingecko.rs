//! CoinGecko: the request, the recorded response and unusual responses.

use contract::catalogue::CURRENCIES;
use reqwest::{StatusCode, Url};
use shared::settings::UpdateSettings;
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;
use update::fetch;
use update::provider::{
    CoinGecko, InvalidResponse, Provider, ProviderResponse, Quote, Reason, SkipReason,
};

use crate::{SIMPLE_PRICE, decimal, symbol};

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

fn parse(body: impl AsRef<[u8]>, symbols: &[Symbol]) -> Result<ProviderResponse, InvalidResponse> {
    provider("https://example.com").parse(body.as_ref(), symbols)
}

/// Parses a response with only Bitcoin, which has these fields.
fn bitcoin(fields: &str) -> Result<Quote, SkipReason> {
    let body = format!(r#"{{"bitcoin":{fields}}}"#);
    match parse(body, &[symbol("BTC")]) {
        Ok(response) => Ok(response.quotes[0].clone()),
        Err(InvalidResponse::NoPrices(skipped)) => Err(skipped[0].reason.clone()),
        Err(malformed) => panic!("{malformed}"),
    }
}

#[test]
fn the_recorded_response_keeps_every_digit() {
    let response = parse(SIMPLE_PRICE, &[symbol("BTC"), symbol("ETH"), symbol("ADA")]).unwrap();
    let quote = |symbol, price, change, market_cap, volume, seconds| Quote {
        symbol,
        price: decimal(price),
        change_24h: Some(decimal(change)),
        market_cap: Some(decimal(market_cap)),
        volume_24h: Some(decimal(volume)),
        last_updated: Some(Timestamp::from_unix_seconds(seconds).unwrap()),
    };
    assert_eq!(
        response.quotes,
        [
            quote(
                symbol("BTC"),
                "103663",
                "1.6371141415010508",
                "2058811028682.1257",
                "31366805440.52759",
                1_747_407_859
            ),
            quote(
                symbol("ETH"),
                "2587.79",
                "3.4336980692397274",
                "312382548453.98755",
                "24720177371.124744",
                1_747_407_868
            ),
        ]
    );
    assert_eq!(response.skipped.len(), 1);
    assert_eq!(response.skipped[0].subject, symbol("ADA"));
    assert_eq!(response.skipped[0].reason, SkipReason::Missing);
}

#[test]
fn one_request_covers_all_coins_currencies_and_fields() {
    let codes: Vec<_> = CURRENCIES
        .iter()
        .map(|currency| currency.code.to_lowercase())
        .collect();
    for base in ["https://example.com/api/v3", "https://example.com/api/v3/"] {
        let request = provider(base).request(&[symbol("BTC"), symbol("AVAX")]);
        assert_eq!(request.method(), "GET");
        assert_eq!(
            request.url().as_str(),
            format!(
                "https://example.com/api/v3/simple/price?ids=bitcoin,avalanche-2&vs_currencies=usd,\
                 {}&include_market_cap=true&include_24hr_vol=true&include_24hr_change=true\
                 &include_last_updated_at=true&precision=full",
                codes.join(",")
            )
        );
    }
}

#[test]
fn a_key_is_a_demo_key_except_on_the_pro_host() {
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
fn a_price_may_be_text_or_have_an_exponent() {
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
fn a_long_unusable_price_is_shortened_in_the_reason() {
    for price in [
        format!("\"{}\"", "x".repeat(100_000)),
        format!("[{}]", "1,".repeat(50_000) + "1"),
        format!("-{}", "9".repeat(1_000)),
        format!("\"{}\"", "\\u202e".repeat(100)),
    ] {
        let reason = bitcoin(&format!(r#"{{"usd":{price}}}"#)).unwrap_err();
        let text = reason.to_string();
        assert!(text.chars().count() < 250, "{text}");
    }
}

#[test]
fn unusable_optional_numbers_are_absent_and_the_price_stays() {
    for number in [
        "null", "\"\"", "\"n/a\"", "true", "[]", "{}", "1e300", "1e-300",
    ] {
        let quote = bitcoin(&format!(
            r#"{{"usd":1,"usd_market_cap":{number},"usd_24h_vol":{number},"usd_24h_change":{number},
                "last_updated_at":{number}}}"#
        ))
        .unwrap();
        assert_eq!(quote.market_cap, None, "{number}");
        assert_eq!(quote.volume_24h, None, "{number}");
        assert_eq!(quote.change_24h, None, "{number}");
        assert_eq!(quote.last_updated, None, "{number}");
    }
}

#[test]
fn a_capitalisation_and_a_volume_must_be_positive_and_a_change_may_be_zero() {
    for number in ["0", "-1"] {
        let quote = bitcoin(&format!(
            r#"{{"usd":1,"usd_market_cap":{number},"usd_24h_vol":{number},"usd_24h_change":0}}"#
        ))
        .unwrap();
        assert_eq!((quote.market_cap, quote.volume_24h), (None, None));
        assert_eq!(quote.change_24h, Some(decimal("0")));
    }
}

#[test]
fn times_in_milliseconds_are_read_and_times_before_bitcoin_are_unusable() {
    for (json, expected) in [
        ("1747407859", Some(1_747_407_859)),
        ("\"1747407859\"", Some(1_747_407_859)),
        ("1747407859.999", Some(1_747_407_859)),
        // Milliseconds.
        ("1747407859999", Some(1_747_407_859)),
        ("\"1747407859999\"", Some(1_747_407_859)),
        ("1231006505000", Some(1_231_006_505)),
        ("1231006504999", None),
        ("\"2025-05-16T15:04:19Z\"", Some(1_747_407_859)),
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
fn the_last_member_with_a_name_counts() {
    assert_eq!(bitcoin(r#"{"usd":1,"usd":2}"#).unwrap().price, decimal("2"));
    let body = r#"{"bitcoin":{"usd":1},"bitcoin":{"usd":2}}"#;
    let response = parse(body, &[symbol("BTC")]).unwrap();
    assert_eq!(response.quotes[0].price, decimal("2"));
}

#[test]
fn a_body_without_the_documented_json_is_invalid() {
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
                Err(InvalidResponse::Malformed(_))
            ),
            "{body}"
        );
    }
    assert!(parse(b"\xff\xfe", &[symbol("BTC")]).is_err());
    assert!(parse("[".repeat(1_000_000), &[symbol("BTC")]).is_err());
}

#[test]
fn a_response_without_any_price_is_invalid_and_names_the_coins() {
    let symbols = [symbol("BTC"), symbol("ETH")];
    let error = parse("{}", &symbols).unwrap_err();
    assert_eq!(
        error.to_string(),
        "it has no usable price (BTC: the provider did not send this coin; and 1 more)"
    );
    assert!(matches!(error, InvalidResponse::NoPrices(skipped) if skipped.len() == 2));
}

#[test]
fn an_error_in_place_of_prices_is_named() {
    let body = r#"{"status":{"error_code":429,"error_message":"slow down"}}"#;
    let provider = provider("https://example.com");
    let parse = |body: &str| {
        let symbols = [symbol("BTC")];
        fetch::parse(&provider, StatusCode::OK, body.as_bytes(), &symbols)
    };
    assert_eq!(
        parse(body).unwrap_err().to_string(),
        "the response is 200 OK (429: slow down) (hint: set EXTERNAL_API_KEY: without a key the \
         limit is shared with other clients)"
    );
    // A price takes precedence over an error.
    let body = r#"{"status":{"error_code":429},"bitcoin":{"usd":1}}"#;
    assert!(parse(body).is_ok());
}

#[test]
fn the_advice_fits_the_status_the_reason_and_whether_a_key_is_set() {
    let reason = |body: &str| Reason::read_error(body.as_bytes());
    let base = "https://api.coingecko.com/api/v3";
    let (keyed, keyless) = (provider_with_key(base), provider(base));
    let hosts = "a demo key needs https://api.coingecko.com/api/v3";
    let key = "check that the key is valid and matches EXTERNAL_API_URL";
    for (provider, status, body, expected) in [
        (&keyed, 400, r#"{"error_code":10010}"#, Some(hosts)),
        (&keyed, 400, r#"{"error_code":10011}"#, Some(hosts)),
        (&keyed, 401, r#"{"error_code":10011}"#, Some(hosts)),
        (&keyed, 400, "", Some(key)),
        (&keyed, 401, "", Some(key)),
        (
            &keyed,
            401,
            r#"{"error_code":10002}"#,
            Some("set EXTERNAL_API_KEY"),
        ),
        (&keyed, 403, r#"{"error_code":10005}"#, Some("plan")),
        (&keyed, 403, "", Some("check also that the key")),
        (
            &keyed,
            403,
            r#"{"error":"Add a descriptive User-Agent."}"#,
            Some("the provider refuses the User-Agent, not the key"),
        ),
        (&keyed, 429, "", Some("a plan with a higher limit")),
        (&keyed, 404, "", None),
        (&keyless, 400, "", None),
        (&keyless, 401, "", Some("set EXTERNAL_API_KEY")),
        (&keyless, 403, "", Some("a key can help")),
        (&keyless, 429, "", Some("set EXTERNAL_API_KEY")),
        (&keyless, 500, "", None),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let advice = provider.advice(status, reason(body).as_ref());
        match expected {
            None => assert_eq!(advice, None, "{status} {body}"),
            Some(expected) => {
                let advice = advice.unwrap_or_default();
                assert!(advice.contains(expected), "{status} {body}: {advice}");
            }
        }
    }
}
