//! `cargo xtask test`: every test there is, or one kind of them.

use std::num::NonZero;
use std::process::Command;
use std::thread;

use clap::ValueEnum;
use contract::Function;
use infra::Environment;

use crate::cargo::Profile;
use crate::failure::Failure;
use crate::prebuilt::TestRun;
use crate::{cargo, output, prebuilt, python, runbook, valgrind};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Kind of tests to run [default: all]
    #[arg(value_enum)]
    suite: Option<Suite>,
    /// Accept the current output as the new snapshots, and update the runbook's table of alarms
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
}

/// The package that holds the tests from outside.
const OUTSIDE: &str = "tests";
/// What every property test has in its path, and no other test.
const PROPERTIES: &str = "properties::";
/// The test binaries of [`OUTSIDE`] that hold the snapshots. The others read those of the
/// templates, and fail where these are about to change.
const SNAPSHOT: [&str; 2] = ["templates", "help"];
/// The test binaries of [`OUTSIDE`] about what is written: templates and workflows.
const SNAPSHOTS: [&str; 7] = [
    "templates",
    "help",
    "alarms",
    "faults",
    "validators",
    "diff",
    "workflows",
];
/// The test binaries of [`OUTSIDE`] that start the real thing.
const END_TO_END: [&str; 2] = ["local", "deploy"];

/// How many tests run at a time. The ones from outside wait most of their time: for a
/// limit to pass, for an emulator to start, for an answer to come.
const TESTS_PER_CPU: usize = 4;

/// Which tests are run, in words that nextest and `cargo test` share.
#[derive(Debug)]
struct Selection {
    packages: Vec<&'static str>,
    filters: Vec<&'static str>,
}

impl Selection {
    fn of(suite: Option<Suite>) -> Self {
        let (packages, filters) = match suite {
            None => (vec!["--workspace"], Vec::new()),
            Some(Suite::Unit) => (inside(), vec!["--skip", PROPERTIES]),
            Some(Suite::Property) => (inside(), vec![PROPERTIES]),
            Some(Suite::Snapshots) => (outside(&SNAPSHOTS), Vec::new()),
            Some(Suite::E2e) => (outside(&END_TO_END), Vec::new()),
        };
        Selection { packages, filters }
    }

    /// Whether it has the tests that start the real thing.
    fn is_end_to_end(&self) -> bool {
        let packages = &self.packages;
        *packages == ["--workspace"] || END_TO_END.iter().any(|binary| packages.contains(binary))
    }

    /// Whether it has tests whose tools are written in Python.
    fn needs_python(&self) -> bool {
        !self.packages.contains(&"--exclude")
    }
}

fn inside() -> Vec<&'static str> {
    vec!["--workspace", "--exclude", OUTSIDE]
}

fn outside(binaries: &[&'static str]) -> Vec<&'static str> {
    let targets = binaries.iter().flat_map(|binary| ["--test", binary]);
    ["--package", OUTSIDE].into_iter().chain(targets).collect()
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<()> {
    if args.accept && args.suite != Some(Suite::Snapshots) {
        return Err(Failure::usage("--accept is for the snapshot tests")
            .hint("run: cargo xtask test snapshots --accept")
            .into());
    }
    if args.accept {
        runbook::update()?;
        let selection = Selection {
            packages: outside(&SNAPSHOT),
            filters: Vec::new(),
        };
        let mut runner = runner();
        runner.env("INSTA_UPDATE", "always");
        return execute(runner, &selection);
    }
    let mut command = if args.coverage { coverage()? } else { runner() };
    let selection = Selection::of(args.suite);
    // What measures coverage builds binaries of its own.
    let run = if selection.is_end_to_end() && !args.coverage {
        Some(build_once(&mut command)?)
    } else {
        None
    };
    let result = execute(command, &selection);
    // What it has built counts until here.
    drop(run);
    result
}

/// Runs all but the end-to-end tests, which is what a deploy does first.
pub fn without_end_to_end() -> anyhow::Result<()> {
    let inside = Selection {
        packages: inside(),
        filters: Vec::new(),
    };
    for selection in [inside, Selection::of(Some(Suite::Snapshots))] {
        let mut runner = runner();
        // Stdout is the deploy's own, which a machine may be reading.
        #[expect(clippy::disallowed_methods, reason = "nothing is printed here")]
        runner.stdout(std::io::stderr());
        execute(runner, &selection)?;
    }
    Ok(())
}

/// Nextest where it is installed, because it is faster and says more; what
/// every cargo has where it is not.
fn runner() -> Command {
    let mut command = cargo::command();
    if cargo::has("nextest") {
        command.args(["nextest", "run", "--no-tests", "pass"]);
        let threads = thread::available_parallelism().map_or(1, NonZero::get) * TESTS_PER_CPU;
        command.args(["--test-threads", &threads.to_string()]);
    } else {
        output::progress("cargo-nextest is not installed: running `cargo test`, which is slower");
        command.args(["test", "--no-fail-fast"]);
    }
    command.arg("--locked");
    command
}

/// Builds what the tests start, so that none of them has to ask cargo for it.
fn build_once(command: &mut Command) -> anyhow::Result<TestRun> {
    let run = TestRun::begin(cargo::target_dir()?)?;
    let functions = Function::ALL.map(Function::name);
    let commands = ["xtask", "xtask-bench", "xtask-cloud", "xtask-local"];
    let binaries = cargo::build_binaries(&[&commands[..], &functions].concat(), Profile::Dev)?;
    run.tell(command, prebuilt::DEV, &binaries)?;
    // Without Python nothing is deployed.
    if python::is_there() {
        let architecture = Environment::Prod.settings().architecture;
        let binaries = cargo::build_for_lambda(&functions, architecture)?;
        run.tell(command, prebuilt::for_lambda(architecture), &binaries)?;
    }
    Ok(run)
}

fn coverage() -> anyhow::Result<Command> {
    if !cargo::has("llvm-cov") {
        return Err(
            Failure::new("could not measure coverage: cargo-llvm-cov is not installed")
                .hint("run: cargo install cargo-llvm-cov && rustup component add llvm-tools")
                .into(),
        );
    }
    let mut command = cargo::command();
    command.args(["llvm-cov", "test", "--html", "--locked"]);
    Ok(command)
}

fn execute(mut command: Command, selection: &Selection) -> anyhow::Result<()> {
    // The tests say it themselves, but a runner shows what a passing test
    // prints to nobody. Where CI is set they fail instead.
    if selection.needs_python() && !python::is_there() && std::env::var_os("CI").is_none() {
        output::progress(format_args!(
            "skipped: the tests with cfn-lint, with checkov and with the AWS emulator need {}",
            python::NEEDED
        ));
    }
    if selection.packages == ["--workspace"] && !valgrind::is_there() {
        output::progress("skipped: the test that counts instructions needs valgrind");
    }
    command.args(&selection.packages);
    if !selection.filters.is_empty() {
        command.arg("--").args(&selection.filters);
    }
    cargo::run(
        &mut command,
        "run the tests",
        "each failed test is named above with what it saw",
    )
}
