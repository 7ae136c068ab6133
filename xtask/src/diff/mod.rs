//! `cargo xtask diff`: compares templates by resource and property, predicts replacements, and
//! lists changed permissions and weaker safeguards separately.

mod action;
mod compare;
mod iam;
mod markdown;
mod monthly_cost;
mod one_line;
mod property;
mod revision;
mod safeguards;
mod show;

use std::process::ExitCode;

use clap::ValueEnum;
use infra::{Artifacts, Environment};

use crate::failure::Exit;
use crate::options::{AwsArgs, environment};
use crate::{output, render};
use revision::Revision;

pub use action::Action;
pub use compare::ResourceDifference;
pub use iam::{Grant, GrantChanges, changes as iam_changes};
pub use monthly_cost::{DollarChange, MonthlyCost};
pub use one_line::OneLine;
pub use property::PropertyDifference;
pub use safeguards::{Weakening, weakenings};
pub use show::TemplateDiff;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes: 0 compared; 1 failed; 2 usage error; 5 differences found, with --detailed-exitcode")]
pub struct DiffArgs {
    /// Environment whose service stack to compare [default with --against: all stacks]
    #[arg(long = "env", value_parser = environment(), required_unless_present = "against")]
    pub environment: Option<Environment>,
    /// Git revision whose committed snapshots to compare with, without AWS
    #[arg(long, value_name = "REVISION", conflicts_with_all = ["region", "profile", "endpoint_url", "expect_account", "built"])]
    pub against: Option<String>,
    /// Compare the zips of `cargo xtask build` with the deployed ones, too
    #[arg(long)]
    pub built: bool,
    #[command(flatten)]
    pub aws: AwsArgs,
    /// Exit with 5 if there are differences
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// Output format; json is one line per template
    #[arg(long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people, with colours at a terminal unless `NO_COLOR` is set
    #[default]
    Text,
    /// One JSON value per line
    Json,
    /// A comment for a pull request on GitHub, at most 60,000 bytes
    Markdown,
}

/// Compares the templates of this checkout with those of another revision, and prints the
/// differences.
pub fn against(revision: &str, args: &DiffArgs) -> anyhow::Result<ExitCode> {
    let revision = Revision::find(revision)?;
    let artifacts = Artifacts::placeholder();
    let templates = render::selected(args.environment, &artifacts)?;
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

pub fn print(diffs: &[TemplateDiff], args: &DiffArgs) -> anyhow::Result<ExitCode> {
    match args.output {
        Format::Text => {
            for diff in diffs {
                output::coloured(&diff.to_string(), show::colour)?;
            }
        }
        Format::Json => {
            for diff in diffs {
                output::json_line(diff)?;
            }
        }
        Format::Markdown => output::text(&markdown::comment(diffs))?,
    }
    let differs = diffs.iter().any(|diff| !diff.is_empty());
    Ok(if differs && args.detailed_exitcode {
        ExitCode::from(Exit::DifferencesFound.code())
    } else {
        ExitCode::SUCCESS
    })
}
