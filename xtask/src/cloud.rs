//! The arguments of the commands that call AWS, which `xtask/cloud` runs.

use std::ffi::OsStr;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Args, Subcommand, ValueEnum};
use contract::Function;
use infra::Environment;
use infra::secret::ProviderKey;
use infra::stack::{GitHubId, Repository, RepositoryName};
use serde::{Deserialize, Serialize};

use crate::diff;
use crate::options::{
    AwsArgs, OutputFormat, duration, environment, function, http_url, http_url_or_none,
    provider_key, serving_function,
};

#[derive(Debug, Subcommand)]
pub enum CloudCommand {
    /// Deploy an environment
    ///
    /// Tests and builds, creates a change set, shows it and asks for confirmation, executes it,
    /// and runs the smoke test.
    Deploy(DeployArgs),
    /// Save the plan of a deploy to a file
    ///
    /// Creates the change set that `cargo xtask deploy --plan FILE` executes. A plan is valid
    /// for 24 hours.
    Plan(PlanArgs),
    /// Compare the rendered template with the deployed one or with another revision's
    ///
    /// Shows replacements and deletions first, then each changed property, weaker alarms and
    /// rollout gates, and changed permissions.
    Diff(diff::DiffArgs),
    /// Roll a function back to an earlier version
    ///
    /// Stops a CodeDeploy deployment in progress. Without one, moves all traffic to the earlier
    /// version at once.
    Rollback(RollbackArgs),
    /// Show the recorded deployments of an environment, the newest first
    ///
    /// Shows the time, outcome, duration, versions, commit, deployer and origin of each deployment.
    History(HistoryArgs),
    /// Show an environment's status
    ///
    /// Shows the commit, the live versions, the traffic, the alarms and the last update.
    Status(EnvironmentArgs),
    /// Show stack outputs
    Outputs(EnvironmentArgs),
    /// Detect drift: resources that differ from the stack's template
    Drift(DriftArgs),
    /// Show the functions' logs, one line per request
    ///
    /// The text format omits Lambda's own lines about the start and the end of an invocation.
    Logs(LogsArgs),
    /// Delete an environment
    ///
    /// Refuses a protected environment. Refuses a stack whose table would be deleted with it, unless
    /// --delete-table is passed.
    Destroy(DestroyArgs),
    /// Manage API keys
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Manage the permissions boundary of an environment's roles
    #[command(subcommand)]
    Boundary(BoundaryCommand),
    /// Manage the IAM roles of GitHub Actions
    #[command(subcommand)]
    Pipeline(PipelineCommand),
    /// Inspect or purge the dead-letter queue
    #[command(subcommand)]
    DeadLetters(DeadLettersCommand),
}

#[derive(Debug, Clone, Args)]
pub struct EnvironmentArgs {
    /// Environment
    #[arg(long = "env", value_parser = environment())]
    pub environment: Environment,
    #[command(flatten)]
    pub aws: AwsArgs,
    /// Output format; docs/events.md documents json
    #[arg(long, value_enum, default_value_t)]
    pub output: OutputFormat,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 deployed or nothing to change; 1 failed; 2 usage error; 3 declined;
4 failed and rolled back; 6 nothing to change, with --detailed-exitcode")]
pub struct DeployArgs {
    #[command(flatten)]
    pub target: EnvironmentArgs,
    #[command(flatten)]
    pub planning: PlanningArgs,
    /// Execute this plan of `cargo xtask plan`
    #[arg(
        long,
        value_name = "FILE",
        requires = "artifacts",
        conflicts_with_all = [
            "external_api_url", "from_secret", "ignore_alarms", "on_drift",
            "realign", "replace_failed_stack", "second_api_url", "service_role", "skip_tests",
        ],
    )]
    pub plan: Option<PathBuf>,
    /// Confirm without asking; required without a terminal
    #[arg(long)]
    pub yes: bool,
    /// Roll back without asking if the smoke test fails
    #[arg(long)]
    pub rollback_on_failed_smoke_test: bool,
    /// Time during which a failed check of the smoke test is repeated, such as 10s; 0s for no repeats
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30s")]
    pub smoke_test_timeout: Duration,
    /// Exit with 6 if there is nothing to change
    #[arg(long)]
    pub detailed_exitcode: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 saved or nothing to change; 1 failed; 2 usage error; 3 declined;
5 differences found, with --detailed-exitcode")]
pub struct PlanArgs {
    #[command(flatten)]
    pub target: EnvironmentArgs,
    #[command(flatten)]
    pub planning: PlanningArgs,
    /// File to write the plan to
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Exit with 5 if there are differences
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// The heading of [`PlanningArgs`] in the help.
const PLAN_OPTIONS: &str = "Plan options";

/// The inputs and the conditions of a plan.
#[derive(Debug, Clone, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line, independent of the others"
)]
pub struct PlanningArgs {
    /// Action if the stack has drifted [default: ask]
    #[arg(long, help_heading = PLAN_OPTIONS, value_enum, value_name = "ACTION")]
    pub on_drift: Option<OnDrift>,
    /// After a rollback, first write the live versions into the stack's template
    #[arg(long, help_heading = PLAN_OPTIONS)]
    pub realign: bool,
    /// Allow the replacement or deletion of a table, with its data
    #[arg(long, help_heading = PLAN_OPTIONS)]
    pub allow_table_replacement: bool,
    /// Delete a stack whose creation or deletion failed, and create it again
    #[arg(long, help_heading = PLAN_OPTIONS)]
    pub replace_failed_stack: bool,
    /// Shift traffic although an alarm is in state ALARM; alarms do not roll this deploy back
    #[arg(long, help_heading = PLAN_OPTIONS)]
    pub ignore_alarms: bool,
    /// Deploy through the CloudFormation service role of `cargo xtask pipeline`; the stack keeps the role
    #[arg(long, help_heading = PLAN_OPTIONS)]
    pub service_role: bool,
    /// Skip the tests
    #[arg(long, help_heading = PLAN_OPTIONS)]
    pub skip_tests: bool,
    /// Deploy the zips in this directory, without a build, tests or a checkout
    #[arg(long, help_heading = PLAN_OPTIONS, value_name = "DIR")]
    pub artifacts: Option<PathBuf>,
    /// Base URL of the first price provider, for this deploy
    #[arg(long, help_heading = PLAN_OPTIONS, value_name = "URL", value_parser = http_url)]
    pub external_api_url: Option<String>,
    /// Base URL of the second price provider, or none, for this deploy
    #[arg(long, help_heading = PLAN_OPTIONS, value_name = "URL", value_parser = http_url_or_none)]
    pub second_api_url: Option<String>,
    /// Key of a price provider to read from the secret crypto-watch/ENV/KEY, for this deploy;
    /// repeatable
    #[arg(long, help_heading = PLAN_OPTIONS, value_name = "KEY", value_parser = provider_key())]
    pub from_secret: Vec<ProviderKey>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnDrift {
    /// Deploy nothing
    #[default]
    Stop,
    /// Deploy; a drifted value stays unless the template changes it
    Continue,
    /// Deploy, and reset drifted values to those of the template
    Revert,
}

#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 rolled back; 1 failed; 2 usage error; 3 declined")]
pub struct RollbackArgs {
    #[command(flatten)]
    pub target: EnvironmentArgs,
    /// Function to roll back
    #[arg(long, value_parser = serving_function(), default_value = Function::Api.name())]
    pub function: Function,
    /// Version to roll back to [default: the version before the live one]
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(u64).range(1..))]
    pub to_version: Option<u64>,
    /// Commit to roll back to, or its first 4 or more digits; `cargo xtask history` lists the
    /// commits
    #[arg(long, value_name = "COMMIT", value_parser = commit, conflicts_with = "to_version")]
    pub to: Option<String>,
    /// Confirm without asking; required without a terminal
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct HistoryArgs {
    #[command(flatten)]
    pub target: EnvironmentArgs,
    /// Maximum number of deployments
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), default_value = "10")]
    pub limit: u16,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 detected; 1 failed; 2 usage error; 5 differences found, with --detailed-exitcode")]
pub struct DriftArgs {
    #[command(flatten)]
    pub target: EnvironmentArgs,
    /// Exit with 5 if there is drift
    #[arg(long)]
    pub detailed_exitcode: bool,
}

#[derive(Debug, Args)]
pub struct LogsArgs {
    #[command(flatten)]
    pub target: EnvironmentArgs,
    /// Function whose logs to show [default: all functions of the environment]
    #[arg(long, value_parser = function())]
    pub function: Option<Function>,
    /// Age of the oldest event to show, such as 2h
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "10m")]
    pub since: Duration,
    /// Show only requests with this status, such as 404, or class of statuses, such as 5xx
    #[arg(long, value_parser = statuses)]
    pub status: Option<RangeInclusive<u16>>,
    /// Show only requests with the API key that has this public part: the 12 characters after `cw_`
    #[arg(long, value_name = "KEY_ID", value_parser = KeyIdParser)]
    pub key: Option<String>,
    /// Show only events with this id, which an error response contains as `requestId`
    #[arg(long, value_name = "ID", value_parser = request_id, conflicts_with_all = ["status", "key"])]
    pub request_id: Option<String>,
    /// Filter pattern of CloudWatch Logs [default: all events]
    #[arg(long, value_name = "PATTERN", conflicts_with_all = ["status", "key", "request_id"])]
    pub filter: Option<String>,
    /// Keep showing new events until interrupted
    #[arg(long)]
    pub follow: bool,
}

/// Parses an HTTP status, or a class of statuses.
fn statuses(text: &str) -> Result<RangeInclusive<u16>, &'static str> {
    let (first, more) = match text.strip_suffix("xx") {
        Some(class) => (format!("{class}00").parse(), 99),
        None => (text.parse(), 0),
    };
    match first {
        Ok(first @ 100..=599) => Ok(first..=first + more),
        _ => Err("not a status, such as 404, or a class of statuses, such as 5xx"),
    }
}

/// Parses the id of a request, which becomes part of a filter pattern.
fn request_id(text: &str) -> Result<String, &'static str> {
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_safe) {
        Ok(text.to_owned())
    } else {
        Err("an id has letters, digits and `+/=_-` only")
    }
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 deleted or does not exist; 1 failed; 2 usage error; 3 declined"
)]
pub struct DestroyArgs {
    #[command(flatten)]
    pub target: EnvironmentArgs,
    /// Delete the table too, with its prices and API keys
    #[arg(long)]
    pub delete_table: bool,
    /// Confirm without asking; required without a terminal
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, Subcommand)]
pub enum BoundaryCommand {
    /// Create or update the permissions boundary; requires an administrator's credentials
    Deploy(BoundaryDeployArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 deployed or nothing to change; 1 failed; 2 usage error; 3 declined;
4 failed and rolled back")]
pub struct BoundaryDeployArgs {
    /// Environment
    #[arg(long = "env", value_parser = environment())]
    pub environment: Environment,
    #[command(flatten)]
    pub aws: AwsArgs,
    /// Confirm without asking; required without a terminal
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, Subcommand)]
pub enum PipelineCommand {
    /// Create or update the roles with which GitHub Actions deploys an environment
    Deploy(PipelineDeployArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Run the command once for each environment, in the environment's region, with an administrator's
credentials of the environment's account. GitHub shows the two ids:

  gh api repos/OWNER/NAME --jq '{owner: .owner.id, repository: .id}'

Exit codes: 0 deployed or nothing to change; 1 failed; 2 usage error; 3 declined;
4 failed and rolled back")]
pub struct PipelineDeployArgs {
    /// Environment
    #[arg(long = "env", value_parser = environment())]
    pub environment: Environment,
    #[command(flatten)]
    pub aws: AwsArgs,
    /// GitHub repository whose workflows deploy, in GitHub's spelling
    #[arg(long, value_name = "OWNER/NAME")]
    pub repository: RepositoryName,
    /// GitHub's id of the repository's owner
    #[arg(long, value_name = "ID")]
    pub owner_id: GitHubId,
    /// GitHub's id of the repository
    #[arg(long, value_name = "ID")]
    pub repository_id: GitHubId,
    /// Origin of the account's OIDC identity provider for GitHub
    #[arg(long, value_enum, value_name = "CHOICE", default_value_t)]
    pub oidc_provider: OidcProvider,
    /// Confirm without asking; required without a terminal
    #[arg(long)]
    pub yes: bool,
}

impl PipelineDeployArgs {
    pub fn repository(&self) -> Repository {
        Repository::new(self.repository.clone(), self.owner_id, self.repository_id)
    }
}

/// The identity provider for GitHub, of which an account has at most one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum OidcProvider {
    /// Created by this command in a separate stack in us-east-1, if that stack does not exist
    #[default]
    Created,
    /// Created by other means; this command does not change it
    Existing,
}

#[derive(Debug, Subcommand)]
pub enum DeadLettersCommand {
    /// Show the failed updates in the queue, the oldest first; they stay in the queue
    Show(EnvironmentArgs),
    /// Delete all messages in the queue
    Purge(DeadLettersPurgeArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 purged; 1 failed; 2 usage error; 3 declined")]
pub struct DeadLettersPurgeArgs {
    #[command(flatten)]
    pub target: EnvironmentArgs,
    /// Confirm without asking; required without a terminal
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Create an API key and print it once
    Create(KeysCreateArgs),
    /// List the keys, the oldest first, without secrets
    List(KeysTableArgs),
    /// Show one key, without its secret
    Show(KeysKeyArgs),
    /// Restore keys that were deleted by mistake
    ///
    /// Restores an earlier state of the table under another name, shows the keys that are missing
    /// now, asks, copies them and deletes the restored table. Existing keys do not change. Requires
    /// point-in-time recovery, which dev does not have.
    Restore(KeysRestoreArgs),
    /// Count the requests of each key
    ///
    /// Runs a query of CloudWatch Logs Insights over the log of the API function. AWS charges
    /// for each GB of log in the time range.
    Usage(KeysUsageArgs),
    /// Disable a key, effective within 60 seconds
    Disable(KeysKeyArgs),
    /// Enable a disabled key, effective within 60 seconds
    Enable(KeysKeyArgs),
    /// Create a new key in place of an old one, which expires
    Rotate(KeysRotateArgs),
    /// Delete a key permanently, effective within 60 seconds
    Delete(KeysDeleteArgs),
}

#[derive(Debug, Args)]
pub struct KeysTableArgs {
    /// Environment
    #[arg(long = "env", value_parser = environment(), default_value = "dev")]
    pub environment: Environment,
    #[command(flatten)]
    pub aws: AwsArgs,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub output: OutputFormat,
}

#[derive(Debug, Args)]
pub struct KeysCreateArgs {
    /// Name of the person, app or device that uses the key
    #[arg(long)]
    pub name: String,
    /// Requests per minute, 1 to 60000 [default: the environment's limit]
    #[arg(long, value_name = "N", value_parser = rate_limit)]
    pub rate_limit: Option<NonZeroU32>,
    /// Lifetime of the key, such as 90days [default: unlimited]
    #[arg(long, value_name = "DURATION", value_parser = lifetime)]
    pub expires_in: Option<Duration>,
    #[command(flatten)]
    pub table: KeysTableArgs,
}

#[derive(Debug, Args)]
pub struct KeysKeyArgs {
    /// Public part of the key: the 12 characters after `cw_`
    #[arg(value_parser = KeyIdParser)]
    pub key_id: String,
    #[command(flatten)]
    pub table: KeysTableArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 restored or nothing to restore; 1 failed; 2 usage error; 3 declined")]
pub struct KeysRestoreArgs {
    #[command(flatten)]
    pub table: KeysTableArgs,
    /// Time before the keys were lost, such as 2026-01-15T10:00:00Z
    #[arg(long, value_name = "TIME")]
    pub from_time: String,
    /// Key to restore; repeatable [default: every key that is missing]
    #[arg(long = "key", value_name = "KEY_ID", value_parser = KeyIdParser)]
    pub keys: Vec<String>,
    /// Confirm without asking; required without a terminal
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct KeysUsageArgs {
    #[command(flatten)]
    pub table: KeysTableArgs,
    /// Age of the oldest request to count
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "7d")]
    pub since: Duration,
}

#[derive(Debug, Args)]
pub struct KeysRotateArgs {
    #[command(flatten)]
    pub key: KeysKeyArgs,
    /// Time until the old key expires; an earlier expiry of the old key stays
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "24h")]
    pub keep_old: Duration,
    /// Lifetime of the new key, such as 90days [default: the lifetime of the old key]
    #[arg(long, value_name = "DURATION", value_parser = lifetime)]
    pub expires_in: Option<Duration>,
}

#[derive(Debug, Args)]
pub struct KeysDeleteArgs {
    #[command(flatten)]
    pub key: KeysKeyArgs,
    /// Confirm without asking; required without a terminal
    #[arg(long)]
    pub yes: bool,
}

/// Parses the beginning of a commit's hash. Git accepts at least 4 digits.
fn commit(text: &str) -> Result<String, String> {
    let is_hash = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash && (4..=64).contains(&text.len()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("not the first 4 or more hexadecimal digits of a commit".to_owned())
    }
}

fn rate_limit(text: &str) -> Result<NonZeroU32, String> {
    let most = contract::MAX_REQUESTS_PER_MINUTE;
    match text.parse() {
        Ok(limit) if limit <= most => Ok(limit),
        _ => Err(format!(
            "not a whole number from 1 to {most}, the most requests per minute that can be \
             counted for one key; for more, create several keys"
        )),
    }
}

/// Parses a key's lifetime, which the table stores in seconds.
fn lifetime(text: &str) -> Result<Duration, String> {
    match duration(text) {
        Ok(lifetime) if lifetime.as_secs() == 0 => Err("less than one second".to_owned()),
        Ok(lifetime) => Ok(lifetime),
        Err(error) => Err(error.to_string()),
    }
}

/// Parses a key's id. Unlike clap's own errors, the error does not repeat the text: the text may be a
/// whole key, which must not reach a log.
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
                "a key id is the 12 letters and digits after `cw_`; do not pass the whole key\n",
            )
            .with_cmd(command)),
        }
    }
}
