//! The function's real process behind a Lambda Runtime API: that it starts or
//! says why not, that no event ends it, and what its log holds. There is no
//! table behind it: every call to one is refused.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;

use lambda_simulator::{InvocationStatus, Simulator};
use serde_json::{Value, json};
use shared::api_key::RawApiKey;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

/// Longer than any answer takes, so that a test ends when none comes.
const PATIENCE: Duration = Duration::from_secs(30);

const ENVIRONMENT: [(&str, &str); 5] = [
    ("DYNAMODB_TABLE_NAME", "table"),
    ("ENVIRONMENT", "dev"),
    ("AWS_ACCESS_KEY_ID", "local"),
    ("AWS_SECRET_ACCESS_KEY", "local"),
    ("AWS_REGION", "us-east-1"),
];

fn bootstrap(environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_api"));
    command
        .env_clear()
        .envs(environment.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// The process and the Lambda around it.
struct Function {
    lambda: Simulator,
    process: Child,
}

impl Function {
    async fn start() -> Self {
        Self::start_with(&[]).await
    }

    async fn start_with(environment: &[(&str, &str)]) -> Self {
        // A port that nobody listens on.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let nowhere = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let lambda = Simulator::builder().build().await.unwrap();
        let process = bootstrap(environment)
            .envs(lambda.lambda_env_vars())
            .envs(ENVIRONMENT)
            .env("AWS_ENDPOINT_URL_DYNAMODB", nowhere)
            .spawn()
            .unwrap();
        Self { lambda, process }
    }

    /// The answer to an event, or the error message that Lambda got.
    async fn invoke(&self, event: Value) -> Result<Value, String> {
        let id = self.lambda.enqueue_payload(event).await;
        let state = self
            .lambda
            .wait_for_invocation_complete(&id, PATIENCE)
            .await
            .unwrap();
        match state.status {
            InvocationStatus::Success => Ok(state.response.unwrap().payload),
            _ => Err(state.error.unwrap().error_message),
        }
    }

    /// Ends the process and returns its log, line by line.
    async fn log(mut self) -> Vec<Value> {
        assert_eq!(self.process.try_wait().unwrap(), None::<ExitStatus>);
        self.process.start_kill().unwrap();
        let output = self.process.wait_with_output().await.unwrap();
        lines(&output)
    }
}

fn lines(output: &Output) -> Vec<Value> {
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn health_event() -> Value {
    serde_json::from_str(include_str!("../../events/health.json")).unwrap()
}

fn prices_event(key: &str) -> Value {
    let text = include_str!("../../events/api.json").replace("${API_KEY}", key);
    serde_json::from_str(&text).unwrap()
}

fn body(answer: &Value) -> Value {
    serde_json::from_str(answer["body"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn the_sample_events_are_answered_also_without_a_table() {
    let function = Function::start().await;
    let health = function.invoke(health_event()).await.unwrap();
    assert_eq!(health["statusCode"], 503);
    assert_eq!(health["isBase64Encoded"], false);
    assert_eq!(body(&health)["checks"]["dynamodb"], "error");

    let key = RawApiKey::generate().unwrap().reveal();
    let prices = function.invoke(prices_event(&key)).await.unwrap();
    assert_eq!(prices["statusCode"], 503);
    assert_eq!(prices["headers"]["retry-after"], "5");
    assert_eq!(body(&prices)["requestId"], "JKJaXmPLvHcESHA=");
}

#[tokio::test]
async fn a_compressed_answer_travels_to_the_gateway_in_base64() {
    let function = Function::start().await;
    let mut event = health_event();
    event["headers"]["accept-encoding"] = json!("gzip, identity;q=0");
    let health = function.invoke(event).await.unwrap();
    assert_eq!(health["isBase64Encoded"], true);
    assert_eq!(health["headers"]["content-encoding"], "gzip");
    // What gzip begins with (RFC 1952), in base64.
    let body = health["body"].as_str().unwrap();
    assert!(body.starts_with("H4sI"), "{body}");
}

#[tokio::test]
async fn an_event_that_is_no_http_request_is_an_error_and_ends_nothing() {
    let function = Function::start().await;
    for event in [
        json!(null),
        json!("text"),
        json!([]),
        json!({}),
        json!({"source": "aws.scheduler", "detail": {}}),
        json!({"requestContext": {"stage": "prod"}, "httpMethod": "GET", "path": "/"}),
    ] {
        let message = function.invoke(event.clone()).await.unwrap_err();
        assert!(message.contains("payload"), "{event}: {message}");
    }
    let health = function.invoke(health_event()).await.unwrap();
    assert_eq!(health["statusCode"], 503);
}

#[tokio::test]
async fn each_request_leaves_one_line_with_metrics_and_without_secrets() {
    let function = Function::start().await;
    let key = RawApiKey::generate().unwrap();
    function.invoke(prices_event(&key.reveal())).await.unwrap();
    function.invoke(health_event()).await.unwrap();
    let log = function.log().await;

    let requests: Vec<_> = log
        .iter()
        .filter(|line| line["message"] == "request")
        .collect();
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
    assert!(line["bytes"].as_u64().unwrap() > 0);
    assert_eq!(requests[1]["route"], "GET /health");
    assert_eq!(requests[1]["coldStart"], false);
    assert_eq!(requests[1]["keyId"], Value::Null);

    // What went wrong is there, and no key and no client's address.
    assert!(log.iter().any(|line| line["level"] == "ERROR"));
    let text = format!("{log:?}");
    let secret = key.reveal();
    for unwanted in [&*secret, secret.rsplit('_').next().unwrap(), "192.0.2.1"] {
        assert!(!text.contains(unwanted), "{text}");
    }
}

#[tokio::test]
async fn with_log_level_error_a_request_leaves_only_its_metrics() {
    let function = Function::start_with(&[("LOG_LEVEL", "ERROR")]).await;
    function.invoke(health_event()).await.unwrap();
    let log = function.log().await;
    let metrics: Vec<_> = log.iter().filter(|line| !line["_aws"].is_null()).collect();
    assert_eq!(metrics.len(), 1);
    assert_eq!(metrics[0]["Requests"], 1.0);
    assert_eq!(metrics[0]["requestId"], Value::Null);
}

#[tokio::test]
async fn a_setting_that_is_missing_or_wrong_is_named_and_ends_the_start() {
    let missing = bootstrap(&ENVIRONMENT[1..]).output().await.unwrap();
    let mut wrong = bootstrap(&ENVIRONMENT);
    let wrong = wrong.env("RATE_LIMIT_PER_MINUTE", "lots").output();
    let wrong = wrong.await.unwrap();
    let without_region = bootstrap(&ENVIRONMENT[..4]).output().await.unwrap();
    for (output, variable) in [
        (missing, "DYNAMODB_TABLE_NAME"),
        (wrong, "RATE_LIMIT_PER_MINUTE"),
        (without_region, "AWS_REGION"),
    ] {
        assert_eq!(output.status.code(), Some(1));
        let log = lines(&output);
        assert_eq!(log.len(), 1, "{log:?}");
        assert_eq!(log[0]["message"], "the function could not start");
        let error = log[0]["error"].as_str().unwrap();
        assert!(error.starts_with(variable), "{error}");
    }
}
