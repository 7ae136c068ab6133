//! What is typed for the commands of `xtask/cloud`, which runs them.

use clap::{Args, Subcommand};
use infra::{AccountId, Environment};

use crate::options::{OutputFormat, environment, http_url};

/// Where and as whom AWS is spoken to.
#[derive(Debug, Clone, Args)]
pub struct AwsArgs {
    /// AWS region; the profile's or `AWS_REGION` by default
    #[arg(long)]
    pub region: Option<String>,
    /// Profile of the shared AWS configuration
    #[arg(long)]
    pub profile: Option<String>,
    /// Speak to an emulator instead of AWS
    #[arg(long, value_name = "URL", value_parser = http_url)]
    pub endpoint_url: Option<String>,
}

/// What a deploy's exit code means; the README lists those of every command.
const DEPLOY_EXIT_CODES: &str = "\
Exit codes: 0 deployed, or nothing to change; 1 failed; 2 usage; 3 declined;
4 failed and rolled back; 6 nothing to change, with --detailed-exitcode";

/// `cargo xtask deploy`
#[derive(Debug, Args)]
#[command(after_help = DEPLOY_EXIT_CODES)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line, independent of the others"
)]
pub struct DeployArgs {
    /// The environment to ship
    #[arg(long = "env", value_parser = environment())]
    pub environment: Environment,
    /// Where and as whom.
    #[command(flatten)]
    pub aws: AwsArgs,
    /// Stop before anything else unless these credentials are of this account
    #[arg(long, value_name = "ID")]
    pub expect_account: Option<AccountId>,
    /// Answer yes: needed where there is no terminal to ask at
    #[arg(long)]
    pub yes: bool,
    /// Let this deploy replace or remove a table, with the data in it
    #[arg(long)]
    pub allow_table_replacement: bool,
    /// Do not run the tests first
    #[arg(long)]
    pub skip_tests: bool,
    /// Base URL of the price provider for this deploy's update function
    #[arg(long, value_name = "URL", value_parser = http_url)]
    pub external_api_url: Option<String>,
    /// Exit with 6 when there is nothing to change
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// json: one JSON event a line, the last one the result
    #[arg(long, value_enum, default_value_t)]
    pub output: OutputFormat,
}

/// `cargo xtask keys`
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Create an API key and print it, this once
    Create(KeysCreateArgs),
}

/// `cargo xtask keys create`
#[derive(Debug, Args)]
pub struct KeysCreateArgs {
    /// Who or what the key is for
    #[arg(long)]
    pub name: String,
    /// The environment whose table holds the key
    #[arg(long = "env", value_parser = environment(), default_value = "dev")]
    pub environment: Environment,
    /// Where and as whom.
    #[command(flatten)]
    pub aws: AwsArgs,
    /// json: one line `{"keyId","apiKey"}`
    #[arg(long, value_enum, default_value_t)]
    pub output: OutputFormat,
}
