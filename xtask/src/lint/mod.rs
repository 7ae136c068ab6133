//! `cargo xtask lint`: checks the format, clippy's lints, the dependencies, and the project's own
//! rules.

mod files;
mod rules;
mod words;

use crate::failure::Failure;
use crate::tools::DENY;
use crate::{cargo, output};

#[derive(Debug, clap::Args)]
pub struct LintArgs {}

/// Runs all checks, the quick ones first.
pub fn run(_args: &LintArgs) -> anyhow::Result<()> {
    let files = files::read()?;
    let broken = [rules::check(&files), words::check(&files)].concat();
    for rule in &broken {
        output::progress(rule);
    }
    if !broken.is_empty() {
        let message = format!("{} violations of the project's own rules", broken.len());
        return Err(Failure::new(message)
            .hint("the rules are in xtask/src/lint; `cargo xtask fmt` updates generated files")
            .into());
    }
    cargo::run(
        cargo::command().args(["fmt", "--all", "--check"]),
        "check the format",
        "run: cargo xtask fmt",
    )?;
    check_dependencies()?;
    cargo::run(
        cargo::command().arg("clippy").args(cargo::WORKSPACE).args([
            "--all-targets",
            "--locked",
            "--",
            "--deny",
            "warnings",
        ]),
        "lint the code",
        "see clippy's messages above",
    )
}

/// Runs all checks of `deny.toml` that work without a network.
fn check_dependencies() -> anyhow::Result<()> {
    if !DENY.is_installed() {
        output::progress(DENY.missing());
        return Ok(());
    }
    let deny = ["deny", "--offline", "--locked", "--log-level", "error"];
    cargo::run(
        cargo::command()
            .args(deny)
            .args(["check", "bans", "licenses", "sources"]),
        "check the dependencies",
        "see the reasons in deny.toml",
    )
}
