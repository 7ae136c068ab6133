//! The project's command line, as a library.
//!
//! What is typed is defined here once. The light commands (`render`, `test`,
//! `lint`, `fmt`, `clean`, `diff` between revisions) also run here; the heavy ones (AWS, the
//! local stack) are crates of their own that parse the same [`Cli`] and are
//! only built when somebody asks for them, so that `cargo xtask render` from a
//! clean checkout compiles in seconds.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub mod bench;
pub mod build;
mod built;
pub mod cargo;
pub mod child;
pub mod clean;
pub mod cloud;
pub mod diff;
pub mod failure;
pub mod files;
pub mod fmt;
pub mod git;
pub mod heavy;
pub mod lint;
pub mod local;
pub mod options;
pub mod output;
pub mod python;
pub mod render;
pub mod runbook;
pub mod signals;
pub mod snapshots;
pub mod test;
pub mod valgrind;
pub mod validate;
pub mod workspace;

/// Everything that `cargo xtask` understands.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Parses the command line and runs the command in the checkout where it was typed.
pub fn start(run: impl FnOnce(Command) -> anyhow::Result<ExitCode>) -> ExitCode {
    workspace::check()
        .map_err(Into::into)
        .and_then(|()| run(Cli::parse().command))
        .unwrap_or_else(|error| failure::report(Err(error)))
}

/// One command; each has a file of its name.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the whole service on this machine
    Local(local::LocalArgs),
    /// Run one event through a function's real binary
    Invoke(local::InvokeArgs),
    /// Run the built-in price feed alone
    Feed(local::FeedArgs),
    /// Ship an environment: build, change set, ask, execute
    Deploy(cloud::DeployArgs),
    /// Work out what a deploy would do, and keep it in a file
    Plan(cloud::PlanArgs),
    /// Compare the template with the deployed one, or with another revision's
    Diff(diff::Args),
    /// Go back to the version that served before
    Rollback(cloud::RollbackArgs),
    /// Say how an environment is
    Status(cloud::StatusArgs),
    /// Print what a deployed stack gives
    Outputs(cloud::OutputsArgs),
    /// Say what was changed without the stack
    Drift(cloud::DriftArgs),
    /// Print what a function has written
    Logs(cloud::LogsArgs),
    /// Remove an environment
    Destroy(cloud::DestroyArgs),
    /// Manage the keys that open the API
    #[command(subcommand)]
    Keys(cloud::KeysCommand),
    /// Limit what an environment's roles can do
    #[command(subcommand)]
    Boundary(cloud::BoundaryCommand),
    /// Set up who deploys from GitHub
    #[command(subcommand)]
    Pipeline(cloud::PipelineCommand),
    /// See to the updates that were given up
    #[command(subcommand)]
    DeadLetters(cloud::DeadLettersCommand),
    /// Render the CloudFormation templates
    Render(render::Args),
    /// Check the templates by our own rules, by cfn-lint and by checkov
    Validate(validate::Args),
    /// Build the functions as zips for Lambda
    Build(build::Args),
    /// Run the tests
    Test(test::Args),
    /// Measure how fast and how small it all is
    Bench(bench::Args),
    /// Check format, lints and the workspace's own rules
    Lint(lint::Args),
    /// Format the code and rewrite the generated files
    Fmt(fmt::Args),
    /// Remove what builds and local runs have left
    Clean(clean::Args),
}
