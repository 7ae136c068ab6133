//! What is typed for `cargo xtask deploy` and `cargo xtask plan`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::EnvironmentArgs;
use crate::options::{ProviderKeyName, duration, http_url, http_url_or_none};

/// What a deploy's exit code means; the README lists those of every command.
const DEPLOY_EXIT_CODES: &str = "\
Exit codes: 0 deployed, or nothing to change; 1 failed; 2 usage; 3 declined;
4 failed and rolled back; 6 nothing to change, with --detailed-exitcode";

/// What a plan's exit code means.
const PLAN_EXIT_CODES: &str = "\
Exit codes: 0 planned, or nothing to change; 1 failed; 2 usage; 3 declined;
5 something would change, with --detailed-exitcode";

/// `cargo xtask deploy`
#[derive(Debug, Args)]
#[command(after_help = DEPLOY_EXIT_CODES)]
pub struct DeployArgs {
    /// Which environment, where.
    #[command(flatten)]
    pub target: EnvironmentArgs,
    /// What to plan, and under which conditions.
    #[command(flatten)]
    pub planning: PlanningArgs,
    /// Execute this plan, made by `cargo xtask plan`, and no other
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
    /// Answer yes: needed where there is no terminal to ask at
    #[arg(long)]
    pub yes: bool,
    /// Roll back without asking when the smoke test fails
    #[arg(long)]
    pub rollback_on_failed_smoke_test: bool,
    /// How long the smoke test may go on failing, as in `10s`; 0s makes each check once
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30s")]
    pub smoke_test_timeout: Duration,
    /// Exit with 6 when there is nothing to change
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// `cargo xtask plan`
#[derive(Debug, Args)]
#[command(after_help = PLAN_EXIT_CODES)]
pub struct PlanArgs {
    /// Which environment, where.
    #[command(flatten)]
    pub target: EnvironmentArgs,
    /// What to plan, and under which conditions.
    #[command(flatten)]
    pub planning: PlanningArgs,
    /// Where the plan goes
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Exit with 5 when something would change
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// What a plan is made of, and what it may begin with.
#[derive(Debug, Clone, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line, independent of the others"
)]
pub struct PlanningArgs {
    /// What to do where the stack's resources are not as its template says; asked by default
    #[arg(long, value_enum, value_name = "CHOICE")]
    pub on_drift: Option<OnDrift>,
    /// After a rollback: first make the stack's template name the version that serves,
    /// which moves no traffic, then deploy from there
    #[arg(long)]
    pub realign: bool,
    /// Let this deploy replace or remove a table, with the data in it
    #[arg(long)]
    pub allow_table_replacement: bool,
    /// Remove a stack whose creation failed, and create it anew
    #[arg(long)]
    pub replace_failed_stack: bool,
    /// Let traffic move although an alarm is up; alarms do not roll this deploy back
    #[arg(long)]
    pub ignore_alarms: bool,
    /// Have CloudFormation work as the environment's role from `cargo xtask pipeline`, now and from now on
    #[arg(long)]
    pub service_role: bool,
    /// Do not run the tests first
    #[arg(long)]
    pub skip_tests: bool,
    /// Take the zips in this folder: nothing is tested or built, and no checkout is needed
    #[arg(long, value_name = "DIR")]
    pub artifacts: Option<PathBuf>,
    /// Base URL of the price provider for this deploy's update function
    #[arg(long, value_name = "URL", value_parser = http_url)]
    pub external_api_url: Option<String>,
    /// Base URL of the second provider for this deploy's update function, or none
    #[arg(long, value_name = "URL", value_parser = http_url_or_none)]
    pub second_api_url: Option<String>,
    /// Give this deploy's update function this key of a price provider from the
    /// secret crypto-watch/ENV/KEY; repeatable
    #[arg(long, value_enum, value_name = "KEY")]
    pub from_secret: Vec<ProviderKeyName>,
}

/// What becomes of drift: changes that were not made through the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnDrift {
    /// Deploy nothing.
    Stop,
    /// Deploy; what has drifted stays unless the template changes it.
    Continue,
    /// Deploy, and bring what has drifted back to the template.
    Revert,
}
