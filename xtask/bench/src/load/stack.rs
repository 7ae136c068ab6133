//! The service under load: `cargo xtask local` in a separate process, so that its CPU time excludes
//! the CPU time of the clients.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use xtask::cargo::{self, Profile};
use xtask::{child, output};

/// The timeout of the start, which may have to build the functions.
const START_TIMEOUT: Duration = Duration::from_mins(15);

const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// A running service: the process with the gateway and the table, whose children are the
/// functions.
pub(super) struct Stack {
    pub(super) addresses: Addresses,
    pub(super) pid: u32,
    child: Child,
}

/// The output of `cargo xtask local --output json`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Addresses {
    pub(super) url: String,
    pub(super) table_endpoint: String,
}

impl Stack {
    /// Starts the service with at most `instances` processes of each function, and waits until it is
    /// ready.
    pub(super) async fn start(instances: u32) -> anyhow::Result<Self> {
        let binaries = cargo::build_binaries(&["xtask-local"], Profile::Bench)?;
        let program = binaries.first().context("cargo built no xtask-local")?;
        let mut child = Command::from(child::command(program))
            .args(["local", "--release", "--port", "0", "--output", "json"])
            // The highest rate limit, so that no client reaches it. INFO writes a log line per
            // request, as in prod.
            .args([
                "--set",
                "RATE_LIMIT_PER_MINUTE=60000",
                "--set",
                "LOG_LEVEL=INFO",
            ])
            // No process is replaced during the run, because that would hide growing memory.
            .args(["--recycle-after", "10000000"])
            .args(["--max-instances", &instances.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // In its own process group, the service gets no Ctrl-C: `stop` ends it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .context("starting cargo xtask local")?;
        let pid = child.id().context("cargo xtask local has ended")?;
        let stderr = child.stderr.take().context("stderr is piped")?;
        tokio::spawn(print_errors(stderr));
        let stdout = child.stdout.take().context("stdout is piped")?;
        let line = timeout(START_TIMEOUT, BufReader::new(stdout).lines().next_line())
            .await
            .context("cargo xtask local was not ready in time")??
            .context("cargo xtask local did not start")?;
        Ok(Self {
            addresses: serde_json::from_str(&line).context("reading the service's addresses")?,
            pid,
            child,
        })
    }

    /// Stops the service with its functions.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        let pid = Pid::from_raw(self.pid.try_into().context("reading a process id")?);
        kill(pid, Signal::SIGTERM).context("stopping cargo xtask local")?;
        let ended = timeout(STOP_TIMEOUT, self.child.wait()).await;
        ended.context("cargo xtask local did not stop in time")??;
        Ok(())
    }
}

/// Prints the service's output without the gateway's line for each request, and without log lines
/// of the functions, unless the level is ERROR.
async fn print_errors(stderr: impl AsyncRead + Unpin) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let is_log = line.contains(" | ") && !line.contains(r#""level":"ERROR""#);
        if !is_log && !line.starts_with("GET ") {
            output::progress(line);
        }
    }
}
