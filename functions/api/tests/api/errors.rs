//! Error responses.

use api::Event;
use serde_json::{Value, json};

use crate::service::{Reply, Service, later, now};

/// Asserts the members and headers that every error response has.
pub(crate) fn assert_error(reply: &Reply, status: i64, code: &str) {
    assert_eq!(reply.status, status, "{}", reply.text);
    let body = reply.body.as_object().unwrap();
    assert!(!body["error"].as_str().unwrap().is_empty());
    assert_eq!(body["code"], code);
    assert_eq!(body["requestId"], "gateway-request");
    assert!(body["timestamp"].as_str().unwrap().ends_with('Z'));
    assert_eq!(
        body.get("retryAfter").map(Value::to_string).as_deref(),
        reply.header("retry-after")
    );
    for member in body.keys() {
        let known = [
            "error",
            "code",
            "timestamp",
            "requestId",
            "details",
            "retryAfter",
        ];
        assert!(known.contains(&member.as_str()), "{member}");
    }
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn a_list_without_symbols_is_a_validation_error() {
    let service = Service::new();
    for target in [
        "/prices?symbols=",
        "/prices?symbols",
        "/prices?symbols=,%20,",
    ] {
        assert_error(&service.get(target).await, 400, "VALIDATION_ERROR");
    }
}

#[tokio::test]
async fn more_than_fifty_symbols_are_a_validation_error() {
    let symbols: Vec<_> = (0..51).map(|number| format!("X{number}")).collect();
    let target = format!("/prices?symbols={}", symbols.join(","));
    let reply = Service::new().get(&target).await;
    assert_error(&reply, 400, "VALIDATION_ERROR");
    assert_eq!(
        reply.body["error"],
        "At most 50 different symbols are allowed, not 51."
    );
}

#[tokio::test]
async fn an_unknown_format_is_a_validation_error() {
    let service = Service::new();
    for target in [
        "/prices?format=xml",
        "/prices/BTC?format=",
        "/prices?format=json&format=x",
    ] {
        assert_error(&service.get(target).await, 400, "VALIDATION_ERROR");
    }
    assert_eq!(service.get("/prices?format=json").await.status, 200);
}

#[tokio::test]
async fn unsupported_symbols_and_their_migrations_are_named() {
    let settings = [("SUPPORTED_SYMBOLS", "BTC")];
    let service = Service::with_variables(&settings);
    let reply = service.get("/prices?symbols=btc,matic,nope").await;
    assert_error(&reply, 400, "VALIDATION_ERROR");
    assert_eq!(
        reply.body["details"],
        json!({"unsupportedSymbols": ["MATIC", "NOPE"], "migrated": {"MATIC": "POL"}})
    );
    let reply = service.get("/prices/matic").await;
    assert_error(&reply, 404, "NOT_FOUND");
    assert_eq!(
        reply.body["details"],
        json!({"unsupportedSymbols": ["MATIC"], "migrated": {"MATIC": "POL"}})
    );
    // The gateway has decoded the path, so a percent sign is part of the symbol.
    let reply = service.get("/prices/%42TC").await;
    assert_error(&reply, 404, "NOT_FOUND");
    let reply = service.get("/prices/nope").await;
    assert_error(&reply, 404, "NOT_FOUND");
    assert_eq!(
        reply.body["details"],
        json!({"unsupportedSymbols": ["NOPE"]})
    );
}

#[tokio::test]
async fn a_near_miss_of_a_parameter_is_refused_and_an_unrelated_name_is_ignored() {
    let service = Service::with_variables(&[]);
    for name in [
        "symbol",
        "Symbols",
        "symbols[]",
        "symbols%5B0%5D",
        "formats",
        "Currency",
    ] {
        for path in ["/prices", "/prices/BTC"] {
            let reply = service.get(&format!("{path}?{name}=BTC&symbols=BTC")).await;
            assert_error(&reply, 400, "VALIDATION_ERROR");
            let named = name.replace("%5B0%5D", "[0]");
            assert!(reply.body["error"].as_str().unwrap().contains(&named));
        }
    }
    let reply = service
        .get("/prices?symbols=BTC&_=17&utm_source=x&sym=ETH")
        .await;
    assert_eq!(reply.symbols(), ["BTC"]);
}

#[tokio::test]
async fn a_long_parameter_name_is_shortened_in_the_error() {
    let name = format!("symbols[{}]", "x".repeat(5_000));
    let reply = Service::new().get(&format!("/prices?{name}=BTC")).await;
    assert_error(&reply, 400, "VALIDATION_ERROR");
    assert!(reply.text.len() < 400, "{}", reply.text);
}

#[tokio::test]
async fn a_malformed_method_is_a_validation_error() {
    let service = Service::new();
    let key = [("x-api-key", service.key.as_str())];
    for method in ["", "G ET", "GET\u{1}"] {
        let reply = service.send(now(), method, "/prices/BTC", &key).await;
        assert_error(&reply, 400, "VALIDATION_ERROR");
    }
}

#[tokio::test]
async fn a_header_with_a_control_character_is_dropped() {
    let service = Service::with_variables(&[]);
    let broken = format!("{}\u{1}", service.key);
    let reply = service
        .send(now(), "GET", "/prices/BTC", &[("x-api-key", &broken)])
        .await;
    assert_error(&reply, 401, "UNAUTHORIZED");
    let headers = [
        ("x-api-key", service.key.as_str()),
        ("if-none-match", "*\u{0}"),
        ("accept-encoding", "gzip\u{7f}"),
        ("x-other", "\u{1}"),
    ];
    let reply = service.send(now(), "GET", "/prices/BTC", &headers).await;
    assert_eq!(
        (reply.status, reply.header("content-encoding")),
        (200, None)
    );
}

#[tokio::test]
async fn a_query_with_characters_that_a_uri_forbids_is_parsed() {
    let service = Service::new();
    let reply = service.get("/prices?symbols=<BTC>, \"x\"").await;
    assert_error(&reply, 400, "VALIDATION_ERROR");
    assert_eq!(
        reply.body["details"]["unsupportedSymbols"],
        json!(["<BTC>", "\"X\""])
    );
    let reply = service.get("/prices?symbols=%FF%zz").await;
    assert_error(&reply, 400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn requests_for_unknown_paths_need_no_key_and_are_not_counted() {
    let service = Service::new();
    for target in ["/", "/nothing", "/prices/", "/prices/BTC/x", "/pric%65s"] {
        let reply = service.send(now(), "GET", target, &[]).await;
        assert_error(&reply, 404, "NOT_FOUND");
        assert_eq!(reply.header("ratelimit-limit"), None);
    }
    assert!(service.take_calls().is_empty());
}

#[tokio::test]
async fn requests_with_unsupported_methods_need_no_key_and_are_not_counted() {
    let service = Service::new();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        for target in ["/prices", "/prices/BTC", "/health"] {
            let reply = service.send(now(), method, target, &[]).await;
            assert_error(&reply, 405, "METHOD_NOT_ALLOWED");
            assert_eq!(reply.header("allow"), Some("GET, HEAD"));
        }
    }
    assert!(service.take_calls().is_empty());
}

#[tokio::test]
async fn without_a_request_id_of_the_gateway_the_response_has_that_of_lambda() {
    let service = Service::new();
    let mut event = crate::service::event_json("GET", "/nothing", &[]);
    event["requestContext"]["requestId"] = Value::Null;
    let event = Event::parse(&event.to_string()).unwrap();
    let reply = Reply::of(service.api.respond(event, "lambda-request", later(0)).await);
    assert_eq!(reply.body["requestId"], "lambda-request");
}
