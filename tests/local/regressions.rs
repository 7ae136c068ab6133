//! Regression tests: requests and conditions from bug reports, for which the API's response was wrong.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use reqwest::Method;
use serde_json::{Value, json};
use tests::local_stack::{LocalStack, run};
use tokio::net::TcpListener;

use crate::proxy::{Call, Fault, Proxy};

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs()
}

/// Starts a stack whose only provider always gives this response.
async fn stack_with(answer: Value) -> LocalStack {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/v3", listener.local_addr().unwrap());
    let answer = move || async move { ([(CONTENT_TYPE, "application/json")], answer.to_string()) };
    let router = Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    LocalStack::start(&["--external-api-url", &url]).await
}

/// Returns the seconds of a `Cache-Control` header.
fn max_age(control: &str) -> u32 {
    let seconds = control.strip_prefix("private, max-age=");
    seconds
        .unwrap_or_else(|| panic!("{control}"))
        .parse()
        .unwrap()
}

/// A change of 9.9e36 percent made every coin of a compact response unreadable for a client that was
/// generated from `openapi.json`.
#[tokio::test]
async fn a_change_beyond_int64_is_null_in_the_compact_format_only() {
    let stack = stack_with(json!({
        "bitcoin": {
            "usd": 100, "usd_market_cap": 5, "usd_24h_change": 1.5, "last_updated_at": now(),
        },
        "vechain": {
            "usd": 0.02, "usd_market_cap": 4, "usd_24h_change": 9.9e36, "last_updated_at": now(),
        },
    }))
    .await;
    let compact = stack.get("/prices?symbols=BTC,VET&format=compact").await;
    assert_eq!(compact.status, 200, "{}", compact.text);
    assert_eq!(compact.text, r#"["BTC VET",[100,0.02],[150,null]]"#);
    // The JSON format returns the whole number.
    let whole = stack.get("/prices/VET").await;
    let digits = format!("\"change24h\":99{}", "0".repeat(35));
    assert!(whole.text.contains(&digits), "{}", whole.text);
}

/// A coin that the provider no longer updates made every response with this coin uncacheable
/// (`max-age=0`).
#[tokio::test]
async fn a_coin_without_new_prices_is_stale_and_responses_stay_cacheable() {
    let stack = stack_with(json!({
        "bitcoin": {
            "usd": 100, "usd_market_cap": 5, "usd_24h_change": 1.5, "last_updated_at": now(),
        },
        "ethereum": {
            "usd": 7, "usd_market_cap": 4, "usd_24h_change": 1.5,
            "last_updated_at": now() - 172_800,
        },
    }))
    .await;
    for path in ["/prices?symbols=BTC,ETH", "/prices", "/prices/ETH"] {
        let answer = stack.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        let data = answer.json()["data"].as_array().cloned().unwrap();
        for price in data {
            let stale = price["symbol"] == "ETH";
            assert_eq!(price["stale"] == true, stale, "{price}");
        }
        // Responses can be cached until the second update, which is due 300 s after the first update.
        let control = answer.header("cache-control").unwrap();
        assert!(max_age(control) > 60, "{path}: {control}");
    }
}

/// Clients that cannot read headers could not tell the age of a compact response.
#[tokio::test]
async fn a_compact_response_has_its_time_and_its_max_age_on_request() {
    let stack = LocalStack::start(&[]).await;
    let path = "/prices?symbols=BTC%2CETH&format=compact";
    let before = now();
    let timed = stack.get(&format!("{path}&include=time")).await;
    let after = now();
    assert_eq!(timed.status, 200, "{}", timed.text);
    let columns = timed.json();
    assert_eq!(columns.as_array().unwrap().len(), 4, "{columns}");
    let time = columns[3][0].as_u64().unwrap();
    assert!((before..=after).contains(&time), "{columns}");
    let seconds = columns[3][1].as_u64().unwrap();
    assert!((10..=360).contains(&seconds), "{columns}");
    assert_eq!(timed.header("cache-control"), Some("no-store"));
    assert_eq!(timed.header("etag"), None);
    // Without the parameter, the layout is unchanged.
    let plain = stack.get(path).await.json();
    assert_eq!(plain.as_array().unwrap().len(), 3, "{plain}");
    assert_eq!(plain[0], columns[0]);
}

/// A web page could not read the header `Date`, the only time in a compact response.
#[tokio::test]
async fn a_web_page_can_read_the_date_of_a_response() {
    let stack = LocalStack::start(&[]).await;
    let headers = [
        ("Origin", "https://watch.example"),
        ("X-API-Key", &*stack.api_key),
    ];
    let path = "/prices?symbols=BTC&format=compact";
    let answer = stack.send(Method::GET, path, &headers).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let exposed = answer.header("access-control-expose-headers").unwrap();
    let exposed: Vec<_> = exposed.split(',').map(str::trim).collect();
    for name in ["date", "etag", "retry-after", "ratelimit-remaining"] {
        assert!(exposed.contains(&name), "{exposed:?}");
    }
    assert!(answer.header("date").is_some());
}

/// One throttled call of the limiter caused a 503. A throttled call counts no request, so the API can
/// repeat the call.
#[tokio::test]
async fn a_request_passes_if_the_limiter_is_throttled_once() {
    let table = LocalStack::start(&[]).await;
    let proxy = Proxy::to(&table.table_endpoint).await;
    let stack = LocalStack::start(&["--table-endpoint", proxy.endpoint()]).await;
    let refusal = Fault::Error(400, "ProvisionedThroughputExceededException");
    proxy.take_calls();
    proxy.fail_times(Call::Count, refusal, 1);
    let answer = stack.get("/prices?symbols=BTC").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let mut calls = proxy.take_calls();
    calls.retain(|call| *call == Call::Count);
    assert_eq!(calls.len(), 2);
    // The request was counted once.
    assert_eq!(answer.header("ratelimit-limit"), Some("50"));
    assert_eq!(answer.header("ratelimit-remaining"), Some("49"));
    let reset = answer.header("ratelimit-reset").unwrap();
    assert!((1..=60).contains(&reset.parse().unwrap()), "{reset}");
}

/// A misspelt parameter `symbols` was ignored, and the response had all coins.
#[tokio::test]
async fn a_misspelt_symbols_parameter_gets_a_400_that_names_the_parameter() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("event.json");
    let invoke = async |query: &str, parameters: Value| {
        let event = json!({
            "version": "2.0",
            "routeKey": "GET /prices",
            "rawPath": "/prices",
            "rawQueryString": query,
            "headers": {"x-api-key": "${API_KEY}"},
            "queryStringParameters": parameters,
            "requestContext": {
                "http": {"method": "GET", "path": "/prices"},
                "requestId": "id",
                "routeKey": "GET /prices",
                "stage": "$default",
            },
            "isBase64Encoded": false,
        });
        fs::write(&path, event.to_string()).unwrap();
        let output = run(["invoke", "api", "--event", path.to_str().unwrap()]).await;
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    for (query, name) in [
        ("symbols[]=BTC&symbols[]=ETH", "symbols[]"),
        ("symbols[0]=BTC", "symbols[0]"),
        // With the space, the error must contain the word `symbol`, and not only `symbols`.
        ("symbol=BTC", "symbol "),
        ("Symbols=BTC", "Symbols"),
    ] {
        let answer = invoke(query, json!({name: "BTC"})).await;
        assert_eq!(answer["statusCode"], 400, "{query}: {answer}");
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!(body["code"], "VALIDATION_ERROR", "{query}: {body}");
        let error = body["error"].as_str().unwrap();
        assert!(error.contains(name), "{query}: {error}");
    }
    // Clients add an unknown parameter such as `_` to bypass caches. The API ignores the parameter.
    let answer = invoke("symbols=BTC&_=1700000000", json!({"symbols": "BTC"})).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
}

/// A 401 had no `WWW-Authenticate` header (RFC 9110, 15.5.2). Some HTTP clients report a missing
/// header as a protocol error.
#[tokio::test]
async fn every_refused_key_gets_the_same_challenge() {
    let stack = LocalStack::start(&[]).await;
    let unknown = format!("cw_{}_{}", "0".repeat(12), "0".repeat(43));
    let mut challenges = Vec::new();
    for headers in [
        vec![],
        vec![("X-API-Key", "malformed")],
        vec![("X-API-Key", &*unknown)],
    ] {
        let answer = stack.send(Method::GET, "/prices", &headers).await;
        assert_eq!(answer.status, 401, "{}", answer.text);
        challenges.push(answer.header("www-authenticate").unwrap().to_owned());
    }
    let same = vec!["ApiKey realm=\"crypto-watch\"".to_owned(); 3];
    assert_eq!(challenges, same);
}
