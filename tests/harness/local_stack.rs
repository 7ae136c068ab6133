//! The local stack, started as a process of the command `local`.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::{Client, Method};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use xtask::cargo::{Profile, build_binaries};
use xtask::child;

use crate::http::{self, Answer};

/// The time limit for the next line of stdout, and for a command that ends by itself. Cargo, which
/// checks that the functions are built, may have to wait for the lock of another cargo.
const START_TIMEOUT: Duration = Duration::from_mins(2);

/// The time limit for the end of a command after a signal.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Returns a command of `xtask-local`, which is built together with the functions.
///
/// # Panics
///
/// If the build fails.
pub fn command(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    let binary = BINARY.get_or_init(|| {
        build_binaries(&["xtask-local", "api", "update"], Profile::Dev)
            .expect("building xtask-local and the functions")
            .remove(0)
    });
    let mut command = Command::from(child::command(binary));
    command.args(arguments);
    command
}

/// Runs a command of `xtask-local` and waits for its end.
///
/// # Panics
///
/// If the command does not end in time.
pub async fn run(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Output {
    let mut command = command(arguments);
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    timeout(START_TIMEOUT, output)
        .await
        .expect("the command hangs")
        .expect("starting the command")
}

/// A command that runs until a signal ends it.
pub struct Service {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    stderr: Arc<Mutex<String>>,
    stderr_reader: JoinHandle<()>,
}

impl Service {
    /// # Panics
    ///
    /// If the command cannot be started.
    pub fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("starting the command");
        let stdout = child.stdout.take().expect("stdout is piped");
        let lines = child.stderr.take().expect("stderr is piped");
        let stderr = Arc::new(Mutex::new(String::new()));
        let collected = Arc::clone(&stderr);
        let stderr_reader = tokio::spawn(async move {
            let mut lines = BufReader::new(lines).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let mut text = collected.lock().expect("no reader panics");
                text.push_str(&line);
                text.push('\n');
            }
        });
        Service {
            child,
            stdout: BufReader::new(stdout).lines(),
            stderr,
            stderr_reader,
        }
    }

    /// Returns the next line of stdout, or `None` at its end.
    ///
    /// # Panics
    ///
    /// If no line comes in time.
    pub async fn line(&mut self) -> Option<String> {
        let Ok(line) = timeout(START_TIMEOUT, self.stdout.next_line()).await else {
            panic!("no line of stdout in time; stderr:\n{}", self.stderr());
        };
        line.expect("stdout is UTF-8")
    }

    /// Returns the next line of stdout as JSON.
    ///
    /// # Panics
    ///
    /// If no line comes in time, or the line is not JSON.
    pub async fn json_line(&mut self) -> Value {
        let Some(line) = self.line().await else {
            panic!("the command ended; stderr:\n{}", self.stderr());
        };
        serde_json::from_str(&line).expect(&line)
    }

    /// Returns what the command has written to stderr so far.
    ///
    /// # Panics
    ///
    /// Never, because nothing panics while it holds the lock.
    pub fn stderr(&self) -> String {
        self.stderr.lock().expect("no reader panics").clone()
    }

    /// Returns the id of the process.
    ///
    /// # Panics
    ///
    /// If the process has ended.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("the command has not ended")
    }

    /// Sends a signal and waits until the command ends. Returns the exit status, the rest of
    /// stdout, and all of stderr.
    ///
    /// # Panics
    ///
    /// If the command does not end in time.
    pub async fn stop(mut self, signal: Signal) -> (ExitStatus, String, String) {
        let pid = i32::try_from(self.pid()).expect("process ids are positive");
        kill(Pid::from_raw(pid), signal).expect("sending a signal");
        let status = timeout(STOP_TIMEOUT, self.child.wait())
            .await
            .unwrap_or_else(|_| panic!("the command did not end; stderr:\n{}", self.stderr()))
            .expect("waiting for the command");
        let mut rest = String::new();
        while let Ok(Some(line)) = self.stdout.next_line().await {
            rest.push_str(&line);
            rest.push('\n');
        }
        self.stderr_reader.await.expect("the reader of stderr");
        let stderr = self.stderr.lock().expect("no reader panics").clone();
        (status, rest, stderr)
    }
}

pub struct LocalStack {
    pub service: Service,
    pub url: String,
    pub api_key: String,
    pub table_endpoint: String,
    pub page_url: String,
    /// The PEM file of the certificate that clients must trust. `None` without `--https`.
    pub certificate: Option<PathBuf>,
    /// The fingerprint of the server's certificate. `None` without `--https`.
    pub fingerprint: Option<String>,
    client: Client,
}

impl LocalStack {
    /// Starts `local` on a free port, with additional arguments.
    pub async fn start(arguments: &[&str]) -> Self {
        let local = ["local", "--port", "0", "--output", "json"];
        LocalStack::wait_until_ready(Service::start(command(local.iter().chain(arguments)))).await
    }

    /// Waits until a process of `local --output json` is ready.
    ///
    /// # Panics
    ///
    /// If the process does not become ready in time.
    pub async fn wait_until_ready(mut service: Service) -> Self {
        let line = service.json_line().await;
        let field = |name: &str| match &line[name] {
            Value::String(text) => text.clone(),
            _ => panic!("no {name} in {line}"),
        };
        let certificate = line["certificate"].as_str().map(PathBuf::from);
        LocalStack {
            url: field("url"),
            api_key: field("apiKey"),
            table_endpoint: field("tableEndpoint"),
            page_url: field("pageUrl"),
            client: certificate
                .as_deref()
                .map_or_else(http::client, http::client_that_trusts),
            certificate,
            fingerprint: line["fingerprint"].as_str().map(str::to_owned),
            service,
        }
    }

    /// Sends a GET request with the stack's API key.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[("X-API-Key", &self.api_key)])
            .await
    }

    /// Sends a request with these headers. The API key is not added.
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        http::send(
            &self.client,
            method,
            &format!("{}{path}", self.url),
            headers,
        )
        .await
    }
}
