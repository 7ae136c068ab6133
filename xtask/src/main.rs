//! `cargo xtask`: builds, renders, tests, runs and ships the service.

use std::process::ExitCode;

use clap::Parser as _;
use xtask::{Cli, Command, failure, heavy};

fn main() -> ExitCode {
    failure::report(run(Cli::parse().command))
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Local(_) | Command::Invoke(_) | Command::Feed(_) => heavy::exec("xtask-local"),
        Command::Diff(args) if args.against.is_some() => xtask::diff::run(&args),
        Command::Deploy(_)
        | Command::Plan(_)
        | Command::Diff(_)
        | Command::Rollback(_)
        | Command::Status(_)
        | Command::Outputs(_)
        | Command::Drift(_)
        | Command::Logs(_)
        | Command::Destroy(_)
        | Command::Keys(_) => heavy::exec("xtask-cloud"),
        Command::Render(args) => xtask::render::run(&args),
        Command::Build(args) => xtask::build::run(&args),
        Command::Test(args) => xtask::test::run(&args),
        Command::Lint(args) => xtask::lint::run(&args),
        Command::Fmt(args) => xtask::fmt::run(&args),
        Command::Clean(args) => xtask::clean::run(&args),
    }
}
