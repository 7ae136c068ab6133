//! The gateway from outside, with the fixture's process behind it: it answers
//! with the event that it got, and does what the event's text says.

use axum::http::request::Builder;
use serde_json::{Value, json};

use super::*;
use crate::lambda::tests::blueprint;
use crate::plan::RoutePlan;

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

struct Api {
    gateway: Gateway,
    function: Arc<Function>,
}

impl Api {
    async fn start(key: &str, cors: Option<Cors>) -> Self {
        let function = blueprint(Duration::from_secs(5), "dev");
        let function = Function::start(function).await.unwrap();
        let plan = ApiPlan {
            routes: vec![RoutePlan {
                key: key.to_owned(),
                function: contract::Function::Api,
                timeout: Duration::from_secs(1),
            }],
            cors,
        };
        let functions = BTreeMap::from([(contract::Function::Api, Arc::clone(&function))]);
        let gateway = Gateway::new(plan, &functions).unwrap();
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
async fn a_function_gets_its_routes_events_and_the_client_its_answer() {
    let api = Api::start("GET /prices/{symbol}", None).await;
    let (status, answer) = api.get("/prices/B%54C?a=1").await;
    assert_eq!(status, 200);
    assert_eq!(answer["event"]["routeKey"], "GET /prices/{symbol}");
    assert_eq!(answer["event"]["rawPath"], "/prices/BTC");
    assert_eq!(answer["event"]["pathParameters"], json!({"symbol": "BTC"}));
    assert_eq!(answer["event"]["requestContext"]["requestId"], "id");
    let (status, answer) = api.get("/nope").await;
    assert_eq!((status, answer), (404, message("Not Found")));
    api.function.stop().await;
}

#[tokio::test]
async fn what_goes_wrong_behind_the_gateway_is_told_in_its_own_words() {
    let api = Api::start("$default", None).await;
    let internal = (500, message("Internal Server Error"));
    assert_eq!(api.get("/fail").await, internal);
    assert_eq!(api.get("/crash").await, internal);
    let unavailable = (503, message("Service Unavailable"));
    assert_eq!(api.get("/hang").await, unavailable);
    assert_eq!(api.get("/").await.0, 200);
    // Ends the one that hangs.
    drop(api);
}

#[tokio::test]
async fn requests_that_are_too_large_do_not_reach_the_function() {
    let api = Api::start("$default", None).await;
    let large = "x".repeat(MAX_HEADER_BYTES);
    let (status, _) = api
        .send(Request::get("/").header("x", large), Body::empty())
        .await;
    assert_eq!(status, 431);
    let (status, _) = api
        .send(Request::post("/"), vec![b'x'; MAX_BODY_BYTES + 1])
        .await;
    assert_eq!(status, 413);
    let (_, answer) = api.send(Request::post("/"), "text").await;
    assert_eq!(
        (&answer["served"], &answer["event"]["body"]),
        (&json!(1), &json!("text"))
    );
    api.function.stop().await;
}

#[tokio::test]
async fn preflights_are_the_gateways_only_where_cors_is_configured() {
    let preflight = || {
        Request::options("/")
            .header("origin", "https://watch.example")
            .header("access-control-request-method", "GET")
    };
    let cors = Cors {
        allow_origins: vec!["*".to_owned()],
        ..Cors::default()
    };
    let with = Api::start("$default", Some(cors)).await;
    assert_eq!(
        with.send(preflight(), Body::empty()).await,
        (204, Value::Null)
    );
    let without = Api::start("$default", None).await;
    assert_eq!(without.send(preflight(), Body::empty()).await.0, 200);
    tokio::join!(with.function.stop(), without.function.stop());
}

#[test]
fn the_line_about_a_request_has_a_bounded_path_and_no_whole_key() {
    assert_eq!(shown("/prices/BTC"), "/prices/BTC");
    assert_eq!(shown(&"x".repeat(32)), "x".repeat(32));
    let key = "cw_0123456789AB_0123456789abcdefghijABCDEFGHIJ0123456789xyz";
    for path in [format!("/{key}"), format!("/prices/{key}")] {
        let line = shown(&path);
        assert_eq!(line.len(), MAX_SHOWN_PATH + 3, "{line}");
        assert!(line.ends_with("..."), "{line}");
    }
    assert_eq!(shown(&"\u{20bf}".repeat(40)).chars().count(), 35);
}
