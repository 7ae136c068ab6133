//! The arguments of `cargo xtask boundary`.

use clap::{Args, Subcommand};
use infra::Environment;

use super::AwsArgs;
use crate::options::environment;

/// `cargo xtask boundary`
#[derive(Debug, Subcommand)]
pub enum BoundaryCommand {
    /// Create or update the limit of what an environment's roles can do, as an administrator
    Deploy(BoundaryDeployArgs),
}

/// `cargo xtask boundary deploy`
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 deployed, or nothing to change; 1 failed; 2 usage; 3 declined;\n4 failed and rolled back"
)]
pub struct BoundaryDeployArgs {
    /// The environment
    #[arg(long = "env", value_parser = environment())]
    pub environment: Environment,
    /// Region and credentials.
    #[command(flatten)]
    pub aws: AwsArgs,
    /// Answer yes: needed where there is no terminal to ask at
    #[arg(long)]
    pub yes: bool,
}
