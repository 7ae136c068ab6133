//! The commands that run the service on this machine: `cargo xtask local`,
//! `invoke` and `feed`.

use std::process::ExitCode;

use xtask::local::LocalCommand;
use xtask_local::commands::{feed, invoke, local};

fn main() -> ExitCode {
    xtask::start(|command| run(command).map(|()| ExitCode::SUCCESS))
}

fn run(command: LocalCommand) -> anyhow::Result<()> {
    match command {
        LocalCommand::Local(args) => local::run(args),
        LocalCommand::Invoke(args) => invoke::run(&args),
        LocalCommand::Feed(args) => feed::run(&args),
    }
}
