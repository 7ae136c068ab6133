//! The real binary with the event of CodeDeploy and with the event of the schedule.

use std::process::Stdio;
use std::time::Duration;

use lambda_simulator::{InvocationStatus, Simulator};
use serde_json::{Value, json};
use shared::error::StoreError;
use shared::testing::Operation;
use tokio::process::{Child, Command};

use crate::aws::{Aws, VERSION, fresh_store};

/// The maximum time until a response: the timeout of the function.
const RESPONSE_LIMIT: Duration = Duration::from_secs(contract::VERIFY_TIMEOUT_SECONDS as u64);

struct Function {
    lambda: Simulator,
    process: Child,
}

impl Function {
    async fn start(aws: &Aws, environment: &[(&str, &str)]) -> Self {
        let lambda = Simulator::builder().build().await.unwrap();
        #[expect(clippy::disallowed_methods, reason = "its environment is cleared")]
        let process = Command::new(env!("CARGO_BIN_EXE_verify"))
            .env_clear()
            .envs([
                ("AWS_ACCESS_KEY_ID", "local"),
                ("AWS_SECRET_ACCESS_KEY", "local"),
                ("AWS_REGION", "eu-central-1"),
                ("AWS_ENDPOINT_URL_LAMBDA", &aws.url),
                ("AWS_ENDPOINT_URL_CODEDEPLOY", &aws.url),
                ("AWS_ENDPOINT_URL_DYNAMODB", &aws.url),
                ("DYNAMODB_TABLE_NAME", "table"),
                ("ENVIRONMENT", "staging"),
            ])
            .envs(environment.iter().copied())
            .envs(lambda.lambda_env_vars())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self { lambda, process }
    }

    /// Sends CodeDeploy's event, and returns the report.
    async fn invoke(&self) -> Value {
        self.invoke_with(json!({
            "DeploymentId": "d-1",
            "LifecycleEventHookExecutionId": "hook-1",
            // Unknown members must not fail the event.
            "Combined": {"further": true}
        }))
        .await
    }

    /// Sends an event, and returns the report.
    async fn invoke_with(&self, event: Value) -> Value {
        self.try_invoke(event).await.unwrap()
    }

    /// Sends an event, and returns the report or the invocation's error.
    async fn try_invoke(&self, event: Value) -> Result<Value, String> {
        let id = self.lambda.enqueue_payload(event).await;
        let state = self
            .lambda
            .wait_for_invocation_complete(&id, RESPONSE_LIMIT)
            .await
            .unwrap();
        match state.status {
            InvocationStatus::Success => Ok(state.response.unwrap().payload),
            _ => Err(format!("{:?}", state.error.unwrap())),
        }
    }

    /// Ends the process and returns its log, line by line.
    async fn log(mut self) -> Vec<Value> {
        assert_eq!(self.process.try_wait().unwrap(), None);
        self.process.start_kill().unwrap();
        let output = self.process.wait_with_output().await.unwrap();
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

fn result(status: &str) -> Value {
    json!({
        "deploymentId": "d-1",
        "lifecycleEventHookExecutionId": "hook-1",
        "status": status
    })
}

#[tokio::test]
async fn a_working_version_gets_traffic() {
    let aws = Aws::start(fresh_store(), "CloudFormation", 0).await;
    let function = Function::start(&aws, &[("API_VERSION_ARN", VERSION)]).await;
    let report = function.invoke().await;
    assert_eq!(report, json!({"failed": [], "errors": [], "warnings": []}));
    assert_eq!(aws.results(), [result("Succeeded")]);

    let invoked = aws.invoked();
    let mut paths: Vec<_> = invoked.iter().map(|event| &event["rawPath"]).collect();
    paths.sort_by_key(ToString::to_string);
    assert_eq!(paths, ["/health", "/no-such-path", "/prices", "/prices"]);
    for event in &invoked {
        assert_eq!(event["requestContext"]["requestId"], "d-1");
    }
    assert_one_key(&aws);
    let log = function.log().await;
    assert_eq!(log.len(), 1, "{log:?}");
    let keys = invoked
        .iter()
        .filter_map(|event| event["headers"]["x-api-key"].as_str());
    let keys: Vec<_> = keys.collect();
    assert_eq!(keys.len(), 1);
    let secret = keys[0].rsplit('_').next().unwrap();
    assert!(!format!("{log:?}{report}").contains(secret), "{log:?}");
    assert_eq!(log[0]["message"], "the version may get traffic");
}

/// Asserts that the function created one key and deleted it.
#[track_caller]
fn assert_one_key(aws: &Aws) {
    let calls = aws.table_calls();
    let actions: Vec<_> = calls.iter().map(|call| &*call.action).collect();
    assert_eq!(actions, ["PutItem", "DeleteItem"]);
    let [created, deleted] = [0, 1].map(|index| &calls[index].partition_key);
    assert!(created.starts_with("APIKEY#Verify"), "{created}");
    assert_eq!(created, deleted);
}

#[tokio::test]
async fn a_version_that_refuses_every_key_gets_no_traffic() {
    let aws = Aws::start(fresh_store(), "CloudFormation", 0).await;
    aws.hide_keys();
    let function = Function::start(&aws, &[("API_VERSION_ARN", VERSION)]).await;
    let report = function.invoke().await;
    let reason = "GET /prices?symbols=BTC: a key that was created just now is refused";
    assert_eq!(report["failed"], json!([reason]));
    assert_eq!(aws.results(), [result("Failed")]);
    assert_one_key(&aws);
}

#[tokio::test]
async fn a_version_whose_role_cannot_count_requests_gets_no_traffic() {
    let store = fresh_store();
    let denied = StoreError::Refused {
        operation: "UpdateItem",
        code: "AccessDeniedException".to_owned(),
        message: "no".to_owned(),
        request_id: "1".to_owned(),
    };
    store.fail(Operation::CountRequest, denied);
    let aws = Aws::start(store, "CloudFormation", 0).await;
    let function = Function::start(&aws, &[("API_VERSION_ARN", VERSION)]).await;
    let report = function.invoke().await;
    let reason = "GET /prices?symbols=BTC: the table or the limiter fails";
    assert_eq!(report["failed"], json!([reason]));
    assert_eq!(aws.results(), [result("Failed")]);
    assert_one_key(&aws);
}

#[tokio::test]
async fn the_probe_requests_the_public_url_with_a_key_and_writes_a_metric() {
    let store = fresh_store();
    let aws = Aws::start(store, "CloudFormation", 0).await;
    let function = Function::start(&aws, &[("API_URL", &aws.url)]).await;
    let event = serde_json::from_str::<Value>(contract::PROBE_EVENT).unwrap();
    let report = function.invoke_with(event.clone()).await;
    assert_eq!(report, json!({"failed": [], "errors": [], "warnings": []}));
    assert_one_key(&aws);
    aws.hide_keys();
    let report = function.invoke_with(event).await;
    let reason = "GET /prices?symbols=BTC: a key that was created just now is refused";
    assert_eq!(report["failed"], json!([reason]));

    // Nothing is reported to CodeDeploy, and no version is invoked.
    assert_eq!(aws.results(), Vec::<Value>::new());
    assert_eq!(aws.invoked(), Vec::<Value>::new());
    let log = function.log().await;
    let metrics: Vec<_> = log
        .iter()
        .filter(|line| !line["_aws"].is_null())
        .map(|line| (&line["ProbeFailures"], &line["level"], &line["Environment"]))
        .collect();
    assert_eq!(
        json!(metrics),
        json!([[0.0, "INFO", "staging"], [1.0, "ERROR", "staging"]])
    );
}

#[tokio::test]
async fn a_probe_with_an_invalid_url_writes_no_metric_and_logs_an_error() {
    let aws = Aws::start(fresh_store(), "CloudFormation", 0).await;
    let function = Function::start(&aws, &[("API_URL", "http://prices.example.com")]).await;
    let event = serde_json::from_str(contract::PROBE_EVENT).unwrap();
    let report = function.invoke_with(event).await;
    let error = report["errors"][0].as_str().unwrap();
    assert!(
        error.starts_with("API_URL must be an https:// URL"),
        "{error}"
    );
    let log = function.log().await;
    assert!(log.iter().all(|line| line["_aws"].is_null()), "{log:?}");
    assert!(log.iter().any(|line| line["level"] == "ERROR"), "{log:?}");
}

#[tokio::test]
async fn the_log_has_the_reason_if_a_version_cannot_read_its_table() {
    let store = fresh_store();
    let operation = "GetItem";
    store.fail(
        Operation::UpdateStatus,
        StoreError::TableNotFound { operation },
    );
    let aws = Aws::start(store, "CloudFormation", 0).await;
    let function = Function::start(&aws, &[("API_VERSION_ARN", VERSION)]).await;
    let report = function.invoke().await;
    let reason = "GET /health: the table cannot be read";
    assert_eq!(report["failed"], json!([reason]));
    assert_eq!(aws.results(), [result("Failed")]);

    let log = function.log().await;
    let stopped = log.iter().find(|line| line["level"] == "ERROR").unwrap();
    assert_eq!(stopped["message"], "the version gets no traffic");
    assert_eq!(stopped["deployment"], "d-1");
    assert_eq!(stopped["failed"], reason);
}

#[tokio::test]
async fn a_short_outage_of_codedeploy_is_no_failure() {
    let aws = Aws::start(fresh_store(), "CloudFormation", 2).await;
    let function = Function::start(&aws, &[("API_VERSION_ARN", VERSION)]).await;
    function.invoke().await;
    assert_eq!(aws.results(), [result("Succeeded")]);
}

#[tokio::test]
async fn a_missing_version_arn_is_reported_as_a_failure() {
    let aws = Aws::start(fresh_store(), "CloudFormation", 0).await;
    let function = Function::start(&aws, &[]).await;
    let report = function.invoke().await;
    assert_eq!(report["errors"], json!(["API_VERSION_ARN is not set"]));
    assert_eq!(aws.results(), [result("Failed")]);
    assert_eq!(aws.invoked(), Vec::<Value>::new());
}

#[tokio::test]
async fn a_rollback_of_cloudformation_or_codedeploy_is_not_stopped() {
    for creator in ["CloudFormationRollback", "codeDeployRollback"] {
        let aws = Aws::start(fresh_store(), creator, 0).await;
        let function = Function::start(&aws, &[]).await;
        let report = function.invoke().await;
        assert_eq!(report["warnings"], json!(["API_VERSION_ARN is not set"]));
        assert_eq!(aws.results(), [result("Succeeded")], "{creator}");
    }
}

/// Makes events that contain a text in different places. No id is the text itself, because the log
/// quotes ids. Only the last two events are valid.
fn events_with(text: &str) -> Vec<Value> {
    let hook = json!({"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "hook-1"});
    let probe: Value = serde_json::from_str(contract::PROBE_EVENT).unwrap();
    // Deeper than the parser's limit.
    let deep = (0..200).fold(json!(text), |inner, _| json!({text: inner}));
    let mut events = vec![
        json!(text),
        json!([text]),
        json!({text: text}),
        deep.clone(),
    ];
    for event in [&hook, &probe] {
        for member in event.as_object().unwrap().keys() {
            for value in [json!([text]), json!({text: [text]}), deep.clone()] {
                let mut event = event.clone();
                event[member] = value;
                events.push(event);
            }
        }
    }
    events.push(json!({"mode": text}));
    for mut event in [hook, probe] {
        event[text] = json!({text: [text]});
        events.push(event);
    }
    events
}

#[tokio::test]
async fn no_text_of_an_event_except_its_ids_is_in_an_error_or_the_log() {
    let secret = "marked";
    let aws = Aws::start(fresh_store(), "CloudFormation", 0).await;
    let function = Function::start(&aws, &[]).await;
    let mut errors = Vec::new();
    for event in events_with(secret) {
        match function.try_invoke(event).await {
            Ok(report) => assert!(!report.to_string().contains(secret), "{report}"),
            Err(error) => errors.push(error),
        }
    }
    assert_eq!(errors.len(), 14, "{errors:?}");
    let log = function.log().await;
    for text in errors.into_iter().chain(log.iter().map(Value::to_string)) {
        assert!(!text.contains(secret), "{text}");
    }
}
