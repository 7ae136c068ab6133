//! One function's process, and what it has cost so far.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::body::Bytes;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use xtask::child;

use crate::cpu::CpuClock;
use crate::runtime_api::{Asked, RuntimeApi, Turn};

/// What is started: a binary with its variables, and the event that it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) binary: PathBuf,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) event: Bytes,
}

/// A process that used no CPU time for so long has nothing more to do.
const IDLE: Duration = Duration::from_millis(1);

/// A process that has asked for its first event.
pub(crate) struct Process {
    api: RuntimeApi,
    child: Child,
    output: JoinHandle<String>,
    pid: u32,
    clock: CpuClock,
    started: Instant,
    ready: Asked,
}

/// What one event has cost.
#[derive(Debug, Clone)]
pub(crate) struct Invocation {
    /// When the answer was there.
    pub(crate) answered: Instant,
    /// The process's CPU time until it asked for the next event.
    pub(crate) cpu: Duration,
}

impl Process {
    /// Starts the program and waits until it asks for its event, which is there for
    /// it at once.
    pub(crate) async fn start(program: &Program) -> anyhow::Result<Self> {
        let mut api = RuntimeApi::start()?;
        api.send(program.event.clone())?;
        let mut command = Command::from(child::command(&program.binary));
        command
            .env_clear()
            .envs(&program.variables)
            .env("AWS_LAMBDA_RUNTIME_API", api.address())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        let started = Instant::now();
        let mut child = command
            .spawn()
            .with_context(|| format!("starting {}", program.binary.display()))?;
        let pid = child.id().context("the process has ended already")?;
        let clock = CpuClock::of(pid)?;
        api.watch(clock);
        let stdout = child.stdout.take();
        let output = tokio::spawn(async move {
            let mut log = Vec::new();
            if let Some(mut stdout) = stdout {
                // What was read before a failure is what there is to show.
                let _ = stdout.read_to_end(&mut log).await;
            }
            String::from_utf8_lossy(&log).into_owned()
        });
        let ready = match api.turn().await {
            Ok(Turn::Asked(asked)) => asked,
            turn => {
                let _ = child.kill().await;
                let log = output.await.unwrap_or_default();
                let why = match turn {
                    Ok(Turn::Failed(reason)) => reason,
                    Ok(_) => "it answered before it was asked".to_owned(),
                    Err(error) => error.to_string(),
                };
                anyhow::bail!("{} did not start: {why}\n{log}", program.binary.display());
            }
        };
        Ok(Process {
            api,
            child,
            output,
            pid,
            clock,
            started,
            ready,
        })
    }

    /// When it was started.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// When it asked for its first event: the end of what Lambda calls Init.
    pub(crate) fn ready(&self) -> Asked {
        self.ready
    }

    /// Sends a further event, and says when.
    pub(crate) fn send(&self, event: Bytes) -> anyhow::Result<Instant> {
        let now = Instant::now();
        self.api.send(event)?;
        Ok(now)
    }

    /// Waits for the answer to the event that was sent, and until the process
    /// asks for the next one.
    pub(crate) async fn answer(&mut self) -> anyhow::Result<Invocation> {
        let (answered, answer) = match self.api.turn().await? {
            Turn::Answered(at, answer) => (at, answer),
            Turn::Failed(why) => anyhow::bail!("the function failed: {why}"),
            Turn::Asked(_) => anyhow::bail!("the function asked for two events at once"),
        };
        check(&answer)?;
        match self.api.turn().await? {
            Turn::Asked(asked) => Ok(Invocation {
                answered,
                cpu: asked.cpu,
            }),
            Turn::Failed(why) => anyhow::bail!("the function failed after its answer: {why}"),
            Turn::Answered(..) => anyhow::bail!("the function answered twice"),
        }
    }

    /// Waits until the process does nothing, and says what CPU time it has used.
    pub(crate) async fn cpu_when_idle(&self) -> anyhow::Result<Duration> {
        let mut before = self.clock.now()?;
        loop {
            sleep(IDLE).await;
            let now = self.clock.now()?;
            if now == before {
                return Ok(now);
            }
            before = now;
        }
    }

    /// The most memory that it has had resident at any time, in bytes.
    pub(crate) fn peak_memory(&self) -> anyhow::Result<u64> {
        let pid = i32::try_from(self.pid).context("a process id")?;
        let status = procfs::process::Process::new(pid)
            .and_then(|process| process.status())
            .context("reading a process's memory")?;
        let kibibytes = status.vmhwm.context("the process has no VmHWM")?;
        Ok(1_024 * kibibytes)
    }

    /// Ends the process and the Runtime API.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("ending the function")?;
        self.output.abort();
        self.api.stop().await;
        Ok(())
    }
}

/// Checks an answer: API Gateway's has status 200, and the update function's has no status.
fn check(answer: &[u8]) -> anyhow::Result<()> {
    let value: Value = serde_json::from_slice(answer).context("the answer is no JSON")?;
    match value.get("statusCode") {
        None => Ok(()),
        Some(status) if *status == 200 => Ok(()),
        Some(_) => anyhow::bail!("the function answered {value}"),
    }
}
