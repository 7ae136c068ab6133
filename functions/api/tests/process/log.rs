//! The log line of each request.

use contract::routes;
use serde_json::{Value, json};
use shared::api_key::RawApiKey;

use crate::function::{Function, event, health_event, prices_event};
use crate::sample_table::SampleTable;
use crate::table::TABLE;

fn requests(log: &[Value]) -> Vec<&Value> {
    log.iter()
        .filter(|line| line["message"] == "request")
        .collect()
}

#[tokio::test]
async fn each_request_has_one_line_with_metrics_and_without_secrets() {
    let function = Function::without_table(&[]).await;
    let key = RawApiKey::generate().unwrap();
    function.invoke(prices_event(&key.reveal())).await.unwrap();
    function.invoke(health_event()).await.unwrap();
    let log = function.log().await;

    let requests = requests(&log);
    assert_eq!(requests.len(), 2);
    let line = requests[0];
    assert_eq!(line["requestId"], "JKJaXmPLvHcESHA=");
    assert_eq!(line["method"], "GET");
    assert_eq!(line["route"], "GET /prices");
    assert_eq!(line["status"], 503);
    assert_eq!(line["keyId"], key.key_id().masked());
    assert_eq!(line["coldStart"], true);
    assert_eq!(line["Requests"], 1.0);
    assert!(line["Latency"].as_f64().unwrap() > 0.0);
    assert_eq!(line["durationMs"], line["Latency"]);
    assert_eq!(line["code"], "SERVICE_UNAVAILABLE");
    assert!(line["bytes"].as_u64().unwrap() > 0);
    assert_eq!(requests[1]["route"], "GET /health");
    assert_eq!(requests[1]["coldStart"], false);
    assert_eq!(requests[1]["keyId"], Value::Null);

    // The log has the cause of the 503 with the request's id, but no key and no client's address.
    for request in requests {
        let is_cause = |line: &Value| {
            line["level"] == "ERROR" && line["span"]["requestId"] == request["requestId"]
        };
        assert!(log.iter().any(is_cause), "{request}");
    }
    let text = format!("{log:?}");
    let secret = key.reveal();
    for unwanted in [&*secret, secret.rsplit('_').next().unwrap(), "192.0.2.1"] {
        assert!(!text.contains(unwanted), "{text}");
    }
}

/// Returns events of API Gateway with a text in each place that a client can fill, and three events of
/// other forms. The id of the request is left out, because the gateway creates it.
fn events_with(text: &str, key: &str) -> Vec<Value> {
    let plain = event(key, "/prices", "symbols=BTC");
    let mut events = vec![json!(text), json!([text]), json!({text: text})];
    for place in [
        "/version",
        "/routeKey",
        "/rawPath",
        "/rawQueryString",
        "/body",
        "/cookies",
        "/pathParameters",
        "/queryStringParameters",
        "/stageVariables",
        "/headers",
        "/headers/x-api-key",
        "/headers/if-none-match",
        "/headers/accept-encoding",
        "/headers/user-agent",
        "/requestContext/http",
        "/requestContext/http/method",
        "/requestContext/http/path",
        "/requestContext/http/userAgent",
    ] {
        let (parent, name) = place.rsplit_once('/').unwrap();
        for value in [
            json!(text),
            json!([text]),
            json!({text: [text]}),
            json!(format!("{text}\u{1}")),
        ] {
            let mut event = plain.clone();
            event.pointer_mut(parent).unwrap()[name] = value;
            events.push(event);
        }
    }
    for (path, query) in [
        (format!("/prices/{text}"), String::new()),
        ("/prices".to_owned(), format!("symbols={text}")),
        ("/prices".to_owned(), format!("symbols[{text}]=BTC")),
        (
            "/prices".to_owned(),
            format!("format={text}&include={text}"),
        ),
        ("/key".to_owned(), format!("{text}={text}")),
    ] {
        events.push(event(key, &path, &query));
    }
    let mut named = plain;
    named["headers"][text] = json!("x");
    events.push(named);
    events
}

#[tokio::test]
async fn a_secret_in_an_event_is_in_no_log_and_in_no_error_and_in_no_item() {
    let table = SampleTable::create().await;
    let function = Function::at(table.endpoint(), &[("LOG_LEVEL", "DEBUG")]).await;
    let unknown = RawApiKey::generate().unwrap().reveal();
    let mut errors = Vec::new();
    for key in [&table.key, &unknown] {
        for event in events_with(key, &table.key) {
            if let Err(error) = function.invoke(event).await {
                errors.push(error);
            }
        }
    }
    // An event that is not an object is an error.
    assert!(!errors.is_empty());
    let scan = table
        .client()
        .scan()
        .table_name(TABLE)
        .send()
        .await
        .unwrap();
    let log = function.log().await;
    assert!(log.len() > 100);
    let texts = [
        format!("{log:?}"),
        format!("{errors:?}"),
        format!("{:?}", scan.items),
    ];
    for key in [&table.key, &unknown] {
        let secret = key.rsplit('_').next().unwrap();
        for text in &texts {
            // The message omits the text, which is long.
            assert!(!text.contains(secret), "a secret in {} bytes", text.len());
        }
    }
}

#[tokio::test]
async fn with_log_level_error_a_request_has_only_its_metrics() {
    let function = Function::without_table(&[("LOG_LEVEL", "ERROR")]).await;
    function.invoke(health_event()).await.unwrap();
    let log = function.log().await;
    let metrics: Vec<_> = log.iter().filter(|line| !line["_aws"].is_null()).collect();
    assert_eq!(metrics.len(), 1);
    assert_eq!(metrics[0]["Requests"], 1.0);
    assert_eq!(metrics[0]["requestId"], Value::Null);
}

#[tokio::test]
async fn the_log_line_has_the_facts_about_the_response() {
    let table = SampleTable::create().await;
    let function = Function::at(table.endpoint(), &[]).await;
    let key = table.key.as_str();
    let unknown = RawApiKey::generate().unwrap().reveal();
    let mut lengths = Vec::new();
    for event in [
        event(key, "/prices", ""),
        event(key, "/prices/btc", "currency=usd"),
        event(key, "/prices/nope", ""),
        event(&unknown, "/prices", ""),
        event(key, "/nothing", ""),
        health_event(),
    ] {
        let answer = function.invoke(event).await.unwrap();
        lengths.push(answer["body"].as_str().unwrap().len());
    }
    let mut head = event(key, "/prices", "");
    head["requestContext"]["http"]["method"] = json!("HEAD");
    function.invoke(head).await.unwrap();
    lengths.push(0);

    let log = function.log().await;
    let logged: Vec<_> = requests(&log)
        .into_iter()
        .map(|line| {
            [
                "route", "method", "status", "code", "symbols", "stale", "currency",
            ]
            .map(|member| line[member].clone())
        })
        .collect();
    assert_eq!(
        json!(logged),
        json!([
            ["GET /prices", "GET", 200, null, 2, 0, null],
            ["GET /prices/{symbol}", "GET", 200, null, 1, 0, "USD"],
            ["GET /prices/{symbol}", "GET", 404, "NOT_FOUND", 0, 0, null],
            ["GET /prices", "GET", 401, "UNAUTHORIZED", 0, 0, null],
            ["$default", "GET", 404, "NOT_FOUND", 0, 0, null],
            ["GET /health", "GET", 200, null, 0, 0, null],
            ["GET /prices", "HEAD", 200, null, 2, 0, null],
        ])
    );
    let bytes: Vec<_> = requests(&log).iter().map(|line| &line["bytes"]).collect();
    assert_eq!(json!(bytes), json!(lengths));
    let masked = table.key_id.masked();
    assert_eq!(requests(&log)[0]["keyId"], masked);
}

#[tokio::test]
async fn the_metric_for_responses_without_prices_excludes_failures_of_the_store() {
    let table = SampleTable::create().await;
    let function = Function::at(table.endpoint(), &[]).await;
    for path in ["/prices/ADA", "/prices/BTC"] {
        let event = event(&table.key, path, "");
        function.invoke(event).await.unwrap();
    }
    let log = function.log().await;
    let failed = Function::without_table(&[]).await;
    let event = prices_event(&table.key);
    failed.invoke(event).await.unwrap();
    let failed = failed.log().await;

    let counted: Vec<_> = [requests(&log), requests(&failed)]
        .concat()
        .into_iter()
        .map(|line| {
            let all = &line["_aws"]["CloudWatchMetrics"][0];
            assert_eq!(all["Dimensions"], json!([["Environment"]]), "{line}");
            let metric = json!({"Name": "NoPriceResponses", "Unit": "Count"});
            let declared = all["Metrics"].as_array().unwrap().contains(&metric);
            assert_eq!(declared, line["NoPriceResponses"] == 1.0, "{line}");
            (line["code"].clone(), declared)
        })
        .collect();
    assert_eq!(
        json!(counted),
        json!([
            ["NO_PRICE", true],
            [null, false],
            ["SERVICE_UNAVAILABLE", false]
        ])
    );
}

/// Clients cannot create new values of the dimensions: each new combination of a route and a status
/// class would cost money.
#[tokio::test]
async fn metrics_have_only_a_fixed_set_of_dimensions() {
    let table = SampleTable::create().await;
    let function = Function::at(table.endpoint(), &[]).await;
    let secret = "cw_in_a_path";
    let mut events = vec![health_event()];
    for path in ["/prices", "/prices/BTC", secret, "/prices/x/y", "/Prices"] {
        events.push(event(&table.key, path, secret));
        events.push(event("none", path, ""));
    }
    let sent = events.len();
    for event in events {
        function.invoke(event).await.unwrap();
    }
    let log = function.log().await;
    assert_eq!(requests(&log).len(), sent);
    for line in requests(&log) {
        let route = line["Route"].as_str().unwrap();
        assert!(routes::ALL.contains(&route), "{line}");
        let class = format!("{}xx", line["status"].as_u64().unwrap() / 100);
        assert_eq!(line["StatusClass"], class, "{line}");
        let dimensions: Vec<_> = line["_aws"]["CloudWatchMetrics"]
            .as_array()
            .unwrap()
            .iter()
            .map(|directive| (&directive["Dimensions"], &directive["Metrics"]))
            .collect();
        let requests = json!({"Name": "Requests", "Unit": "Count"});
        let latency = json!({"Name": "Latency", "Unit": "Milliseconds"});
        assert_eq!(
            json!(dimensions),
            json!([
                [[["Environment"]], [requests, latency]],
                [[["Environment", "Route", "StatusClass"]], [requests]],
                [[["Environment", "Route"]], [latency]],
            ])
        );
    }
    assert!(!json!(log).to_string().contains(secret), "{log:?}");
}
