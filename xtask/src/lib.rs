//! The library of `cargo xtask`: the arguments of every command, and the light commands.
//!
//! The light commands are variants of [`Command`] and run in this crate. The other commands
//! are in groups. A separate crate runs each group: it parses only that group ([`start`]) and
//! is built when one of its commands is run. So `--help` builds nothing, and
//! `cargo xtask render` compiles from a clean checkout in seconds.

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use commit::Commit;

pub mod bench;
pub mod build;
pub mod cargo;
pub mod child;
pub mod clean;
pub mod cloud;
pub mod commit;
pub mod cost;
pub mod diagram;
pub mod diff;
pub mod doctor;
pub mod documents;
pub mod external;
pub mod failure;
pub mod files;
mod flowchart;
pub mod fmt;
pub mod git;
pub mod linker;
pub mod lint;
pub mod local;
pub mod options;
pub mod output;
mod prebuilt;
pub mod python;
pub mod render;
mod runbook;
mod scale;
pub mod signals;
pub mod snapshots;
pub mod test;
pub mod tools;
pub mod validate;
pub mod workspace;

/// The command line of one binary, which has the commands `C`.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about, version)]
pub struct Cli<C: Subcommand> {
    #[command(subcommand)]
    pub command: C,
}

/// Parses the command line of a binary and runs the command in the caller's checkout.
pub fn start<C: Subcommand>(run: impl FnOnce(C) -> anyhow::Result<ExitCode>) -> ExitCode {
    workspace::check()
        .map_err(Into::into)
        .and_then(|()| match Cli::try_parse() {
            Ok(cli) => run(cli.command),
            Err(error) if error.kind() == ErrorKind::DisplayVersion => show_version(),
            Err(error) => error.exit(),
        })
        .unwrap_or_else(|error| failure::report(Err(error)))
}

/// Prints the version and the commit.
fn show_version() -> anyhow::Result<ExitCode> {
    let commit = match Commit::read() {
        Ok(commit) => commit.to_string(),
        Err(error) => format!("unknown: {error}"),
    };
    let version = env!("CARGO_PKG_VERSION");
    output::text(&format!("cargo xtask {version}, commit {commit}\n"))?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Report installed and missing programs, and how to install them
    Doctor(doctor::Args),
    #[command(flatten)]
    Local(local::LocalCommand),
    #[command(flatten)]
    Cloud(cloud::CloudCommand),
    /// Render the CloudFormation templates
    Render(render::Args),
    /// Draw an environment's stack as a Mermaid flowchart
    Diagram(diagram::Args),
    /// Compute what an environment costs in a month
    Cost(cost::Args),
    /// Validate the templates with the project's own rules, cfn-lint and checkov
    Validate(validate::Args),
    #[command(flatten)]
    Package(build::PackageCommand),
    /// Run the tests
    Test(test::Args),
    #[command(flatten)]
    Bench(bench::BenchCommand),
    /// Check the format, clippy's lints, the dependencies and the project's own rules
    Lint(lint::Args),
    /// Format the code and update generated files
    Fmt(fmt::Args),
    /// Delete build output, tools and local data in the target directory
    Clean(clean::Args),
}
