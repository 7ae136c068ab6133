//! What is typed for the commands about a stack that is deployed.

use std::time::Duration;

use clap::Args;

use super::EnvironmentArgs;
use crate::options::{FunctionName, duration, function};

/// `cargo xtask rollback`
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 rolled back; 1 failed; 2 usage; 3 declined")]
pub struct RollbackArgs {
    /// Which environment, where.
    #[command(flatten)]
    pub target: EnvironmentArgs,
    /// The function to roll back
    #[arg(long, value_enum, default_value_t = FunctionName::Api)]
    pub function: FunctionName,
    /// The version to go back to; the one before the live one by default
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(u64).range(1..))]
    pub to_version: Option<u64>,
    /// Answer yes: needed where there is no terminal to ask at
    #[arg(long)]
    pub yes: bool,
}

/// `cargo xtask status`
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Which environment, where.
    #[command(flatten)]
    pub target: EnvironmentArgs,
}

/// `cargo xtask outputs`
#[derive(Debug, Args)]
pub struct OutputsArgs {
    /// Which environment, where.
    #[command(flatten)]
    pub target: EnvironmentArgs,
}

/// `cargo xtask drift`
#[derive(Debug, Args)]
pub struct DriftArgs {
    /// Which environment, where.
    #[command(flatten)]
    pub target: EnvironmentArgs,
    /// Exit with 5 when something has drifted
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// `cargo xtask logs`
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// Which environment, where.
    #[command(flatten)]
    pub target: EnvironmentArgs,
    /// The function whose log is read
    #[arg(long, value_parser = function(), default_value = contract::Function::Api.name())]
    pub function: contract::Function,
    /// How far back to begin
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "10m")]
    pub since: Duration,
    /// Only what matches, in the syntax of `CloudWatch` Logs' filter patterns
    #[arg(long, value_name = "PATTERN")]
    pub filter: Option<String>,
    /// Go on as the function writes more, until interrupted
    #[arg(long)]
    pub follow: bool,
}

/// `cargo xtask destroy`
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 removed, or not there; 1 failed; 2 usage; 3 declined")]
pub struct DestroyArgs {
    /// Which environment, where.
    #[command(flatten)]
    pub target: EnvironmentArgs,
    /// Remove the table too, with the prices and the API keys in it
    #[arg(long)]
    pub delete_table: bool,
    /// Answer yes: needed where there is no terminal to ask at
    #[arg(long)]
    pub yes: bool,
}
