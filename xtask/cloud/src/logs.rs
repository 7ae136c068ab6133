//! `cargo xtask logs`: what a function has written.

use std::process::ExitCode;

use xtask::cloud::LogsArgs;
use xtask::failure::Failure;

/// Runs the command.
pub(crate) async fn run(_args: &LogsArgs) -> anyhow::Result<ExitCode> {
    Err(Failure::new("not there yet").into())
}
