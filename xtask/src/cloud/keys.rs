//! What is typed for `cargo xtask keys`.

use std::ffi::OsStr;
use std::num::NonZeroU32;
use std::time::Duration;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Args, Subcommand};
use infra::Environment;

use super::AwsArgs;
use crate::options::{OutputFormat, duration, environment};

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
    /// Requests a minute, at most 60000; the environment's limit by default
    #[arg(long, value_name = "N", value_parser = rate_limit)]
    pub rate_limit: Option<NonZeroU32>,
    /// How long the key is accepted, such as 90days; for ever by default
    #[arg(long, value_name = "DURATION", value_parser = lifetime)]
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
    /// How long the new key is accepted; by default as long as the old key was,
    /// counted from its creation to its expiry
    #[arg(long, value_name = "DURATION", value_parser = lifetime)]
    pub expires_in: Option<Duration>,
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

/// Reads how many requests a key may make in a minute.
fn rate_limit(text: &str) -> Result<NonZeroU32, String> {
    let most = contract::MAX_REQUESTS_PER_MINUTE;
    match text.parse() {
        Ok(limit) if limit <= most => Ok(limit),
        _ => Err(format!(
            "it is a whole number from 1 to {most}, which is as far as one key's requests can be \
             counted in a minute; whoever needs more takes several keys"
        )),
    }
}

/// Reads how long a key is to be accepted, which the table keeps in seconds.
fn lifetime(text: &str) -> Result<Duration, String> {
    match duration(text) {
        Ok(lifetime) if lifetime.as_secs() == 0 => {
            Err("a key that is never accepted is of no use".to_owned())
        }
        Ok(lifetime) => Ok(lifetime),
        Err(error) => Err(error.to_string()),
    }
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
