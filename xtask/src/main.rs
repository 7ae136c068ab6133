//! `cargo xtask`: runs the commands of the library, and replaces itself with another binary for the
//! others.

use std::process::ExitCode;

use xtask::bench::BenchCommand;
use xtask::cargo::Profile;
use xtask::cloud::CloudCommand;
use xtask::failure::Failure;
use xtask::{Command, diff, external};

fn main() -> ExitCode {
    xtask::start(run)
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    // `diff --against` does not call AWS, so it does not need the binary of its group.
    if let Command::Cloud(CloudCommand::Diff(args)) = &command
        && let Some(revision) = &args.against
    {
        return diff::against(revision, args);
    }
    match command {
        Command::Local(_) => external::exec("xtask-local", Profile::Dev),
        Command::Cloud(_) => external::exec("xtask-cloud", Profile::Dev),
        Command::Package(_) => external::exec("xtask-package", Profile::Dev),
        Command::Bench(_) if !cfg!(target_os = "linux") => {
            Err(Failure::new("could not run the benchmarks: they require Linux").into())
        }
        Command::Bench(BenchCommand::Bench(args)) => external::exec("xtask-bench", args.profile()),
        Command::Doctor(args) => xtask::doctor::run(&args),
        Command::Render(args) => xtask::render::run(&args),
        Command::Diagram(args) => xtask::diagram::run(&args),
        Command::Cost(args) => xtask::cost::run(&args),
        Command::Validate(args) => xtask::validate::run(&args),
        Command::Test(args) => xtask::test::run(&args),
        Command::Lint(args) => xtask::lint::run(&args),
        Command::Fmt(args) => xtask::fmt::run(&args),
        Command::Clean(args) => xtask::clean::run(&args),
    }
    .map(|()| ExitCode::SUCCESS)
}
