//! The project's command line, as a library.
//!
//! The arguments of every command are defined here, in groups. The commands of the group
//! [`Command`] itself run here. Each other group is run by a crate of its own, which parses
//! nothing but that group ([`start`]) and is built when one of its commands is typed. So
//! `--help` builds nothing, and `cargo xtask render` compiles from a clean checkout in
//! seconds.

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
pub mod diff;
pub mod external;
pub mod failure;
pub mod files;
pub mod fmt;
pub mod git;
pub mod lint;
pub mod local;
pub mod options;
pub mod output;
mod prebuilt;
pub mod python;
pub mod render;
pub mod runbook;
pub mod signals;
pub mod snapshots;
pub mod test;
pub mod valgrind;
pub mod validate;
pub mod workspace;

/// The command line of one binary, which has the commands `C`.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about,
    version,
    disable_help_subcommand = true
)]
pub struct Cli<C: Subcommand> {
    /// The command that was typed.
    #[command(subcommand)]
    pub command: C,
}

/// Parses the command line of a binary and runs the command in the checkout where it was
/// typed.
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

/// Prints the version with the commit, which only git knows.
fn show_version() -> anyhow::Result<ExitCode> {
    let commit = match Commit::read() {
        Ok(commit) => commit.to_string(),
        Err(error) => format!("unknown: {error}"),
    };
    let version = env!("CARGO_PKG_VERSION");
    output::text(&format!("cargo xtask {version}, commit {commit}\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// The commands of `cargo xtask`. The groups belong to the crates that run them.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The commands of `xtask/local`.
    #[command(flatten)]
    Local(local::LocalCommand),
    /// The commands of `xtask/cloud`.
    #[command(flatten)]
    Cloud(cloud::CloudCommand),
    /// Render the CloudFormation templates
    Render(render::Args),
    /// Check the templates by our own rules, by cfn-lint and by checkov
    Validate(validate::Args),
    /// The command of `xtask/package`.
    #[command(flatten)]
    Package(build::PackageCommand),
    /// Run the tests
    Test(test::Args),
    /// The command of `xtask/bench`.
    #[command(flatten)]
    Bench(bench::BenchCommand),
    /// Check format, lints and the workspace's own rules
    Lint(lint::Args),
    /// Format the code and rewrite the generated files
    Fmt(fmt::Args),
    /// Remove what builds and local runs have left
    Clean(clean::Args),
}
