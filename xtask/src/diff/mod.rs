//! `cargo xtask diff`: the changes of a template by resource and property, with the
//! replacements that CloudFormation would make, and under headings of their own the
//! changes of permissions and of safeguards.

mod compare;
mod iam;
mod one_line;
mod property;
mod revision;
mod safeguards;
mod show;

use std::process::ExitCode;

use infra::{Artifacts, Environment};

use crate::cloud::AwsArgs;
use crate::failure::Exit;
use crate::options::{OutputFormat, environment};
use crate::{output, render};
use revision::Revision;

pub use compare::{Action, Difference};
pub use iam::{Grant, GrantChanges, changes as iam_changes};
pub use one_line::OneLine;
pub use property::PropertyDifference;
pub use safeguards::{Weakening, weakenings};
pub use show::TemplateDiff;

/// What a diff's exit code means.
const EXIT_CODES: &str = "\
Exit codes: 0 compared; 1 failed; 2 usage; 5 something differs, with
--detailed-exitcode";

/// `cargo xtask diff`
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub struct Args {
    /// The service's stack of one environment; with --against, every stack by default
    #[arg(long = "env", value_parser = environment(), required_unless_present = "against")]
    pub environment: Option<Environment>,
    /// Compare with the snapshots that a git revision has committed, without AWS
    #[arg(long, value_name = "REVISION", conflicts_with_all = ["region", "profile", "endpoint_url", "expect_account", "built"])]
    pub against: Option<String>,
    /// Compare the zips that `cargo xtask build` has made with the deployed ones, too
    #[arg(long)]
    pub built: bool,
    /// Where and as whom.
    #[command(flatten)]
    pub aws: AwsArgs,
    /// Exit with 5 when something differs
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// json: one JSON object a template
    #[arg(long, value_enum, default_value_t)]
    pub output: OutputFormat,
}

/// Compares the templates of this checkout with those of another revision.
pub fn against(revision: &str, args: &Args) -> anyhow::Result<ExitCode> {
    let revision = Revision::find(revision)?;
    let artifacts = Artifacts::placeholder();
    let templates = match args.environment {
        Some(environment) => vec![render::service(environment, &artifacts)?],
        None => render::all(&artifacts)?,
    };
    let diffs = templates
        .iter()
        .map(|named| {
            let before = revision.template(&named.name)?;
            Ok(TemplateDiff::new(
                &named.name,
                &before,
                named.template.as_value(),
            ))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    print(&diffs, args)
}

/// Prints differences, and says by the exit code whether there are any where
/// that is asked for.
pub fn print(diffs: &[TemplateDiff], args: &Args) -> anyhow::Result<ExitCode> {
    for diff in diffs {
        match args.output {
            OutputFormat::Text => output::text(&diff.to_string())?,
            OutputFormat::Json => output::json_line(diff)?,
        }
    }
    let differs = diffs.iter().any(|diff| !diff.is_empty());
    Ok(if differs && args.detailed_exitcode {
        ExitCode::from(Exit::DifferencesFound.code())
    } else {
        ExitCode::SUCCESS
    })
}
