//! `cargo xtask`: builds, renders, tests, runs and ships the service.

use std::process::ExitCode;

use xtask::cargo::Profile;
use xtask::{Command, diff, heavy};

fn main() -> ExitCode {
    xtask::start(run)
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    if let Command::Diff(args) = &command
        && let Some(revision) = &args.against
    {
        return diff::against(revision, args);
    }
    match command {
        Command::Local(_) | Command::Invoke(_) | Command::Feed(_) => {
            heavy::exec("xtask-local", Profile::Dev)
        }
        Command::Build(_) => heavy::exec("xtask-package", Profile::Dev),
        Command::Bench(args) => heavy::exec("xtask-bench", args.profile()),
        Command::Deploy(_)
        | Command::Plan(_)
        | Command::Diff(_)
        | Command::Rollback(_)
        | Command::Status(_)
        | Command::Outputs(_)
        | Command::Drift(_)
        | Command::Logs(_)
        | Command::Destroy(_)
        | Command::Keys(_)
        | Command::Boundary(_)
        | Command::Pipeline(_)
        | Command::DeadLetters(_) => heavy::exec("xtask-cloud", Profile::Dev),
        Command::Render(args) => xtask::render::run(&args),
        Command::Validate(args) => xtask::validate::run(&args),
        Command::Test(args) => xtask::test::run(&args),
        Command::Lint(args) => xtask::lint::run(&args),
        Command::Fmt(args) => xtask::fmt::run(&args),
        Command::Clean(args) => xtask::clean::run(&args),
    }
    .map(|()| ExitCode::SUCCESS)
}
