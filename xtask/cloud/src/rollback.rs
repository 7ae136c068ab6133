//! `cargo xtask rollback`: the version that served before serves again.

use std::process::ExitCode;

use contract::Function;
use infra::Environment;
use xtask::cloud::RollbackArgs;
use xtask::failure::Failure;

use crate::aws::Aws;
use crate::report::Report;

/// Runs the command.
pub(crate) async fn run(_args: &RollbackArgs) -> anyhow::Result<ExitCode> {
    Err(Failure::new("not there yet").into())
}

/// Lets the version before serve again.
pub(crate) async fn to_previous(
    _aws: &Aws,
    _environment: Environment,
    _function: Function,
    _report: &Report,
) -> anyhow::Result<()> {
    Err(Failure::new("not there yet").into())
}
