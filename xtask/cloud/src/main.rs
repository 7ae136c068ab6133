//! The commands of `cargo xtask` that call AWS.
//!
//! For one of these commands, `cargo xtask` builds this binary and executes it in place of itself
//! (`exec`). The arguments are defined in `xtask::cloud`.

use std::process::ExitCode;

use anyhow::Context as _;
use xtask::cloud::{BoundaryCommand, CloudCommand, PipelineCommand};

mod alarms;
mod alias;
mod api_url;
mod artifact_bucket;
mod aws;
mod aws_error;
mod bootstrap;
mod codedeploy;
mod confirm;
mod dead_letters;
mod deploy;
mod deployment_records;
mod destroy;
mod diff;
mod drift;
mod error_chain;
mod history;
mod identity;
mod interrupt;
mod keys;
mod logs;
mod outputs;
mod polling;
mod progress;
mod provenance;
mod report;
mod rollback;
mod secrets;
mod stack;
mod status;
mod table;
mod times;

fn main() -> ExitCode {
    xtask::start(run)
}

fn run(command: CloudCommand) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    match command {
        CloudCommand::Deploy(args) => runtime.block_on(deploy::run(&args)),
        CloudCommand::Plan(args) => runtime.block_on(deploy::run_plan(&args)),
        CloudCommand::Diff(args) => runtime.block_on(diff::run(&args)),
        CloudCommand::Rollback(args) => runtime.block_on(rollback::run(&args)),
        CloudCommand::History(args) => runtime.block_on(history::run(&args)),
        CloudCommand::Status(args) => runtime.block_on(status::run(&args)),
        CloudCommand::Outputs(args) => runtime.block_on(outputs::run(&args)),
        CloudCommand::Drift(args) => runtime.block_on(drift::run(&args)),
        CloudCommand::Logs(args) => runtime.block_on(logs::run(&args)),
        CloudCommand::Destroy(args) => runtime.block_on(destroy::run(&args)),
        CloudCommand::Boundary(BoundaryCommand::Deploy(args)) => {
            runtime.block_on(bootstrap::run_boundary(&args))
        }
        CloudCommand::Pipeline(PipelineCommand::Deploy(args)) => {
            runtime.block_on(bootstrap::run_pipeline(&args))
        }
        CloudCommand::DeadLetters(command) => runtime.block_on(dead_letters::run(&command)),
        CloudCommand::Keys(command) => runtime
            .block_on(keys::run(&command))
            .map(|()| ExitCode::SUCCESS),
    }
}
