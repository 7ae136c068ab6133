//! Tests of requests: keys, paths, methods, CORS and validation.

use reqwest::Method;
use serde_json::{Value, json};
use tests::http::{Answer, client, send};
use tests::local_stack::{LocalStack, Service, command};

/// Returns the body of an error without the members that differ between requests.
fn without_ids(answer: &Answer) -> Value {
    let mut body = answer.json();
    let fields = body.as_object_mut().unwrap();
    assert!(fields.remove("requestId").is_some(), "{}", answer.text);
    assert!(fields.remove("timestamp").is_some(), "{}", answer.text);
    body
}

fn symbols(answer: &Answer) -> Vec<String> {
    let data = answer.json()["data"].as_array().cloned().unwrap();
    let symbol = |price: &Value| price["symbol"].as_str().unwrap().to_owned();
    data.iter().map(symbol).collect()
}

/// Reads the URL and the header of a printed `curl` line.
fn read_curl(line: &str) -> (String, Option<(String, String)>) {
    let words: Vec<_> = line
        .split('\'')
        .flat_map(|part| part.split("curl "))
        .collect();
    let url = words
        .iter()
        .find_map(|word| word.trim().strip_prefix("http://"));
    let header = words.iter().find_map(|word| word.split_once(": "));
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    (format!("http://{}", url.unwrap()), header.map(owned))
}

#[tokio::test]
async fn the_printed_curl_commands_work() {
    let mut service = Service::start(command(["local", "--port", "0"]));
    let mut lines = Vec::new();
    while lines.len() < 4 {
        let line = service.line().await.unwrap();
        lines.extend(line.trim().starts_with("curl ").then_some(line));
    }
    let client = client();
    let mut answers = Vec::new();
    for line in &lines {
        let (url, header) = read_curl(line);
        let header = header.iter().map(|(name, value)| (&**name, &**value));
        let answer = send(&client, Method::GET, &url, &header.collect::<Vec<_>>()).await;
        assert_eq!(answer.status, 200, "{line}: {}", answer.text);
        answers.push(answer);
    }
    let [health, list, detail, compact] = answers.as_slice() else {
        panic!("four lines");
    };
    assert_eq!(health.json()["status"], "healthy");
    assert_eq!(symbols(list), ["BTC", "ETH"]);
    for price in list.json()["data"].as_array().unwrap() {
        assert!(price["price"].as_f64().unwrap() > 0.0, "{price}");
        assert_eq!(price.get("stale"), None, "{price}");
    }
    assert_eq!(symbols(detail), ["BTC"]);
    assert_eq!(detail.json()["currency"], "JPY");
    assert!(
        !detail.json()["data"][0]["chart7d"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    let prices = compact.json()[1].as_array().unwrap().len();
    assert_eq!(prices, contract::catalogue::COINS.len());
    let stderr = service.stderr();
    assert!(stderr.contains("GET /prices/BTC 200 "), "{stderr}");
    assert!(!stderr.contains("cw_"), "a key was logged: {stderr}");
}

#[tokio::test]
async fn every_invalid_key_gets_the_same_response() {
    let stack = LocalStack::start(&[]).await;
    let mut other_secret = stack.api_key.clone();
    let last = if other_secret.pop() == Some('0') {
        '1'
    } else {
        '0'
    };
    other_secret.push(last);
    let unknown = format!("cw_{}_{}", "0".repeat(12), "0".repeat(43));
    let without = stack.send(Method::GET, "/prices", &[]).await;
    assert_eq!(without.status, 401, "{}", without.text);
    assert_eq!(without.json()["code"], "UNAUTHORIZED");
    for key in ["", "secret", &unknown, &other_secret] {
        let answer = stack
            .send(Method::GET, "/prices", &[("x-api-key", key)])
            .await;
        assert_eq!(answer.status, 401, "{key}: {}", answer.text);
        assert_eq!(without_ids(&answer), without_ids(&without), "{key}");
    }
    assert_eq!(stack.get("/prices/BTC").await.status, 200);
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_refused_and_head_matches_get() {
    let stack = LocalStack::start(&[]).await;
    for path in [
        "/",
        "/nope",
        "/prices/BTC/more",
        "/prices/a%20b",
        "/prices/%3F%23%25",
        // Decoded once, this is `/prices/%42TC`.
        "/prices/%2542TC",
    ] {
        let answer = stack.get(path).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text);
        assert_eq!(answer.json()["code"], "NOT_FOUND", "{path}");
    }
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let answer = stack.send(method.clone(), "/prices", &[]).await;
        assert_eq!(answer.status, 405, "{method}: {}", answer.text);
        assert_eq!(answer.json()["code"], "METHOD_NOT_ALLOWED", "{method}");
        let allow = answer.header("allow").unwrap();
        assert!(allow.contains("GET") && allow.contains("HEAD"), "{allow}");
    }
    let key = [("X-API-Key", &*stack.api_key)];
    let head = stack.send(Method::HEAD, "/prices/BTC", &key).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    assert_eq!(head.header("content-type"), Some("application/json"));
    // HEAD has the same length as GET (RFC 9110, section 9.3.2).
    let get = stack.get("/prices/BTC").await;
    assert_eq!(head.header("content-length"), get.header("content-length"));
    // `HEAD /health` has its own route and the same response.
    let health = stack.send(Method::HEAD, "/health", &[]).await;
    assert_eq!((health.status, health.text.as_str()), (200, ""));
}

#[tokio::test]
async fn a_web_page_of_another_origin_can_read_the_prices() {
    let stack = LocalStack::start(&[]).await;
    let origin = ("Origin", "https://watch.example");
    let method = ("Access-Control-Request-Method", "GET");
    let preflight = stack
        .send(Method::OPTIONS, "/prices", &[origin, method])
        .await;
    assert_eq!((preflight.status, preflight.text.as_str()), (204, ""));
    let allowed = preflight.header("access-control-allow-headers").unwrap();
    assert!(allowed.to_lowercase().contains("x-api-key"), "{allowed}");

    let key = ("X-API-Key", &*stack.api_key);
    let answer = stack.send(Method::GET, "/prices/BTC", &[origin, key]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    let exposed = answer.header("access-control-expose-headers").unwrap();
    assert!(
        exposed.to_lowercase().contains("ratelimit-remaining"),
        "{exposed}"
    );
}

#[tokio::test]
async fn an_invalid_request_gets_a_400_with_its_reason() {
    let stack = LocalStack::start(&[]).await;
    let answer = stack.get("/prices?symbols=BTC,NOPE").await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    let expected = json!(["NOPE"]);
    assert_eq!(answer.json()["details"]["unsupportedSymbols"], expected);
    let answer = stack.get("/prices?symbols=,%20,").await;
    assert_eq!(answer.json()["code"], "VALIDATION_ERROR", "{}", answer.text);
    let answer = stack.get("/prices?symbols[]=BTC").await;
    assert_eq!(answer.status, 400, "{}", answer.text);
}
