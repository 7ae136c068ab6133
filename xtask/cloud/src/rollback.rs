//! `cargo xtask rollback`: the version that served before serves again.

use std::process::ExitCode;

use xtask::cloud::RollbackArgs;
use xtask::failure::Failure;

/// Runs the command.
pub(crate) async fn run(_args: &RollbackArgs) -> anyhow::Result<ExitCode> {
    Err(Failure::new("not there yet").into())
}
