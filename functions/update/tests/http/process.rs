//! The function's real process with a simulated Lambda Runtime API: certificates, settings, events.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use lambda_simulator::{InvocationStatus, Simulator};
use serde_json::{Value, json};
use shared::store::ApiStore as _;
use tokio::process::{Child, Command};

use crate::runs::symbol;
use crate::server::Server;
use crate::table::{TABLE, Table};
use crate::tls;

/// The maximum time until a response. It is longer than any run, so only a run that hangs fails its
/// test.
const PATIENCE: Duration = Duration::from_mins(1);

fn bootstrap(environment: &[(&str, &str)]) -> Command {
    #[expect(clippy::disallowed_methods, reason = "its environment is cleared")]
    let mut command = Command::new(env!("CARGO_BIN_EXE_update"));
    command
        .env_clear()
        .envs(environment.iter().copied())
        .envs([
            ("ENVIRONMENT", "dev"),
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("AWS_REGION", "us-east-1"),
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// The process with its table and its Runtime API.
pub(crate) struct Function {
    lambda: Simulator,
    process: Child,
    pub(crate) table: Table,
}

impl Function {
    /// Starts the function with one or two providers and further variables.
    pub(crate) async fn start(
        first: &Server,
        second: Option<&Server>,
        environment: &[(&str, &str)],
    ) -> Self {
        let table = Table::create().await;
        let lambda = Simulator::builder().build().await.unwrap();
        let second = second.map_or("none", |second| second.base().as_str());
        let process = bootstrap(environment)
            .envs([
                ("DYNAMODB_TABLE_NAME", TABLE),
                ("AWS_ENDPOINT_URL_DYNAMODB", &table.endpoint),
                ("EXTERNAL_API_URL", first.base().as_str()),
                ("SECOND_API_URL", second),
            ])
            .envs(lambda.lambda_env_vars())
            .spawn()
            .unwrap();
        Self {
            lambda,
            process,
            table,
        }
    }

    /// Starts the function with one provider, and with this file of trusted certificates.
    async fn with_certificates(provider: &Server, certificates: Option<&Path>) -> Self {
        match certificates {
            None => Self::start(provider, None, &[]).await,
            Some(file) => {
                let file = ("SSL_CERT_FILE", file.to_str().unwrap());
                Self::start(provider, None, &[file]).await
            }
        }
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn id(&self) -> u32 {
        self.process.id().unwrap()
    }

    /// Returns the response to an event, or the type and the message of the error.
    pub(crate) async fn invoke(&self) -> Result<Value, (String, String)> {
        self.invoke_with(json!({})).await
    }

    async fn invoke_with(&self, event: Value) -> Result<Value, (String, String)> {
        let id = self.lambda.enqueue_payload(event).await;
        let state = self
            .lambda
            .wait_for_invocation_complete(&id, PATIENCE)
            .await
            .unwrap();
        if state.status == InvocationStatus::Success {
            return Ok(state.response.unwrap().payload);
        }
        let error = state.error.unwrap();
        Err((error.error_type, error.error_message))
    }

    /// Ends the process and returns the lines of its log.
    pub(crate) async fn log(mut self) -> Vec<Value> {
        assert_eq!(self.process.try_wait().unwrap(), None);
        self.process.start_kill().unwrap();
        let output = self.process.wait_with_output().await.unwrap();
        lines(&output.stdout)
    }
}

fn lines(stdout: &[u8]) -> Vec<Value> {
    String::from_utf8_lossy(stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn a_provider_with_a_trusted_certificate_is_called() {
    let (server, certificate) = tls::server("127.0.0.1").await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), certificate).unwrap();
    let function = Function::with_certificates(&server, Some(file.path())).await;
    let response = function.invoke().await.unwrap();
    assert_eq!(response["stored"], json!(["BTC"]));
    let stored = function.table.store().prices(&[symbol("BTC")], None).await;
    assert_eq!(stored.unwrap().found[0].price.to_string(), "103663.25");
}

/// Asserts that a run fails because of the provider's certificate, with this reason.
async fn assert_fails(server: &Server, certificates: Option<&Path>, reason: &str) {
    let function = Function::with_certificates(server, certificates).await;
    let (error_type, message) = function.invoke().await.unwrap_err();
    assert_eq!(error_type, "PROVIDER_FAILED");
    assert!(message.contains(reason), "{message}");
    let stored = function.table.store().prices(&[symbol("BTC")], None).await;
    assert_eq!(stored.unwrap().found, []);

    let log = function.log().await;
    let failed = log.iter().find(|line| line["message"] == "update failed");
    let failed = failed.unwrap_or_else(|| panic!("{log:?}"));
    assert_eq!(failed["level"], "ERROR");
    assert!(failed["error"].as_str().unwrap().contains(reason));
    let metrics = log
        .iter()
        .find(|line| line.get("SymbolsSkipped").is_some())
        .unwrap_or_else(|| panic!("{log:?}"));
    assert_eq!(metrics["ProviderFailures"], 4.0, "all attempts");
    assert!(metrics["_aws"].is_object());
}

#[tokio::test]
async fn an_untrusted_or_misnamed_certificate_fails_the_run_with_the_reason() {
    let (untrusted, _) = tls::server("127.0.0.1").await;
    let (misnamed, certificate) = tls::server("other.example").await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), certificate).unwrap();
    tokio::join!(
        assert_fails(&untrusted, None, "UnknownIssuer"),
        assert_fails(
            &misnamed,
            Some(file.path()),
            "certificate not valid for name"
        ),
    );
}

#[tokio::test]
async fn a_missing_or_invalid_setting_is_named_and_prevents_the_start() {
    let table = ("DYNAMODB_TABLE_NAME", TABLE);
    for (environment, named) in [
        (vec![], "DYNAMODB_TABLE_NAME"),
        (
            vec![table, ("EXTERNAL_API_URL", "hush")],
            "EXTERNAL_API_URL",
        ),
        (vec![table, ("SECOND_API_URL", "hush")], "SECOND_API_URL"),
        (
            vec![table, ("SSL_CERT_FILE", "/no/such.pem")],
            "SSL_CERT_FILE",
        ),
    ] {
        let output = bootstrap(&environment).output().await.unwrap();
        assert_eq!(output.status.code(), Some(1), "{named}");
        let log = lines(&output.stdout);
        assert_eq!(log.len(), 1, "{log:?}");
        assert_eq!(log[0]["message"], "the function could not start");
        let error = log[0]["error"].as_str().unwrap();
        assert!(error.contains(named), "{error}");
        assert!(!error.contains("hush"), "{error}");
    }
}

#[tokio::test]
async fn any_event_starts_a_run_and_no_text_of_the_event_is_logged() {
    let secret = "marked";
    let deep = (0..200).fold(json!(secret), |inner, _| json!({secret: inner}));
    let (server, certificate) = tls::server("127.0.0.1").await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), certificate).unwrap();
    let function = Function::with_certificates(&server, Some(file.path())).await;
    for event in [
        json!(null),
        json!(secret),
        json!([secret]),
        json!({secret: [secret]}),
        json!({"source": secret, "time": secret, "detail": {secret: secret}}),
        deep,
    ] {
        let response = function.invoke_with(event).await.unwrap();
        assert!(!response.to_string().contains(secret), "{response}");
    }
    for line in function.log().await {
        assert!(!line.to_string().contains(secret), "{line}");
    }
}
