//! The arguments of the commands that `xtask/cloud` runs.

mod boundary;
mod command;
mod dead_letters;
mod deploy;
mod keys;
mod pipeline;
mod stack;

use clap::Args;
use infra::{AccountId, Environment};

pub use boundary::{BoundaryCommand, BoundaryDeployArgs};
pub use command::CloudCommand;
pub use dead_letters::{DeadLettersCommand, DeadLettersPurgeArgs, DeadLettersShowArgs};
pub use deploy::{DeployArgs, OnDrift, PlanArgs, PlanningArgs};
pub use keys::{
    KeysCommand, KeysCreateArgs, KeysDeleteArgs, KeysKeyArgs, KeysRotateArgs, KeysTableArgs,
};
pub use pipeline::{OidcProvider, PipelineCommand, PipelineDeployArgs};
pub use stack::{DestroyArgs, DriftArgs, LogsArgs, OutputsArgs, RollbackArgs, StatusArgs};

use crate::options::{OutputFormat, endpoint_url, environment};

/// The place and the credentials of a command that calls AWS.
#[derive(Debug, Clone, Args)]
pub struct AwsArgs {
    /// AWS region; the profile's or `AWS_REGION` by default
    #[arg(long)]
    pub region: Option<String>,
    /// Profile of the shared AWS configuration
    #[arg(long)]
    pub profile: Option<String>,
    /// Speak to an emulator instead of AWS; plain http:// only on this machine
    #[arg(long, value_name = "URL", value_parser = endpoint_url)]
    pub endpoint_url: Option<String>,
    /// Stop before anything else unless these credentials are of this account
    #[arg(long, value_name = "ID")]
    pub expect_account: Option<AccountId>,
}

/// Which environment, where, and how the answer is printed.
#[derive(Debug, Clone, Args)]
pub struct EnvironmentArgs {
    /// The environment
    #[arg(long = "env", value_parser = environment())]
    pub environment: Environment,
    /// Where and as whom.
    #[command(flatten)]
    pub aws: AwsArgs,
    /// json: one JSON value a line, the last one the result
    #[arg(long, value_enum, default_value_t)]
    pub output: OutputFormat,
}
