//! The function's real process behind a Lambda Runtime API.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use lambda_simulator::{InvocationStatus, Simulator};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::table::TABLE;

/// The maximum time until a response. Every response arrives earlier, so only a missing response fails
/// a test.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const ENVIRONMENT: [(&str, &str); 5] = [
    ("DYNAMODB_TABLE_NAME", TABLE),
    ("ENVIRONMENT", "dev"),
    ("AWS_ACCESS_KEY_ID", "local"),
    ("AWS_SECRET_ACCESS_KEY", "local"),
    ("AWS_REGION", "us-east-1"),
];

pub(crate) fn function_command(environment: &[(&str, &str)]) -> Command {
    #[expect(clippy::disallowed_methods, reason = "its environment is cleared")]
    let mut command = Command::new(env!("CARGO_BIN_EXE_api"));
    command
        .env_clear()
        .envs(environment.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

pub(crate) struct Function {
    lambda: Simulator,
    process: Child,
    // Reads the log all the time, because a full pipe would stop the process.
    log: JoinHandle<String>,
}

impl Function {
    /// Starts a function without a table: every connection to the table is refused.
    pub(crate) async fn without_table(environment: &[(&str, &str)]) -> Self {
        // Only root can listen on port 1, and the system assigns it to no connection.
        Self::at("http://127.0.0.1:1", environment).await
    }

    /// Starts a function with the table at this endpoint.
    pub(crate) async fn at(endpoint: &str, environment: &[(&str, &str)]) -> Self {
        let lambda = Simulator::builder().build().await.unwrap();
        let mut process = function_command(environment)
            .envs(lambda.lambda_env_vars())
            .envs(ENVIRONMENT)
            .env("AWS_ENDPOINT_URL_DYNAMODB", endpoint)
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut stdout = process.stdout.take().unwrap();
        let log = tokio::spawn(async move {
            let mut text = String::new();
            stdout.read_to_string(&mut text).await.unwrap();
            text
        });
        Self {
            lambda,
            process,
            log,
        }
    }

    /// Sends an event. Returns the response, or the message of the error for Lambda.
    pub(crate) async fn invoke(&self, event: Value) -> Result<Value, String> {
        let id = self.send(event).await;
        self.answer(&id).await
    }

    pub(crate) async fn send(&self, event: Value) -> String {
        self.lambda.enqueue_payload(event).await
    }

    /// Returns the response of an invocation, or the message of the error for Lambda.
    pub(crate) async fn answer(&self, id: &str) -> Result<Value, String> {
        let state = self
            .lambda
            .wait_for_invocation_complete(id, PATIENCE)
            .await
            .unwrap();
        match state.status {
            InvocationStatus::Success => Ok(state.response.unwrap().payload),
            _ => Err(state.error.unwrap().error_message),
        }
    }

    /// Stops the process, as Lambda does between invocations, and waits until the process has stopped.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
        let stopped = waitpid(self.pid(), Some(WaitPidFlag::WUNTRACED)).unwrap();
        assert_eq!(stopped, WaitStatus::Stopped(self.pid(), Signal::SIGSTOP));
    }

    pub(crate) fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.process.id().unwrap().try_into().unwrap())
    }

    /// Ends the process and returns the lines of its log.
    pub(crate) async fn log(mut self) -> Vec<Value> {
        assert_eq!(self.process.try_wait().unwrap(), None::<ExitStatus>);
        self.process.kill().await.unwrap();
        lines(&self.log.await.unwrap())
    }
}

pub(crate) fn lines(log: &str) -> Vec<Value> {
    log.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub(crate) fn health_event() -> Value {
    serde_json::from_str(include_str!("../../../events/health.json")).unwrap()
}

pub(crate) fn prices_event(key: &str) -> Value {
    let text = include_str!("../../../events/api.json").replace("${API_KEY}", key);
    serde_json::from_str(&text).unwrap()
}

pub(crate) fn event(key: &str, path: &str, query: &str) -> Value {
    let mut event = prices_event(key);
    event["rawPath"] = json!(path);
    event["rawQueryString"] = json!(query);
    event
}

pub(crate) fn body(answer: &Value) -> Value {
    serde_json::from_str(answer["body"].as_str().unwrap()).unwrap()
}
