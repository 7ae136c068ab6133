//! `cargo xtask lint`: format, clippy, what comes in from outside, and the
//! workspace's own rules.

mod rules;

use crate::failure::Failure;
use crate::{cargo, output};

#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command: the quick checks first.
pub fn run(_args: &Args) -> anyhow::Result<()> {
    let broken = rules::check()?;
    for rule in &broken {
        output::progress(rule);
    }
    if !broken.is_empty() {
        return Err(Failure::new(format!(
            "{} rules of the workspace are broken",
            broken.len()
        ))
        .hint("the rules are in xtask/src/lint/rules.rs; `cargo xtask fmt` mends generated files")
        .into());
    }
    cargo::run(
        cargo::command().args(["fmt", "--all", "--check"]),
        "check the format",
        "run: cargo xtask fmt",
    )?;
    check_dependencies()?;
    cargo::run(
        cargo::command().args([
            "clippy",
            "--workspace",
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

/// All of `deny.toml` that needs no network.
fn check_dependencies() -> anyhow::Result<()> {
    if !cargo::has("deny") {
        output::progress(
            "cargo-deny is not installed: bans, licences and sources of the dependencies are not checked",
        );
        return Ok(());
    }
    cargo::run(
        cargo::command().args([
            "deny",
            "--offline",
            "--locked",
            "--log-level",
            "error",
            "check",
            "bans",
            "licenses",
            "sources",
        ]),
        "check the dependencies",
        "deny.toml says what may come in, and why",
    )
}
