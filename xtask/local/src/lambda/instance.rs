//! An execution environment: a Runtime API and the process that polls it.
//!
//! If the command is killed, its Runtime APIs end with it. Each process then ends at its next poll,
//! which fails: an idle process within about a second, and a busy one after its event.

use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use lambda_simulator::{InvocationBuilder, Simulator, SimulatorPhase};
use serde_json::Value;
use thiserror::Error;
use tokio::process::{Child, Command};
use tokio::time::sleep;
use xtask::child;
use xtask::failure::Failure;

use super::environment::{REGION, environment_variables};
use super::logs::Logs;
use super::table_calls::TablePort;
use crate::binaries::Binary;
use crate::plan::FunctionPlan;
use crate::recent::{Process, Recent};

/// The timeout of a start, as in Lambda.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest single wait for the simulator. The simulator loses a wake-up just before a wait begins,
/// so waits are short and repeated.
const WAIT_INTERVAL: Duration = Duration::from_millis(20);

/// The trace id of every event. In Lambda, each event has its own id. The Lambda runtime writes the id
/// into the process's environment, and glibc never frees an earlier value. Different ids would therefore
/// cost some 140 bytes of memory an event, and would hide a leak in our own code.
const TRACE_ID: &str = "Root=1-00000000-000000000000000000000000;Sampled=0";

/// A function and everything that its instances need.
#[derive(Debug, Clone)]
pub(crate) struct FunctionConfig {
    pub(crate) function: contract::Function,
    pub(crate) plan: FunctionPlan,
    pub(crate) binary: Binary,
    /// The base URL of the DynamoDB API.
    pub(crate) table_endpoint: String,
    /// The address of the table if this process serves it. Calls to another table are not recorded,
    /// because the recording proxy would hide how a connection to that table fails.
    pub(crate) own_table: Option<SocketAddr>,
    pub(crate) recent: Arc<Recent>,
}

pub(super) struct Instance {
    simulator: Simulator,
    child: Child,
    logs: Logs,
    process: Process,
    _table_port: Option<TablePort>,
    config: Arc<FunctionConfig>,
    invocations_left: u32,
    /// Whether the last invocation left the process in an unknown state.
    broken: bool,
}

/// The reason why an invocation has no response, with Lambda's message if there is one.
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
    /// Starts the process and waits until the process polls for its first event.
    pub(super) async fn start(config: &Arc<FunctionConfig>) -> anyhow::Result<Self> {
        let plan = &config.plan;
        let simulator = Simulator::builder()
            .function_name(&plan.name)
            .invocation_timeout(plan.timeout)
            .build()
            .await
            .context("starting a Lambda Runtime API")?;
        let name = config.function.name();
        let process = Recent::register_process(&config.recent, name);
        let table_port = config
            .own_table
            .map(|table| TablePort::open(table, process.clone()))
            .transpose()?;
        let table_endpoint = table_port
            .as_ref()
            .map_or(&config.table_endpoint, |port| &port.endpoint);
        let mut child = Command::from(child::command(&config.binary.path))
            .env_clear()
            .envs(environment_variables(plan, table_endpoint))
            .env("AWS_LAMBDA_RUNTIME_API", simulator.addr().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C goes to the whole process group of a terminal, and a function must be
            // able to finish its request.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", config.binary.path.display()))?;
        let logs = Logs::read(&mut child, &process);
        let mut instance = Instance {
            simulator,
            child,
            logs,
            process,
            _table_port: table_port,
            config: Arc::clone(config),
            invocations_left: plan.pool.invocations,
            broken: false,
        };
        let ready = async {
            let phase = SimulatorPhase::Ready;
            let simulator = &instance.simulator;
            while simulator
                .wait_for_phase(phase, WAIT_INTERVAL)
                .await
                .is_err()
            {}
        };
        let reason = match while_running(&mut instance.child, INIT_TIMEOUT, ready).await {
            Ok(()) => {
                instance.logs.release();
                return Ok(instance);
            }
            Err(InvocationFailure::Exited(status)) => format!("its process ended ({status})"),
            Err(InvocationFailure::TimedOut(limit)) => {
                format!("it did not poll for an event within {} s", limit.as_secs())
            }
            Err(other) => other.to_string(),
        };
        let mut message = format!("the {name} function did not start: {reason}");
        for line in instance.stop().await {
            message.push_str("\n  ");
            message.push_str(&line);
        }
        Err(Failure::new(message).into())
    }

    /// Returns true if the instance can take another event.
    pub(super) fn is_usable(&mut self) -> bool {
        let is_running = matches!(self.child.try_wait(), Ok(None));
        is_running && !self.broken && self.invocations_left > 0
    }

    pub(super) fn has_config(&self, config: &Arc<FunctionConfig>) -> bool {
        Arc::ptr_eq(&self.config, config)
    }

    /// Sends one event and waits for the response, at most for the function's timeout.
    pub(super) async fn invoke(&mut self, event: Value) -> Result<Value, InvocationFailure> {
        self.process.begin(&event);
        let result = self.send(event).await;
        let outcome = result.as_ref().map_err(ToString::to_string);
        self.process.end(outcome);
        result
    }

    async fn send(&mut self, event: Value) -> Result<Value, InvocationFailure> {
        let FunctionPlan { name, timeout, .. } = &self.config.plan;
        let mut invocation = InvocationBuilder::new()
            .payload(event)
            .timeout_ms(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX))
            .function_arn(format!(
                "arn:aws:lambda:{REGION}:123456789012:function:{name}"
            ))
            .build()
            .map_err(|error| InvocationFailure::NotStarted(error.into()))?;
        TRACE_ID.clone_into(&mut invocation.trace_id);
        self.invocations_left = self.invocations_left.saturating_sub(1);
        let request_id = self.simulator.enqueue(invocation).await;
        let simulator = &self.simulator;
        let completed = async {
            loop {
                let wait = simulator.wait_for_invocation_complete(&request_id, WAIT_INTERVAL);
                if let Ok(state) = wait.await {
                    return state;
                }
            }
        };
        let completed = while_running(&mut self.child, *timeout, completed).await;
        self.broken = completed.is_err();
        let state = completed?;
        if let Some(response) = state.response {
            return Ok(response.payload);
        }
        let (error_type, message) = state.error.map_or_else(
            || {
                (
                    "Unknown".to_owned(),
                    "the invocation ended without a response".to_owned(),
                )
            },
            |error| (error.error_type, error.error_message.trim().to_owned()),
        );
        Err(InvocationFailure::Function {
            error_type,
            message,
        })
    }

    /// Kills the process, and stops the Runtime API. Returns the log lines that were held back.
    pub(super) async fn stop(mut self) -> Vec<String> {
        // The two calls fail only for a process that has already ended.
        let _ = self.child.start_kill();
        let _ = self.child.wait().await;
        let held = self.logs.finish().await;
        self.simulator.shutdown().await;
        held
    }
}

/// Waits for `result` until the process ends, at most for `limit`.
async fn while_running<T>(
    child: &mut Child,
    limit: Duration,
    result: impl Future<Output = T>,
) -> Result<T, InvocationFailure> {
    tokio::select! {
        biased;
        result = result => Ok(result),
        status = child.wait() => Err(status.map_or_else(
            |error| InvocationFailure::NotStarted(error.into()),
            InvocationFailure::Exited,
        )),
        () = sleep(limit) => Err(InvocationFailure::TimedOut(limit)),
    }
}
