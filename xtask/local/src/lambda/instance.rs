//! One execution environment: a Runtime API and the process that polls it.
//!
//! Should the command be killed, the Runtime API goes with it, and the process
//! ends when it next asks there: an idle one within about a second, one at work
//! when its work is done.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use lambda_simulator::{InvocationBuilder, Simulator, SimulatorPhase};
use serde_json::Value;
use thiserror::Error;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep_until};
use xtask::child;
use xtask::failure::Failure;

use super::environment;
use super::function::Blueprint;
use super::logs::Logs;
use crate::plan::{ACCOUNT_ID, REGION, function_arn};

/// How long a function may take to start; Lambda allows the same.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);

/// The simulator wakes a waiter without remembering it for one that is about to
/// wait, so a wake-up can be missed. Asking again this often bounds the loss.
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// The trace that every event belongs to, which nobody follows. Lambda has another
/// one for each event; the runtime puts it into the process's environment, and
/// glibc keeps what was there before, some 140 bytes an event. Here they would
/// hide what our own code may lose.
const TRACE_ID: &str = "Root=1-00000000-000000000000000000000000;Sampled=0";

/// One execution environment.
pub(super) struct Instance {
    simulator: Simulator,
    child: Child,
    logs: Logs,
    arn: String,
    timeout: Duration,
    /// How many it may still get.
    invocations_left: u32,
    broken: bool,
}

/// Why an invocation brought no answer, in Lambda's words where it has some.
#[derive(Debug, Error)]
pub(crate) enum InvocationFailure {
    #[error("{error_type}: {message}")]
    Function { error_type: String, message: String },
    #[error("Task timed out after {:.2} seconds", .0.as_secs_f64())]
    TimedOut(Duration),
    #[error("Runtime exited during the invocation ({0})")]
    Exited(ExitStatus),
    #[error("{0:#}")]
    NotStarted(anyhow::Error),
    #[error("the local stack is stopping")]
    Stopping,
}

impl Instance {
    /// Starts the process and waits until it asks for its first event.
    pub(super) async fn start(blueprint: &Blueprint) -> anyhow::Result<Self> {
        let plan = &blueprint.plan;
        let simulator = Simulator::builder()
            .function_name(&plan.name)
            .function_version("1")
            .memory_size_mb(plan.memory_mb)
            .handler("bootstrap")
            .region(REGION)
            .account_id(ACCOUNT_ID)
            .invocation_timeout(plan.timeout)
            .build()
            .await
            .context("starting a Lambda Runtime API")?;
        let mut child = spawn(blueprint, &simulator)?;
        let logs = Logs::of(&mut child, blueprint.label());
        let mut instance = Instance {
            simulator,
            child,
            logs,
            arn: function_arn(&plan.name),
            timeout: plan.timeout,
            invocations_left: plan.pool.invocations,
            broken: false,
        };
        if let Err(reason) = instance.initialized().await {
            let lines = instance.retire().await;
            let label = blueprint.label();
            let mut message = format!("the {label} function did not start: {reason}");
            for line in lines {
                message.push_str("\n  ");
                message.push_str(&line);
            }
            return Err(Failure::new(message).into());
        }
        instance.logs.release();
        Ok(instance)
    }

    async fn initialized(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + INIT_TIMEOUT;
        loop {
            tokio::select! {
                biased;
                ready = self.simulator.wait_for_phase(SimulatorPhase::Ready, ASK_AGAIN) => {
                    if ready.is_ok() {
                        return Ok(());
                    }
                }
                status = self.child.wait() => {
                    return Err(status.map_or_else(
                        |error| format!("its process is lost ({error})"),
                        |status| format!("its process ended ({status})"),
                    ));
                }
                () = sleep_until(deadline) => {
                    return Err(format!(
                        "it asked for no event within {} s",
                        INIT_TIMEOUT.as_secs()
                    ));
                }
            }
        }
    }

    /// Whether the next invocation may come here.
    pub(super) fn is_usable(&mut self) -> bool {
        let is_running = matches!(self.child.try_wait(), Ok(None));
        is_running && !self.broken && self.invocations_left > 0
    }

    /// Sends one event and waits for its answer, for as long as the function's
    /// timeout allows.
    pub(super) async fn invoke(&mut self, event: Value) -> Result<Value, InvocationFailure> {
        let mut invocation = InvocationBuilder::new()
            .payload(event)
            .timeout_ms(u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX))
            .function_arn(&self.arn)
            .build()
            .map_err(|error| InvocationFailure::NotStarted(error.into()))?;
        TRACE_ID.clone_into(&mut invocation.trace_id);
        self.invocations_left = self.invocations_left.saturating_sub(1);
        let request_id = self.simulator.enqueue(invocation).await;
        let result = self.answer(&request_id).await;
        self.broken = !matches!(result, Ok(_) | Err(InvocationFailure::Function { .. }));
        result
    }

    async fn answer(&mut self, request_id: &str) -> Result<Value, InvocationFailure> {
        let deadline = Instant::now() + self.timeout;
        let state = loop {
            tokio::select! {
                biased;
                state = self.simulator.wait_for_invocation_complete(request_id, ASK_AGAIN) => {
                    if let Ok(state) = state {
                        break state;
                    }
                }
                status = self.child.wait() => {
                    return Err(status.map_or_else(
                        |error| InvocationFailure::NotStarted(error.into()),
                        InvocationFailure::Exited,
                    ));
                }
                () = sleep_until(deadline) => {
                    return Err(InvocationFailure::TimedOut(self.timeout));
                }
            }
        };
        match (state.response, state.error) {
            (Some(response), _) => Ok(response.payload),
            (None, Some(error)) => Err(InvocationFailure::Function {
                error_type: error.error_type,
                message: error.error_message.trim().to_owned(),
            }),
            (None, None) => Err(InvocationFailure::Function {
                error_type: "Unknown".to_owned(),
                message: "the invocation ended without an answer".to_owned(),
            }),
        }
    }

    /// Ends the process and the Runtime API, and returns the lines that were
    /// held back. The process is killed, as Lambda does with an environment that
    /// it gives up.
    pub(super) async fn retire(mut self) -> Vec<String> {
        // Both fail only for a process that has already ended.
        let _ = self.child.start_kill();
        let _ = self.child.wait().await;
        let held = self.logs.finish().await;
        self.simulator.shutdown().await;
        held
    }
}

fn spawn(blueprint: &Blueprint, simulator: &Simulator) -> anyhow::Result<Child> {
    let variables = environment::variables(simulator, &blueprint.plan, &blueprint.table_endpoint);
    Command::from(child::command(&blueprint.binary))
        .env_clear()
        .envs(variables)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C goes to the terminal's whole process group. It is ours to
        // handle: a function must be able to finish its request.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("starting {}", blueprint.binary.display()))
}
