//! What is typed for the commands of `xtask/cloud`, which runs them.

use std::ffi::OsStr;
use std::time::Duration;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Args, Subcommand};
use infra::{AccountId, Environment};

use crate::options::{OutputFormat, duration, environment, http_url};

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
    /// List every key, the oldest first, without any secret
    List(KeysTableArgs),
    /// Show one key
    Show(KeysKeyArgs),
    /// Keep a key out, effective within 60 seconds
    Disable(KeysKeyArgs),
    /// Let a disabled key in again, effective within 60 seconds
    Enable(KeysKeyArgs),
    /// Create a key to take another's place, and let that one expire
    Rotate(KeysRotateArgs),
    /// Remove a key for good, effective within 60 seconds
    Delete(KeysDeleteArgs),
}

/// Which table holds the keys, and how the answer is printed.
#[derive(Debug, Args)]
pub struct KeysTableArgs {
    /// The environment whose table holds the keys
    #[arg(long = "env", value_parser = environment(), default_value = "dev")]
    pub environment: Environment,
    /// Where and as whom.
    #[command(flatten)]
    pub aws: AwsArgs,
    /// json: one JSON object a line
    #[arg(long, value_enum, default_value_t)]
    pub output: OutputFormat,
}

/// `cargo xtask keys create`
#[derive(Debug, Args)]
pub struct KeysCreateArgs {
    /// Who or what the key is for
    #[arg(long)]
    pub name: String,
    /// Requests a minute; the environment's limit by default
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rate_limit: Option<u32>,
    /// How long the key is accepted, such as 90days; for ever by default
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub expires_in: Option<Duration>,
    /// Which table.
    #[command(flatten)]
    pub table: KeysTableArgs,
}

/// `cargo xtask keys show`, `disable` and `enable`
#[derive(Debug, Args)]
pub struct KeysKeyArgs {
    /// The key's public part: the 12 characters after `cw_`
    #[arg(value_parser = KeyIdParser)]
    pub key_id: String,
    /// Which table.
    #[command(flatten)]
    pub table: KeysTableArgs,
}

/// `cargo xtask keys rotate`
#[derive(Debug, Args)]
pub struct KeysRotateArgs {
    /// Which key.
    #[command(flatten)]
    pub key: KeysKeyArgs,
    /// How long the old key is still accepted; never longer than it was before
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "24h")]
    pub keep_old: Duration,
}

/// `cargo xtask keys delete`
#[derive(Debug, Args)]
pub struct KeysDeleteArgs {
    /// Which key.
    #[command(flatten)]
    pub key: KeysKeyArgs,
    /// Answer yes: needed where there is no terminal to ask at
    #[arg(long)]
    pub yes: bool,
}

/// Reads a key's id. Its error does not repeat the text as clap's own would:
/// that may be a whole key, which belongs in no log.
#[derive(Debug, Clone, Copy)]
struct KeyIdParser;

impl TypedValueParser for KeyIdParser {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        _: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        match value.to_str() {
            Some(text) if text.len() == 12 && text.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                Ok(text.to_owned())
            }
            _ => Err(clap::Error::raw(
                ErrorKind::ValueValidation,
                "a key's id is the 12 letters and digits after `cw_`; do not give the whole key\n",
            )
            .with_cmd(command)),
        }
    }
}
