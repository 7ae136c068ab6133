//! Tests of the gateway in front of the script `lambda/fixtures/runtime.bash`. The script obeys a word
//! in the event (such as `crash`), or else responds with the event.

use axum::http::request::Builder;
use serde_json::{Value, json};

use super::*;
use crate::lambda::tests::config;
use crate::plan::{self, RoutePlan};

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

struct Api {
    gateway: Gateway,
    function: Arc<Function>,
}

impl Api {
    async fn start(key: &str) -> Self {
        let function = Function::start(config(Duration::from_secs(5), "dev"));
        let function = function.await.unwrap();
        let plan = ApiPlan {
            routes: vec![RoutePlan {
                key: key.to_owned(),
                function: contract::Function::Api,
                timeout: Duration::from_secs(1),
            }],
            cors: plan::Cors {
                allow_origins: vec!["*".to_owned()],
                ..plan::Cors::default()
            },
        };
        let functions = BTreeMap::from([(contract::Function::Api, Arc::clone(&function))]);
        let gateway = Gateway::new(plan, &functions, Arc::default()).unwrap();
        Api { gateway, function }
    }

    async fn send(&self, request: Builder, body: impl Into<Body>) -> (u16, Value) {
        let request = request.body(body.into()).unwrap();
        let response = self.gateway.respond(request, PEER, "id").await;
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.send(Request::get(path), Body::empty()).await
    }
}

fn message(text: &str) -> Value {
    json!({"message": text})
}

#[tokio::test]
async fn a_request_becomes_an_event_and_the_client_gets_the_response() {
    let api = Api::start("GET /prices/{symbol}").await;
    let (status, body) = api.get("/prices/B%54C?a=1").await;
    assert_eq!(status, 200);
    assert_eq!(body["event"]["routeKey"], "GET /prices/{symbol}");
    assert_eq!(body["event"]["rawPath"], "/prices/BTC");
    assert_eq!(body["event"]["requestContext"]["requestId"], "id");
    let (status, body) = api.get("/nope").await;
    assert_eq!((status, body), (404, message("Not Found")));
    api.function.stop().await;
}

#[tokio::test]
async fn a_failure_or_a_timeout_of_the_function_gets_a_response_of_the_gateway() {
    let api = Api::start("$default").await;
    let internal = (500, message("Internal Server Error"));
    assert_eq!(api.get("/fail").await, internal);
    assert_eq!(api.get("/crash").await, internal);
    let unavailable = (503, message("Service Unavailable"));
    assert_eq!(api.get("/hang").await, unavailable);
    assert_eq!(api.get("/").await.0, 200);
    // Kills the process that hangs.
    drop(api);
}

#[tokio::test]
async fn requests_that_are_too_large_do_not_reach_the_function() {
    let api = Api::start("$default").await;
    let large = "x".repeat(MAX_HEADER_BYTES);
    let (status, _) = api
        .send(Request::get("/").header("x", large), Body::empty())
        .await;
    assert_eq!(status, 431);
    let (status, _) = api
        .send(Request::post("/"), vec![b'x'; MAX_BODY_BYTES + 1])
        .await;
    assert_eq!(status, 413);
    let (_, body) = api.send(Request::post("/"), "text").await;
    assert_eq!(
        (&body["served"], &body["event"]["body"]),
        (&json!(1), &json!("text"))
    );
    api.function.stop().await;
}

#[tokio::test]
async fn the_gateway_answers_preflights_and_forwards_other_options_requests() {
    let api = Api::start("$default").await;
    let options = || Request::options("/").header("origin", "https://watch.example");
    let preflight = options().header("access-control-request-method", "GET");
    assert_eq!(api.send(preflight, Body::empty()).await, (204, Value::Null));
    assert_eq!(api.send(options(), Body::empty()).await.0, 200);
    api.function.stop().await;
}

#[test]
fn the_log_line_of_a_request_has_at_most_32_characters_of_its_path() {
    assert_eq!(logged_path("/prices/BTC"), "/prices/BTC");
    let longest = "x".repeat(MAX_LOGGED_PATH);
    assert_eq!(logged_path(&longest), longest);
    let key = "cw_0123456789AB_0123456789abcdefghijABCDEFGHIJ0123456789xyz";
    for path in [format!("/{key}"), format!("/prices/{key}")] {
        let line = logged_path(&path);
        assert_eq!(line.len(), MAX_LOGGED_PATH + 3, "{line}");
        assert!(line.ends_with("..."), "{line}");
    }
    let logged = logged_path(&"\u{20bf}".repeat(40)).chars().count();
    assert_eq!(logged, MAX_LOGGED_PATH + 3);
}
