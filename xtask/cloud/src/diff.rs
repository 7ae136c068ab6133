//! `cargo xtask diff`: the rendered template against the deployed one.

use std::process::ExitCode;

use xtask::diff::Args;
use xtask::failure::Failure;

/// Runs the command.
pub(crate) async fn run(_args: &Args) -> anyhow::Result<ExitCode> {
    Err(Failure::new("not there yet").into())
}
