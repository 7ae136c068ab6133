//! ministack, an emulator of the AWS services that a deploy uses. Each test starts its own server, which
//! ends with the test.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use reqwest::{Method, Url};
use serde_json::{Value, json};
use tempfile::TempDir;
use xtask::{child, linker, output, workspace};

use crate::{http, python};

/// The region of the commands and of the emulator's data.
pub const REGION: &str = "eu-central-1";
/// The account that ministack uses if the access key id is not an account id.
pub const ACCOUNT: &str = "000000000000";

/// The time limit for the end of the server.
const END_LIMIT: Duration = Duration::from_secs(10);
/// The time limit for an operation on a stack.
const OPERATION_LIMIT: Duration = Duration::from_mins(2);
/// The time limit for the creation of a stack with one resource.
const CREATION_LIMIT: Duration = Duration::from_secs(30);

pub struct Ministack {
    url: String,
    server: Child,
    /// The server ends when this pipe is closed, also if the test is killed.
    stdin: Option<ChildStdin>,
    data: TempDir,
}

impl Ministack {
    /// Starts a server. Returns `None` on a machine without Python, and on a system that
    /// cannot run the functions for Lambda.
    ///
    /// # Panics
    ///
    /// If the server does not start.
    pub fn start() -> Option<Self> {
        if !linker::runs_functions() {
            output::progress("skipped: the AWS emulator cannot run the functions on this system");
            return None;
        }
        let python = python::interpreter("ministack")?;
        let data = tempfile::tempdir().expect("a folder for the emulator's data");
        let log = fs::File::create(log_path(&data)).expect("a file for the emulator's log");
        let mut server = child::command(python)
            .arg(workspace::root().join("tests/ministack/launch.py"))
            // The functions inherit the server's environment, which must not depend on this
            // machine.
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", data.path())
            .env("TMPDIR", data.path())
            .current_dir(data.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            // The launcher kills its process group, which must not be the test's.
            .process_group(0)
            .spawn()
            .expect("the emulator can be started");
        let stdin = server.stdin.take();
        let stdout = server.stdout.take().expect("stdout is a pipe");
        let mut ministack = Ministack {
            url: String::new(),
            server,
            stdin,
            data,
        };
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        let ready: Option<Value> = serde_json::from_str(&line).ok();
        let Some(url) = ready.as_ref().and_then(|ready| ready["url"].as_str()) else {
            panic!("the emulator did not start ({read:?}): {}", ministack.log());
        };
        url.clone_into(&mut ministack.url);
        Some(ministack)
    }

    /// Returns the URL of the emulator: the endpoint of every service.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the URL of an HTTP API in the emulator, because the host name of a stack's `ApiEndpoint`
    /// does not resolve.
    ///
    /// # Panics
    ///
    /// If the argument is not an endpoint of an API.
    pub fn api_url(&self, api_endpoint: &str) -> String {
        let api_id = api_endpoint
            .strip_prefix("http://")
            .and_then(|rest| rest.split('.').next())
            .unwrap_or_else(|| panic!("{api_endpoint} is not an API endpoint"));
        format!("{}/_aws/execute-api/{api_id}/$default", self.url)
    }

    pub fn log(&self) -> String {
        fs::read_to_string(log_path(&self.data)).unwrap_or_default()
    }

    /// Makes the creation and the update of each resource of a type fail.
    pub fn refuse(&self, resource_type: &str, reason: &str) {
        fs::write(
            self.refused_path(),
            json!({ resource_type: reason }).to_string(),
        )
        .expect("the emulator's folder can be written");
    }

    /// Sets the current time for S3, which becomes the `LastModified` of new objects.
    pub fn set_s3_time(&self, time: &str) {
        fs::write(self.data.path().join("s3-time"), time)
            .expect("the emulator's folder can be written");
    }

    /// Undoes [`Ministack::set_s3_time`].
    pub fn reset_s3_time(&self) {
        fs::remove_file(self.data.path().join("s3-time")).expect("a time was set");
    }

    /// Undoes [`Ministack::refuse`].
    pub fn refuse_nothing(&self) {
        fs::remove_file(self.refused_path()).expect("something was refused");
    }

    /// Makes DynamoDB send this response to the calls of an action whose body contains
    /// `request_part`.
    pub fn override_dynamodb(&self, action: &str, request_part: &str, status: u16, body: &Value) {
        let answer = json!({ "request_part": request_part, "status": status, "body": body });
        let answers = json!({ action: answer });
        fs::write(self.answers_path(), answers.to_string())
            .expect("the emulator's folder can be written");
    }

    /// Undoes [`Ministack::override_dynamodb`].
    pub fn reset_dynamodb(&self) {
        fs::remove_file(self.answers_path()).expect("a response was overridden");
    }

    fn answers_path(&self) -> PathBuf {
        self.data.path().join("answers.json")
    }

    fn refused_path(&self) -> PathBuf {
        self.data.path().join("refused.json")
    }

    pub async fn stacks(&self) -> Vec<String> {
        let action = "/?Action=DescribeStacks&Version=2010-05-15";
        let answer = self.ask("cloudformation", Method::POST, action).await;
        texts(&answer, "StackName")
    }

    /// Lists the names of the change sets that can be executed.
    pub async fn waiting_change_sets(&self, stack: &str) -> Vec<String> {
        let action = format!("/?Action=ListChangeSets&Version=2010-05-15&StackName={stack}");
        let answer = self.ask("cloudformation", Method::POST, &action).await;
        let names = texts(&answer, "ChangeSetName");
        let statuses = texts(&answer, "ExecutionStatus");
        names
            .into_iter()
            .zip(statuses)
            .filter(|(_, status)| status == "AVAILABLE")
            .map(|(name, _)| name)
            .collect()
    }

    /// Returns true if a stack has termination protection.
    pub async fn is_protected(&self, stack: &str) -> bool {
        let action = format!("/?Action=DescribeStacks&Version=2010-05-15&StackName={stack}");
        let answer = self.ask("cloudformation", Method::POST, &action).await;
        texts(&answer, "EnableTerminationProtection") == ["true"]
    }

    /// Creates a stack from a template whose text needs no escaping in a URL.
    ///
    /// # Panics
    ///
    /// If the stack is not created in time.
    pub async fn create_stack(&self, stack: &str, template: &Value) {
        let action = format!(
            "/?Action=CreateStack&Version=2010-05-15&StackName={stack}&TemplateBody={template}"
        );
        let answer = self.ask("cloudformation", Method::POST, &action).await;
        let started = Instant::now();
        let action = format!("/?Action=DescribeStacks&Version=2010-05-15&StackName={stack}");
        loop {
            let described = self.ask("cloudformation", Method::POST, &action).await;
            if texts(&described, "StackStatus") == ["CREATE_COMPLETE"] {
                return;
            }
            assert!(
                started.elapsed() < CREATION_LIMIT,
                "{stack}: {answer} {described}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Updates a stack.
    ///
    /// # Panics
    ///
    /// If the emulator refuses, or the update fails.
    pub async fn update_stack(&self, stack: &str, template: &str) {
        let fields = [
            ("Action", "UpdateStack"),
            ("Version", "2010-05-15"),
            ("StackName", stack),
            ("TemplateBody", template),
            ("Capabilities.member.1", "CAPABILITY_NAMED_IAM"),
        ];
        let request = http::client().post(&self.url).form(&fields);
        let request = request.header("Authorization", signature("cloudformation"));
        let answer = request.send().await.expect("the emulator responds");
        assert!(answer.status().is_success(), "{stack}: {}", answer.status());
        assert_eq!(self.wait_for_operation(stack).await, "UPDATE_COMPLETE");
    }

    /// Starts the deletion of a stack.
    pub async fn delete_stack(&self, stack: &str) {
        let action = format!("/?Action=DeleteStack&Version=2010-05-15&StackName={stack}");
        self.ask("cloudformation", Method::POST, &action).await;
    }

    /// Deletes a table without a change of its stack.
    pub async fn delete_table(&self, table: &str) {
        let action = "DynamoDB_20120810.DeleteTable";
        self.call("dynamodb", action, &json!({ "TableName": table }))
            .await;
    }

    /// Creates a log group outside any stack.
    pub async fn create_log_group(&self, name: &str) {
        let action = "Logs_20140328.CreateLogGroup";
        self.call("logs", action, &json!({ "logGroupName": name }))
            .await;
    }

    /// Calls an action of the AWS JSON protocol.
    ///
    /// # Panics
    ///
    /// If the emulator refuses.
    pub(crate) async fn call(&self, service: &str, action: &str, body: &Value) {
        let request = http::client()
            .post(&self.url)
            .header("X-Amz-Target", action)
            .header("Authorization", signature(service))
            .json(body);
        let answer = request.send().await.expect("the emulator responds");
        let status = answer.status();
        assert!(status.is_success(), "{action} {body}: {status}");
    }

    /// Returns the XML of the response to `GetTemplate`, with the text that the deploy sent.
    pub async fn template(&self, stack: &str) -> String {
        let action = format!("/?Action=GetTemplate&Version=2010-05-15&StackName={stack}");
        self.ask("cloudformation", Method::POST, &action).await
    }

    /// Returns an environment variable of a function, or an empty text if the variable is not set.
    pub async fn variable(&self, function: &str, variable: &str) -> String {
        let path = format!("/2015-03-31/functions/{function}/configuration");
        let answer = self.ask("lambda", Method::GET, &path).await;
        let configuration: Value = serde_json::from_str(&answer).unwrap_or_default();
        let value = &configuration["Environment"]["Variables"][variable];
        value.as_str().unwrap_or_default().to_owned()
    }

    /// Waits for the end of a stack's operation, and returns the stack's status.
    pub async fn wait_for_operation(&self, stack: &str) -> String {
        let action = format!("/?Action=DescribeStacks&Version=2010-05-15&StackName={stack}");
        http::eventually(stack, OPERATION_LIMIT, async || {
            let answer = self.ask("cloudformation", Method::POST, &action).await;
            let status = texts(&answer, "StackStatus").pop()?;
            (!status.ends_with("_IN_PROGRESS")).then_some(status)
        })
        .await
    }

    /// Returns the version of a function's `live` alias.
    ///
    /// # Panics
    ///
    /// If the alias does not exist.
    pub async fn live_version(&self, function: &str) -> String {
        let path = format!("/2015-03-31/functions/{function}/aliases/live");
        let answer = self.ask("lambda", Method::GET, &path).await;
        let alias: Value = serde_json::from_str(&answer).unwrap_or_default();
        alias["FunctionVersion"]
            .as_str()
            .unwrap_or_else(|| panic!("{function} has no alias: {answer}"))
            .to_owned()
    }

    /// Moves `live` to another version, as `cargo xtask rollback` does.
    ///
    /// # Panics
    ///
    /// If the emulator refuses.
    pub async fn roll_back(&self, function: &str, from: &str, to: &str) {
        let path = format!("/2015-03-31/functions/{function}/aliases/live");
        let alias = json!({
            "FunctionVersion": to,
            "Description": format!("rolled back from version {from} to version {to}"),
            "RoutingConfig": {"AdditionalVersionWeights": {}},
        });
        let answer = self
            .send("lambda", Method::PUT, &path, alias.to_string())
            .await;
        assert!(answer.contains("rolled back"), "{answer}");
    }

    /// Changes the message retention of a queue, but not its stack.
    pub async fn set_retention(&self, queue: &str, retention_seconds: u32) {
        let url = format!("{}/{ACCOUNT}/{queue}", self.url);
        let action = format!(
            "/?Action=SetQueueAttributes&Version=2012-11-05&QueueUrl={url}\
             &Attribute.1.Name=MessageRetentionPeriod&Attribute.1.Value={retention_seconds}"
        );
        self.ask("sqs", Method::POST, &action).await;
    }

    pub async fn create_queue(&self, queue: &str) {
        let action = format!("/?Action=CreateQueue&Version=2012-11-05&QueueName={queue}");
        self.ask("sqs", Method::POST, &action).await;
    }

    /// Sends a message to a queue.
    ///
    /// # Panics
    ///
    /// If the emulator's URL is invalid.
    pub async fn send_message(&self, queue: &str, body: &str) {
        let queue_url = format!("{}/{ACCOUNT}/{queue}", self.url);
        let fields = [
            ("Action", "SendMessage"),
            ("Version", "2012-11-05"),
            ("QueueUrl", &queue_url),
            ("MessageBody", body),
        ];
        let url = Url::parse_with_params(&self.url, fields).expect(&self.url);
        let action = format!("/?{}", url.query().unwrap_or_default());
        self.ask("sqs", Method::POST, &action).await;
    }

    /// Invokes the `live` alias of a function, and returns the response.
    pub async fn invoke_live(&self, function: &str) -> String {
        let path = format!("/2015-03-31/functions/{function}:live/invocations");
        self.ask("lambda", Method::POST, &path).await
    }

    /// Calls a service. The emulator reads the service and the region from the signature, and does
    /// not verify the signature.
    pub(crate) async fn ask(&self, service: &str, method: Method, path: &str) -> String {
        self.send(service, method, path, String::new()).await
    }

    async fn send(&self, service: &str, method: Method, path: &str, body: String) -> String {
        let signature = signature(service);
        let url = format!("{}{path}", self.url);
        let request = http::client().request(method, &url).body(body);
        let answer = request.header("Authorization", signature).send().await;
        answer.expect(&url).text().await.expect(&url)
    }
}

impl Drop for Ministack {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let closed = Instant::now();
        while closed.elapsed() < END_LIMIT {
            if !matches!(self.server.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        // The server did not end when its stdin was closed. Its child processes can survive the kill.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Returns an `Authorization` header with a service, the region and an invalid signature.
pub(crate) fn signature(service: &str) -> String {
    let credential = format!("test/20260101/{REGION}/{service}/aws4_request");
    format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0")
}

fn log_path(data: &TempDir) -> PathBuf {
    data.path().join("ministack.log")
}

/// Returns the text of each XML element with this name.
pub(crate) fn texts(xml: &str, element: &str) -> Vec<String> {
    xml.split(&format!("<{element}>"))
        .skip(1)
        .filter_map(|rest| rest.split_once("</"))
        .map(|(text, _)| text.to_owned())
        .collect()
}
