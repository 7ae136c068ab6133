//! `cargo xtask drift`: what was changed without the stack.

use std::process::ExitCode;

use xtask::cloud::DriftArgs;
use xtask::failure::Failure;

/// Runs the command.
pub(crate) async fn run(_args: &DriftArgs) -> anyhow::Result<ExitCode> {
    Err(Failure::new("not there yet").into())
}
