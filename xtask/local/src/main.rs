//! The commands that run the service on this machine: `cargo xtask local`,
//! `invoke` and `feed`, and `bench`, which measures them.
//!
//! The local stack interprets the same rendered template that a deploy ships:
//! [`plan`] reads it; [`table`], [`lambda`], [`gateway`], [`schedule`] and
//! [`provider`] stand in for DynamoDB, Lambda, API Gateway, EventBridge
//! Scheduler and the price provider; [`stack`] puts them together.

mod api_key;
mod bench;
mod commands;
mod feed;
mod gateway;
mod lambda;
mod listener;
mod overrides;
mod plan;
mod provider;
mod schedule;
mod server;
mod signals;
mod stack;
mod table;

use std::process::ExitCode;

use xtask::Command;
use xtask::failure::Failure;

fn main() -> ExitCode {
    xtask::start(|command| run(command).map(|()| ExitCode::SUCCESS))
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Local(args) => commands::local::run(args),
        Command::Invoke(args) => commands::invoke::run(&args),
        Command::Feed(args) => commands::feed::run(&args),
        Command::Bench(args) => bench::run(&args),
        _ => Err(
            Failure::new("xtask-local runs local, invoke, feed and bench only")
                .hint("run it as cargo xtask, which knows where each command is")
                .into(),
        ),
    }
}
