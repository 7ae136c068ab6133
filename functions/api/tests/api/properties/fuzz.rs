//! Events that no gateway sends, and queries and headers that clients can send: none causes a 500. One
//! instance of the function responds to all events, so that a test can send millions of them.

use std::cell::OnceCell;
use std::num::NonZeroU32;

use api::Event;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};
use shared::testing::MemoryStore;
use tokio::runtime::Runtime;

use crate::service::{Service, event_json, now};

/// Responds to an event with the instance of this thread. Returns `None` if the event does not have
/// the form of API Gateway's events.
fn respond(mut event: Value) -> Option<ApiGatewayV2httpResponse> {
    thread_local! {
        static INSTANCE: OnceCell<(Runtime, Service)> = const { OnceCell::new() };
    }
    INSTANCE.with(|instance| {
        let (runtime, service) = instance.get_or_init(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .unwrap();
            let service = Service::over(MemoryStore::new(), &[]);
            // All requests are in one minute.
            service.change_key(|key| key.rate_limit_per_minute = Some(NonZeroU32::MAX));
            (runtime, service)
        });
        // Inserts the instance's valid key.
        if let Some(key) = event.pointer_mut("/headers/x-api-key")
            && *key == KNOWN_KEY
        {
            *key = json!(service.key);
        }
        let event = Event::parse(&event.to_string()).ok()?;
        let response = runtime.block_on(service.api.respond(event, "lambda-request", now()));
        service.store.take_calls();
        Some(response)
    })
}

/// The placeholder for the key of the instance.
const KNOWN_KEY: &str = "known";

/// Asserts that a response is valid for the gateway and has a documented status.
fn assert_documented(response: &ApiGatewayV2httpResponse) -> Result<(), TestCaseError> {
    let documented = [200, 304, 400, 401, 404, 405, 429, 503];
    let status = response.status_code;
    prop_assert!(
        documented.contains(&status),
        "{} {:?}",
        status,
        response.body
    );
    let written = serde_json::to_value(response).unwrap();
    if status != 304 && written["isBase64Encoded"] == false {
        let body = written["body"].as_str().unwrap();
        prop_assert!(serde_json::from_str::<Value>(body).is_ok(), "{}", body);
    }
    Ok(())
}

/// Returns a meaningful word, a concatenation of such words, or any other text.
fn text() -> impl Strategy<Value = String> {
    let words = [
        "",
        "GET",
        "HEAD",
        "POST",
        "/prices",
        "/prices/",
        "/prices/BTC",
        "/health",
        "BTC",
        "eth",
        "MATIC",
        "$default",
        "2.0",
        "*",
        "W/\"x\"",
        "gzip",
        "symbols=BTC,ETH",
        "known",
        "%",
        "%4",
        "192.0.2.1",
        "cw_0123456789AB_0123456789abcdefghijABCDEFGHIJ0123456789xyz",
    ];
    prop_oneof![
        4 => select(words.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => proptest::collection::vec(select(words.to_vec()), 0..6).prop_map(|words| words.concat()),
    ]
}

/// Returns any JSON value of a few levels.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => text().prop_map(Value::String),
        1 => any::<i64>().prop_map(|number| json!(number)),
        1 => any::<bool>().prop_map(|flag| json!(flag)),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            proptest::collection::vec((text(), inner), 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Pointers to the members of an event that are changed.
const PLACES: [&str; 14] = [
    "/version",
    "/routeKey",
    "/rawPath",
    "/rawQueryString",
    "/headers",
    "/headers/x-api-key",
    "/headers/if-none-match",
    "/headers/accept-encoding",
    "/requestContext",
    "/requestContext/http",
    "/requestContext/http/method",
    "/requestContext/http/path",
    "/requestContext/requestId",
    "/isBase64Encoded",
];

/// Replaces a member of an event, or removes it.
fn change(event: &mut Value, place: &str, value: Option<Value>) {
    let (parent, name) = place.rsplit_once('/').unwrap();
    // An earlier change may have replaced the parent by another value.
    if let Some(Value::Object(members)) = event.pointer_mut(parent) {
        match value {
            Some(value) => members.insert(name.to_owned(), value),
            None => members.remove(name),
        };
    }
}

/// Returns a query of meaningful pieces, separators and any other text.
fn query() -> impl Strategy<Value = String> {
    let pieces = [
        "symbols=",
        "format=",
        "include=",
        "currency=",
        "currency",
        "eur",
        "marketCap",
        "compact",
        "json",
        "BTC",
        "btc",
        "ETH",
        "SOL",
        "MATIC",
        "NOPE",
        ",",
        ",,",
        "&",
        "=",
        "%20",
        "%2C",
        "%FF",
        "%",
        "+",
        ";",
        " ",
        "\0",
        "\u{20bf}",
        "<",
        "\"",
    ];
    let piece = prop_oneof![
        6 => select(pieces.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// Returns the value of a header: pieces of the lists that the API parses, or any text.
fn header() -> impl Strategy<Value = String> {
    let pieces = [
        "gzip",
        "x-gzip",
        "identity",
        "br",
        "*",
        ";q=",
        "0",
        "1",
        "0.5",
        "1.000",
        "0.0001",
        "q",
        ",",
        ", ",
        " ",
        "W/",
        "\"",
        "\\",
        "cw_",
        "_",
        "0123456789AB",
        "known",
        "\t",
    ];
    let listed = proptest::collection::vec(select(pieces.to_vec()), 0..12)
        .prop_map(|pieces| pieces.concat());
    prop_oneof![4 => listed, 1 => any::<String>(), 1 => "[\\x00-\\x7f]{0,40}"]
}

proptest! {
    #[test]
    fn any_event_gets_a_valid_response(
        changes in proptest::collection::vec((select(&PLACES[..]), proptest::option::of(json())), 0..6),
    ) {
        let mut written = json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": "/prices",
            "rawQueryString": "",
            "headers": Map::from_iter([("x-api-key".to_owned(), json!(KNOWN_KEY))]),
            "requestContext": {
                "http": {"method": "GET", "path": "/prices", "sourceIp": "192.0.2.1"},
                "requestId": "gateway-request",
            },
            "isBase64Encoded": false,
        });
        for (place, value) in changes {
            change(&mut written, place, value);
        }
        if let Some(response) = respond(written) {
            assert_documented(&response)?;
        }
    }

    #[test]
    fn any_query_gets_a_valid_response(
        path in select(&["/prices", "/prices/BTC", "/health"][..]),
        query in query(),
    ) {
        let mut event = event_json("GET", path, &[("x-api-key", KNOWN_KEY)]);
        event["rawQueryString"] = json!(query);
        assert_documented(&respond(event).unwrap())?;
    }

    #[test]
    fn any_headers_get_a_valid_response(
        headers in proptest::collection::vec(
            (select(&["x-api-key", "if-none-match", "accept-encoding", "x"][..]), header()),
            0..6,
        ),
        has_valid_key in any::<bool>(),
    ) {
        let mut event = event_json("GET", "/prices/BTC", &[]);
        for (name, value) in headers {
            event["headers"][name] = json!(value);
        }
        if has_valid_key {
            event["headers"]["x-api-key"] = json!(KNOWN_KEY);
        }
        assert_documented(&respond(event).unwrap())?;
    }
}
