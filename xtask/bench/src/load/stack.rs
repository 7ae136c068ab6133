//! The service under load: `cargo xtask local` in a process of its own, so that
//! what it costs can be told from what the clients cost.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use xtask::cargo::{self, Profile};
use xtask::{child, output};

/// How long the start may take: it may have to build the functions.
const START_TIMEOUT: Duration = Duration::from_mins(15);

/// How long it may take to end when it is told to.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// What the clients with many keys never reach.
const NO_LIMIT: &str = "RATE_LIMIT_PER_MINUTE=60000";

/// As in prod: one line a request.
const LOG_LEVEL: &str = "LOG_LEVEL=INFO";

/// More events than a process gets in an hour: its memory is to be seen over a
/// long life.
const NO_RECYCLING: &str = "10000000";

/// A service that is running.
pub(super) struct Stack {
    pub(super) url: String,
    pub(super) table_endpoint: String,
    /// The process that has the gateway and the table in it; the functions'
    /// processes are its children.
    pub(super) pid: u32,
    child: Child,
    errors: JoinHandle<()>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ready {
    url: String,
    table_endpoint: String,
}

impl Stack {
    /// Starts it with so many processes of each function, and waits until it is
    /// ready.
    pub(super) async fn start(instances: u32) -> anyhow::Result<Self> {
        // Optimised as this program is.
        let binaries = cargo::build_binaries(&["xtask-local"], Profile::Bench)?;
        let program = binaries.first().context("cargo built no xtask-local")?;
        let mut child = Command::from(child::command(program))
            .args(["local", "--release", "--port", "0", "--output", "json"])
            .args(["--set", NO_LIMIT, "--set", LOG_LEVEL])
            .args(["--recycle-after", NO_RECYCLING])
            .args(["--max-instances", &instances.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C is this command's to handle.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .context("starting cargo xtask local")?;
        let pid = child.id().context("cargo xtask local has ended")?;
        let stderr = child.stderr.take().context("stderr is piped")?;
        let errors = tokio::spawn(pass_on_errors(stderr));
        let stdout = child.stdout.take().context("stdout is piped")?;
        let mut stdout = BufReader::new(stdout).lines();
        let line = timeout(START_TIMEOUT, stdout.next_line())
            .await
            .context("cargo xtask local is not ready in time")?
            .context("reading what cargo xtask local prints")?
            .context("cargo xtask local did not start")?;
        let ready: Ready = serde_json::from_str(&line).context("reading where the service is")?;
        Ok(Self {
            url: ready.url,
            table_endpoint: ready.table_endpoint,
            pid,
            child,
            errors,
        })
    }

    /// Ends it with its functions.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.pid).context("a process id")?;
        kill(Pid::from_raw(pid), Signal::SIGTERM).context("ending cargo xtask local")?;
        timeout(STOP_TIMEOUT, self.child.wait())
            .await
            .context("cargo xtask local does not end")?
            .context("waiting for cargo xtask local")?;
        self.errors.await.context("reading its stderr")
    }
}

/// Of a line for each request and one more by its function, only what went wrong
/// is worth a person's time.
async fn pass_on_errors(stderr: impl AsyncRead + Unpin) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let is_error = line.starts_with("error") || line.contains(r#""level":"ERROR""#);
        if is_error || line.starts_with("hint") {
            output::progress(line);
        }
    }
}
