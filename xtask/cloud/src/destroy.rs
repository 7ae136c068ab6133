//! `cargo xtask destroy`: removes an environment.

use std::process::ExitCode;

use xtask::cloud::DestroyArgs;
use xtask::failure::Failure;

/// Runs the command.
pub(crate) async fn run(_args: &DestroyArgs) -> anyhow::Result<ExitCode> {
    Err(Failure::new("not there yet").into())
}
