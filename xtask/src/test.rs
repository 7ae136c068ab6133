//! `cargo xtask test`: runs all tests, or one kind of them.

use std::num::NonZero;
use std::process::Command;
use std::thread;

use clap::ValueEnum;
use contract::Function;
use infra::Environment;

use crate::cargo::Profile;
use crate::failure::Failure;
use crate::prebuilt::{self, TestRun};
use crate::tools::{CHROMIUM, LLVM_COV, NEXTEST, PYTHON, VALGRIND};
use crate::{cargo, documents, linker, output, render};

#[derive(Debug, clap::Args)]
pub struct TestArgs {
    /// Kind of tests to run [default: all]
    #[arg(value_enum)]
    suite: Option<Suite>,
    /// Accept the current output as the new snapshots, and update the generated parts of the documents
    #[arg(long)]
    accept: bool,
    /// Measure coverage with cargo-llvm-cov; the report is in target/llvm-cov/html
    #[arg(long, conflicts_with = "accept")]
    coverage: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Suite {
    /// Tests of single crates, without the property tests
    Unit,
    /// Property tests, over generated input
    Property,
    /// Snapshots, template checks and workflow checks
    Snapshots,
    /// End-to-end tests: the local stack, and deploys to an AWS emulator
    E2e,
    /// Tests of the local page in Chromium, which write its screenshots in docs/
    Screenshots,
}

/// The package of the tests that run the binaries and read the templates.
const TESTS_PACKAGE: &str = "tests";
/// The filter that selects all property tests and no others.
const PROPERTIES: &str = "properties::";
/// The tests of [`TESTS_PACKAGE`] that write snapshots. `--accept` runs no others, because those that
/// read the snapshots of the templates fail while the snapshots are out of date.
const SNAPSHOT_WRITERS: [&str; 2] = ["templates", "help"];
/// The tests of [`TESTS_PACKAGE`] that `cargo xtask test snapshots` and a deploy run. They start no service.
const SNAPSHOT_SUITE: [&str; 7] = [
    "templates",
    "help",
    "alarms",
    "faults",
    "validators",
    "diff",
    "workflows",
];
/// The tests of [`TESTS_PACKAGE`] that start the local stack or the emulator.
const END_TO_END: [&str; 2] = ["local", "deploy"];

/// Concurrent tests per CPU. The end-to-end tests mostly wait for time limits and responses.
const TESTS_PER_CPU: usize = 4;

impl Suite {
    /// Returns the arguments that select the tests, both for nextest and for `cargo test`.
    fn arguments(suite: Option<Self>) -> Vec<&'static str> {
        match suite {
            None => cargo::WORKSPACE.to_vec(),
            Some(Suite::Unit) => {
                [&unit_test_packages()[..], &["--", "--skip", PROPERTIES]].concat()
            }
            Some(Suite::Property) => [&unit_test_packages()[..], &["--", PROPERTIES]].concat(),
            Some(Suite::Snapshots) => binaries_of_tests_package(&SNAPSHOT_SUITE),
            Some(Suite::E2e) => binaries_of_tests_package(&END_TO_END),
            Some(Suite::Screenshots) => {
                vec!["--workspace", "--test", "local", "--", "in_a_browser"]
            }
        }
    }
}

fn unit_test_packages() -> Vec<&'static str> {
    [cargo::WORKSPACE, &["--exclude", TESTS_PACKAGE]].concat()
}

fn binaries_of_tests_package(binaries: &[&'static str]) -> Vec<&'static str> {
    let targets = binaries.iter().flat_map(|binary| ["--test", binary]);
    ["--package", TESTS_PACKAGE]
        .into_iter()
        .chain(targets)
        .collect()
}

pub fn run(args: &TestArgs) -> anyhow::Result<()> {
    if args.accept {
        return accept(args.suite);
    }
    report_skipped(args.suite);
    let mut command = if args.coverage { coverage()? } else { runner() };
    if args.suite == Some(Suite::Screenshots) {
        if !CHROMIUM.is_installed() {
            let failure = Failure::new("could not make screenshots: chromium is not installed");
            let installation = CHROMIUM.installation();
            return Err(failure.hint(format!("run: {installation}")).into());
        }
        command.env("SCREENSHOTS", "1");
    }
    let is_end_to_end = matches!(args.suite, None | Some(Suite::E2e));
    // cargo-llvm-cov builds its own binaries. `_run` must live as long as the tests.
    let _run = (is_end_to_end && !args.coverage)
        .then(|| build_once(&mut command))
        .transpose()?;
    run_tests(command, &Suite::arguments(args.suite))
}

fn accept(suite: Option<Suite>) -> anyhow::Result<()> {
    if suite != Some(Suite::Snapshots) {
        return Err(Failure::usage("--accept applies to snapshots only")
            .hint("run: cargo xtask test snapshots --accept")
            .into());
    }
    documents::update(&render::services()?)?;
    let mut runner = runner();
    runner.env("INSTA_UPDATE", "always");
    run_tests(runner, &binaries_of_tests_package(&SNAPSHOT_WRITERS))
}

/// Runs the tests that precede a deploy: unit tests, property tests and [`SNAPSHOT_SUITE`].
pub fn before_deploy() -> anyhow::Result<()> {
    report_skipped(Some(Suite::Snapshots));
    for arguments in [
        &unit_test_packages()[..],
        &binaries_of_tests_package(&SNAPSHOT_SUITE),
    ] {
        let mut runner = runner();
        // A program may read the deploy's stdout, so the tests write to stderr.
        #[expect(clippy::disallowed_methods, reason = "nothing is printed here")]
        runner.stdout(std::io::stderr());
        run_tests(runner, arguments)?;
    }
    Ok(())
}

/// Returns the command of nextest, which is faster and reports more, or else of `cargo test`.
fn runner() -> Command {
    let mut command = cargo::command();
    if NEXTEST.is_installed() {
        command.args(["nextest", "run", "--no-tests", "pass"]);
        let threads = thread::available_parallelism().map_or(1, NonZero::get) * TESTS_PER_CPU;
        command.args(["--test-threads", &threads.to_string()]);
    } else {
        output::progress(NEXTEST.missing());
        command.args(["test", "--no-fail-fast"]);
    }
    command.arg("--locked");
    command
}

/// Builds the binaries that the tests start, so that no test has to call cargo for them.
fn build_once(command: &mut Command) -> anyhow::Result<TestRun> {
    // Only tests that deploy to the emulator need binaries for Lambda. The emulator needs Python, and
    // runs the functions on this system.
    let deploys = PYTHON.is_installed() && linker::runs_functions();
    let architecture = Environment::Prod.settings().architecture;
    if deploys {
        linker::check_requirements(architecture)?;
    }
    let run = TestRun::begin(cargo::target_dir()?)?;
    let functions = Function::ALL.map(Function::name);
    let mut binaries = vec!["xtask", "xtask-cloud", "xtask-local"];
    binaries.extend(functions);
    if cfg!(target_os = "linux") {
        binaries.push("xtask-bench");
    }
    let dev = cargo::build_binaries(&binaries, Profile::Dev)?;
    run.add(prebuilt::DEV, &dev)?;
    if deploys {
        let zipped = linker::build_for_lambda(&functions, architecture)?;
        run.add(prebuilt::for_lambda(architecture), &zipped)?;
    }
    run.export(command);
    Ok(run)
}

fn coverage() -> anyhow::Result<Command> {
    if !LLVM_COV.is_installed() {
        let failure = Failure::new("could not measure coverage: cargo-llvm-cov is not installed");
        let installation = LLVM_COV.installation();
        return Err(failure.hint(format!("run: {installation}")).into());
    }
    let mut command = cargo::command();
    command.args(["llvm-cov", "test", "--html", "--locked"]);
    Ok(command)
}

/// Reports the tests that are skipped on this machine. The tests report it too, but a runner hides the
/// output of tests that pass. If `CI` is set, tests without Python or Chromium fail instead.
fn report_skipped(suite: Option<Suite>) {
    let uses_python = !matches!(suite, Some(Suite::Unit | Suite::Property));
    let is_end_to_end = matches!(suite, None | Some(Suite::E2e));
    let is_ci = std::env::var_os("CI").is_some();
    for (tool, is_used) in [
        (PYTHON, uses_python && !is_ci),
        (CHROMIUM, is_end_to_end && !is_ci),
        (VALGRIND, suite.is_none()),
    ] {
        if is_used && !tool.is_installed() {
            output::progress(tool.missing());
        }
    }
}

fn run_tests(mut command: Command, arguments: &[&str]) -> anyhow::Result<()> {
    cargo::run(
        command.args(arguments),
        "run the tests",
        "see the failed tests above",
    )
}
