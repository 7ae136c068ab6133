//! The commands of `cargo xtask` that talk to AWS.
//!
//! `cargo xtask` builds this binary when one of them is asked for and becomes
//! it, with the same arguments; what is typed is defined in `xtask::cloud`.

use std::process::ExitCode;

use anyhow::Context as _;
use xtask::Command;
use xtask::cloud::{BoundaryCommand, PipelineCommand};
use xtask::failure::Failure;

mod alias;
mod api_url;
mod aws;
mod aws_error;
mod confirm;
mod dead_letters;
mod deploy;
mod destroy;
mod diff;
mod drift;
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
mod shift;
mod stack;
mod status;
mod table;

fn main() -> ExitCode {
    xtask::start(run)
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    match command {
        Command::Deploy(args) => runtime.block_on(deploy::run(&args)),
        Command::Plan(args) => runtime.block_on(deploy::plan(&args)),
        Command::Diff(args) => runtime.block_on(diff::run(&args)),
        Command::Rollback(args) => runtime.block_on(rollback::run(&args)),
        Command::Status(args) => runtime.block_on(status::run(&args)),
        Command::Outputs(args) => runtime.block_on(outputs::run(&args)),
        Command::Drift(args) => runtime.block_on(drift::run(&args)),
        Command::Logs(args) => runtime.block_on(logs::run(&args)),
        Command::Destroy(args) => runtime.block_on(destroy::run(&args)),
        Command::Boundary(BoundaryCommand::Deploy(args)) => {
            runtime.block_on(deploy::boundary::run(&args))
        }
        Command::Pipeline(PipelineCommand::Deploy(args)) => {
            runtime.block_on(deploy::pipeline::run(&args))
        }
        Command::DeadLetters(command) => runtime.block_on(dead_letters::run(&command)),
        Command::Keys(command) => runtime
            .block_on(keys::run(&command))
            .map(|()| ExitCode::SUCCESS),
        _ => Err(
            Failure::usage("this binary only runs the commands that talk to AWS")
                .hint("use `cargo xtask`, which finds the binary of each command")
                .into(),
        ),
    }
}
