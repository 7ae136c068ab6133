//! The commands that run the service on this machine: `cargo xtask local`,
//! `invoke` and `feed`.

use std::process::ExitCode;

use xtask::Command;
use xtask::failure::Failure;
use xtask_local::commands::{feed, invoke, local};

fn main() -> ExitCode {
    xtask::start(|command| run(command).map(|()| ExitCode::SUCCESS))
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Local(args) => local::run(args),
        Command::Invoke(args) => invoke::run(&args),
        Command::Feed(args) => feed::run(&args),
        _ => Err(Failure::new("xtask-local runs local, invoke and feed only")
            .hint("run it as cargo xtask, which knows where each command is")
            .into()),
    }
}
