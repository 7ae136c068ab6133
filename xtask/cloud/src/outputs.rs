//! `cargo xtask outputs`: what a deployed stack gives.

use std::process::ExitCode;

use xtask::cloud::OutputsArgs;
use xtask::failure::Failure;

/// Runs the command.
pub(crate) async fn run(_args: &OutputsArgs) -> anyhow::Result<ExitCode> {
    Err(Failure::new("not there yet").into())
}
