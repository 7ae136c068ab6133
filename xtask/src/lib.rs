//! The library of `cargo xtask`: the arguments of every command, and the commands that need few
//! dependencies.
//!
//! The other commands are in groups, such as [`cloud::CloudCommand`]. Each group has its own crate.
//! The crate's binary is built when the operator runs a command of the group, and parses only the
//! group's commands ([`start`]). So `--help` and `cargo xtask render` compile in seconds.

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

/// The command line of a binary with the commands `C`.
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
        .unwrap_or_else(|error| failure::report_error(&error))
}

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
    Doctor(doctor::DoctorArgs),
    #[command(flatten)]
    Local(local::LocalCommand),
    #[command(flatten)]
    Cloud(cloud::CloudCommand),
    /// Render the CloudFormation templates
    Render(render::RenderArgs),
    /// Draw an environment's stack as a Mermaid flowchart
    Diagram(diagram::DiagramArgs),
    /// Compute what an environment costs in a month
    Cost(cost::CostArgs),
    /// Validate the templates with the project's own rules, cfn-lint and checkov
    Validate(validate::ValidateArgs),
    #[command(flatten)]
    Package(build::PackageCommand),
    /// Run the tests
    Test(test::TestArgs),
    #[command(flatten)]
    Bench(bench::BenchCommand),
    /// Check the format, clippy's lints, the dependencies and the project's own rules
    Lint(lint::LintArgs),
    /// Format the code and update generated files
    Fmt(fmt::FmtArgs),
    /// Delete build output, tools and local data in the target directory
    Clean(clean::CleanArgs),
}
