//! Runs a function's process behind a Lambda Runtime API
//! (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>) that records the time and the
//! CPU time of each step.
//!
//! The Runtime API of the local stack (`lambda-simulator`) is not enough: it does not record when a
//! response arrives.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, SetOnce, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use xtask::child;
use xtask_local::{Server, listen};

use crate::cpu::CpuClock;

/// The timeout of one step. Every measured step is much shorter.
const STEP_TIMEOUT: Duration = Duration::from_secs(20);

/// The time without CPU use after which a process counts as idle.
const IDLE: Duration = Duration::from_millis(1);

/// A binary, its environment variables and its event.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) binary: PathBuf,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) event: Bytes,
}

/// A running process that has handled its first event.
pub(crate) struct FunctionProcess {
    child: Child,
    clock: CpuClock,
    events: mpsc::UnboundedSender<Bytes>,
    steps: mpsc::UnboundedReceiver<Step>,
    server: Server,
    log: JoinHandle<io::Result<String>>,
}

/// The time and the CPU time that a step took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) time: Duration,
    pub(crate) cpu: Duration,
}

/// A step of the process.
#[derive(Debug)]
enum Step {
    /// A poll for the next event, with the CPU time that the process has used until then.
    Polled(Instant, Duration),
    Responded(Instant, Bytes),
    Failed(String),
}

/// The state of the Runtime API.
struct RuntimeApi {
    /// Set when the id of the process is known, which can be after the process's first request.
    clock: SetOnce<CpuClock>,
    events: Mutex<mpsc::UnboundedReceiver<Bytes>>,
    steps: mpsc::UnboundedSender<Step>,
}

impl FunctionProcess {
    /// Starts a program and sends its event. Returns the process, the cost until the process polled
    /// for the event (Lambda's Init phase), and the cost until the response.
    pub(crate) async fn start(program: &Program) -> anyhow::Result<(Self, Cost, Cost)> {
        let listener = listen(0)?;
        let address = listener.local_addr()?.to_string();
        let (events, waiting_events) = mpsc::unbounded_channel();
        let (finished_steps, steps) = mpsc::unbounded_channel();
        let api = Arc::new(RuntimeApi {
            clock: SetOnce::new(),
            events: Mutex::new(waiting_events),
            steps: finished_steps,
        });
        let router = Router::new().fallback(serve).with_state(Arc::clone(&api));
        let server = Server::start(listener, router);
        events.send(program.event.clone())?;

        let mut command = Command::from(child::command(&program.binary));
        command
            .env_clear()
            .envs(&program.variables)
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        let started = Instant::now();
        let mut child = command
            .spawn()
            .with_context(|| format!("starting {}", program.binary.display()))?;
        let clock = CpuClock::of_process(child.id().context("the process has ended")?)?;
        // Fails only if the clock is already set.
        let _ = api.clock.set(clock);
        let mut stdout = child.stdout.take().context("stdout is piped")?;
        let log = tokio::spawn(async move {
            let mut log = String::new();
            stdout.read_to_string(&mut log).await.map(|_| log)
        });
        let mut process = FunctionProcess {
            child,
            clock,
            events,
            steps,
            server,
            log,
        };
        let init = match process.step().await {
            Ok(Step::Polled(at, cpu)) => Cost {
                time: at - started,
                cpu,
            },
            step => {
                process.child.kill().await?;
                let log = process.log.await??;
                let binary = program.binary.display();
                bail!("{binary} did not poll for an event: {step:?}\n{log}");
            }
        };
        let first_response = process.response(started).await?;
        Ok((process, init, first_response))
    }

    /// Sends another event. Returns the time until the response.
    pub(crate) async fn invoke(&mut self, event: Bytes) -> anyhow::Result<Duration> {
        let sent = Instant::now();
        self.events.send(event)?;
        Ok(self.response(sent).await?.time)
    }

    /// Waits for the response and for the next poll, and returns the time until the response
    /// and the CPU time until the poll.
    async fn response(&mut self, since: Instant) -> anyhow::Result<Cost> {
        let (at, response) = match self.step().await? {
            Step::Responded(at, response) => (at, response),
            other => bail!("expected a response from the function, got {other:?}"),
        };
        let response: Value =
            serde_json::from_slice(&response).context("the response is not JSON")?;
        // The update function's response has no status.
        let status = response.get("statusCode");
        anyhow::ensure!(
            status.is_none_or(|status| *status == 200),
            "the function responded {response}"
        );
        match self.step().await? {
            Step::Polled(_, cpu) => Ok(Cost {
                time: at - since,
                cpu,
            }),
            other => bail!("expected a poll from the function, got {other:?}"),
        }
    }

    async fn step(&mut self) -> anyhow::Result<Step> {
        let step = timeout(STEP_TIMEOUT, self.steps.recv())
            .await
            .with_context(|| format!("the function did nothing for {STEP_TIMEOUT:?}"))?
            .context("the Lambda Runtime API has ended")?;
        match step {
            Step::Failed(reason) => bail!("the function failed: {reason}"),
            step => Ok(step),
        }
    }

    /// Waits until the process is idle, and returns the CPU time that it has used.
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

    /// Returns the largest resident memory that the process has had, in bytes.
    pub(crate) fn peak_memory(&self) -> anyhow::Result<u64> {
        let pid = self.child.id().context("the process has ended")?;
        let status = procfs::process::Process::new(pid.try_into()?)
            .and_then(|process| process.status())
            .context("reading the memory of a process")?;
        let kibibytes = status.vmhwm.context("the process has no VmHWM")?;
        Ok(1_024 * kibibytes)
    }

    /// Stops the process and its Runtime API.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("stopping a function")?;
        self.log.abort();
        // Ends the poll that waits for an event.
        drop(self.events);
        self.server.stop().await;
        Ok(())
    }
}

async fn serve(State(api): State<Arc<RuntimeApi>>, request: Request) -> Response {
    let at = Instant::now();
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    // Errors of `steps.send` are ignored: sending fails only after the process was stopped.
    if path.ends_with("/invocation/next") {
        // The clock is read before the event is sent, so that the work on the event is not counted.
        let step = match api.clock.wait().await.now() {
            Ok(cpu) => Step::Polled(at, cpu),
            Err(error) => Step::Failed(format!("{error:#}")),
        };
        let _ = api.steps.send(step);
        let Some(event) = api.events.lock().await.recv().await else {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        };
        let headers = [
            ("lambda-runtime-aws-request-id", "bench"),
            ("lambda-runtime-invoked-function-arn", "bench"),
            // The year 2286.
            ("lambda-runtime-deadline-ms", "9999999999999"),
        ];
        return (headers, event).into_response();
    }
    let step = match to_bytes(body, usize::MAX).await {
        Ok(body) if path.ends_with("/response") => Step::Responded(Instant::now(), body),
        // The function reported an error of an invocation or of its start.
        Ok(body) => Step::Failed(String::from_utf8_lossy(&body).into_owned()),
        Err(error) => Step::Failed(error.to_string()),
    };
    let _ = api.steps.send(step);
    StatusCode::ACCEPTED.into_response()
}

#[cfg(test)]
mod tests {
    use xtask::workspace;

    use super::*;

    /// Returns a script from the local stack's tests. The event tells the script what to do.
    fn program(event: &'static str) -> Program {
        Program {
            binary: workspace::root().join("xtask/local/src/lambda/fixtures/runtime.bash"),
            variables: BTreeMap::from([("ENVIRONMENT".to_owned(), "dev".to_owned())]),
            event: Bytes::from_static(event.as_bytes()),
        }
    }

    #[tokio::test]
    async fn the_first_poll_and_every_response_of_a_process_are_measured() {
        let program = program(r#"{"routeKey":"$default"}"#);
        let (mut process, init, first) = FunctionProcess::start(&program).await.unwrap();
        assert!(Duration::ZERO < init.time && init.time < first.time);
        assert!(Duration::ZERO < init.cpu && init.cpu < first.cpu);
        let before = process.cpu_when_idle().await.unwrap();
        let time = process.invoke(program.event).await.unwrap();
        assert!(time > Duration::ZERO);
        assert!(process.cpu_when_idle().await.unwrap() > before);
        assert!(process.peak_memory().unwrap() > 64 * 1_024);
        process.stop().await.unwrap();
    }

    #[tokio::test]
    async fn the_message_of_a_failed_function_is_in_the_error() {
        let started = FunctionProcess::start(&program("\"fail\"")).await;
        let error = started.err().unwrap().to_string();
        assert!(error.contains("the event says so"), "{error}");
    }
}
