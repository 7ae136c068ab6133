//! The commands that `xtask/cloud` runs.

use clap::Subcommand;

use super::boundary::BoundaryCommand;
use super::dead_letters::DeadLettersCommand;
use super::deploy::{DeployArgs, PlanArgs};
use super::keys::KeysCommand;
use super::pipeline::PipelineCommand;
use super::stack::{DestroyArgs, DriftArgs, LogsArgs, OutputsArgs, RollbackArgs, StatusArgs};
use crate::diff;

/// The commands that call AWS.
#[derive(Debug, Subcommand)]
pub enum CloudCommand {
    /// Ship an environment: build, change set, ask, execute
    Deploy(DeployArgs),
    /// Work out what a deploy would do, and keep it in a file
    Plan(PlanArgs),
    /// Compare the template with the deployed one, or with another revision's
    Diff(diff::Args),
    /// Go back to the version that served before
    Rollback(RollbackArgs),
    /// Say how an environment is
    Status(StatusArgs),
    /// Print what a deployed stack gives
    Outputs(OutputsArgs),
    /// Say what was changed without the stack
    Drift(DriftArgs),
    /// Print what a function has written
    Logs(LogsArgs),
    /// Remove an environment
    Destroy(DestroyArgs),
    /// Manage the keys that open the API
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Limit what an environment's roles can do
    #[command(subcommand)]
    Boundary(BoundaryCommand),
    /// Set up who deploys from GitHub
    #[command(subcommand)]
    Pipeline(PipelineCommand),
    /// See to the updates that were given up
    #[command(subcommand)]
    DeadLetters(DeadLettersCommand),
}
