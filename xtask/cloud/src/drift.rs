//! `cargo xtask drift`: what was changed without the stack.

use std::process::ExitCode;

use infra::{Environment, names};
use serde::Serialize;
use xtask::cloud::DriftArgs;
use xtask::failure::Exit;
use xtask::options::OutputFormat;
use xtask::output;

use crate::artifact_bucket::Bucket;
use crate::aws::Aws;
use crate::deployment_records;
use crate::stack::baseline::{self, KnownDifference};
use crate::stack::drift::{self, Drift, DriftedResource};
use crate::stack::{self, Stack, live_version};

/// One line a resource that has drifted, then the result.
#[derive(Serialize)]
#[serde(
    tag = "event",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
enum Line<'a> {
    Drift {
        #[serde(flatten)]
        resource: &'a DriftedResource,
    },
    /// A difference that the baseline removes from the drift.
    Baseline {
        #[serde(flatten)]
        known: &'a KnownDifference,
    },
    Warning {
        message: &'a str,
    },
    Result {
        /// `drifted` or `in-sync`.
        outcome: &'a str,
        environment: &'a str,
        stack: &'a str,
        resources: usize,
        /// Number of differences that the baseline removes.
        baseline: usize,
    },
}

/// Runs the command.
pub(crate) async fn run(args: &DriftArgs) -> anyhow::Result<ExitCode> {
    let environment = args.target.environment;
    let name = names::stack(environment);
    let aws = Aws::to_read(&args.target.aws).await?;
    let stack = stack::of_environment(&aws, environment).await?;
    let mut drift = of_service(&aws, &stack, environment).await?;
    let bucket = Bucket::in_account(&aws, stack.account(), environment);
    let known = match deployment_records::read_baseline(&bucket).await {
        Ok(baseline) => baseline::subtract(&name, &mut drift, &baseline),
        Err(error) => {
            output::progress(format_args!(
                "warning: the baseline is not subtracted from the drift: {error:#}"
            ));
            Vec::new()
        }
    };
    print(args, &name, &drift, &known)?;
    if args.detailed_exitcode && !drift.resources.is_empty() {
        return Ok(ExitCode::from(Exit::DifferencesFound.code()));
    }
    Ok(ExitCode::SUCCESS)
}

/// The drift of an environment's stack, with what its aliases say themselves.
pub(crate) async fn of_service(
    aws: &Aws,
    stack: &Stack,
    environment: Environment,
) -> anyhow::Result<Drift> {
    output::progress(format_args!("{}: looking for drift", stack.name));
    let mut drift = drift::detect(&aws.cloudformation(), stack).await?;
    for alias in live_version::misaligned(aws, stack, environment).await? {
        drift.add_alias(alias.into());
    }
    Ok(drift)
}

/// Shows the differences that the baseline removes from a stack's drift.
pub(crate) fn show_baseline(stack: &str, known: &[KnownDifference]) {
    if known.is_empty() {
        return;
    }
    output::progress(format_args!(
        "{stack}: {} differences are in the baseline of the last deployment and are no drift:",
        known.len()
    ));
    for difference in known {
        output::progress(format_args!("  {difference}"));
    }
}

fn print(
    args: &DriftArgs,
    name: &str,
    drift: &Drift,
    known: &[KnownDifference],
) -> anyhow::Result<()> {
    for message in &drift.unchecked {
        output::progress(format_args!("warning: not checked: {message}"));
    }
    show_baseline(name, known);
    if args.target.output == OutputFormat::Json {
        for resource in &drift.resources {
            output::json_line(&Line::Drift { resource })?;
        }
        for known in known {
            output::json_line(&Line::Baseline { known })?;
        }
        for unchecked in &drift.unchecked {
            let message = &unchecked.to_string();
            output::json_line(&Line::Warning { message })?;
        }
        let drifted = !drift.resources.is_empty();
        return output::json_line(&Line::Result {
            outcome: if drifted { "drifted" } else { "in-sync" },
            environment: args.target.environment.name(),
            stack: name,
            resources: drift.resources.len(),
            baseline: known.len(),
        });
    }
    if drift.resources.is_empty() {
        return output::text(&format!("{name}: no drift\n"));
    }
    drift
        .resources
        .iter()
        .try_for_each(|resource| output::text(&format!("{resource}\n")))
}
