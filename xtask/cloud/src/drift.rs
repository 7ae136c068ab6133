//! `cargo xtask drift`: the differences between an environment's stack and its template. Differences in
//! the baseline ([`crate::stack::baseline`]) are not drift: CloudFormation reported them right after a
//! deployment.

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
use crate::report::{WarningEvent, print_event};
use crate::stack::baseline::{self, KnownDifference};
use crate::stack::drift::{self, Drift, DriftedResource};
use crate::stack::{self, Stack, live_version};

/// A resource that has drifted.
#[derive(Serialize)]
#[serde(tag = "event", rename = "drift")]
pub(crate) struct DriftedResourceEvent<'a> {
    #[serde(flatten)]
    resource: &'a DriftedResource,
}

/// A difference that does not count as drift, because it is in the baseline: the list of differences that
/// CloudFormation reported right after a deployment.
#[derive(Serialize)]
#[serde(tag = "event", rename = "baseline")]
pub(crate) struct KnownDifferenceEvent<'a> {
    #[serde(flatten)]
    known: &'a KnownDifference,
}

/// The last line of `drift`.
#[derive(Serialize)]
#[serde(tag = "event", rename = "result")]
pub(crate) struct DriftResultEvent<'a> {
    /// `drifted` or `in-sync`.
    outcome: &'a str,
    environment: &'a str,
    stack: &'a str,
    /// The number of resources that have drifted.
    resources: usize,
    /// The number of differences that do not count as drift, because they are in the baseline.
    baseline: usize,
}

pub(crate) async fn run(args: &DriftArgs) -> anyhow::Result<ExitCode> {
    let environment = args.target.environment;
    let aws = Aws::to_read(&args.target.aws).await?;
    let stack = stack::of_environment(&aws, environment).await?;
    let mut drift = of_service(&aws, &stack, environment).await?;
    let bucket = Bucket::in_account(&aws, stack.account(), environment);
    let known = match deployment_records::read_baseline(&bucket).await {
        Ok(baseline) => baseline::subtract(&stack.name, &mut drift, &baseline),
        Err(error) => {
            output::progress(format_args!(
                "warning: could not read the baseline, so its differences count as drift: {error:#}"
            ));
            Vec::new()
        }
    };
    print(args, &drift, &known)?;
    if args.detailed_exitcode && !drift.resources.is_empty() {
        return Ok(ExitCode::from(Exit::DifferencesFound.code()));
    }
    Ok(ExitCode::SUCCESS)
}

/// Detects the drift of an environment's stack, including aliases that were moved.
pub(crate) async fn of_service(
    aws: &Aws,
    stack: &Stack,
    environment: Environment,
) -> anyhow::Result<Drift> {
    output::progress(format_args!("{}: detecting drift", stack.name));
    let mut drift = drift::detect(&aws.cloudformation(), stack).await?;
    for alias in live_version::read_misaligned(aws, stack, environment).await? {
        drift.add_alias(alias.into());
    }
    Ok(drift)
}

/// Shows the differences that were subtracted from a stack's drift because they are in the baseline.
pub(crate) fn show_baseline(stack: &str, known: &[KnownDifference]) {
    if known.is_empty() {
        return;
    }
    output::progress(format_args!(
        "{stack}: differences in the baseline of the last deployment, which do not count as drift ({}):",
        known.len()
    ));
    for difference in known {
        output::progress(format_args!("  {difference}"));
    }
}

fn print(args: &DriftArgs, drift: &Drift, known: &[KnownDifference]) -> anyhow::Result<()> {
    let name = &names::stack(args.target.environment);
    for message in &drift.unchecked {
        output::progress(format_args!("warning: not checked for drift: {message}"));
    }
    show_baseline(name, known);
    match args.target.output {
        OutputFormat::Json => {
            for resource in &drift.resources {
                print_event(&DriftedResourceEvent { resource })?;
            }
            for known in known {
                print_event(&KnownDifferenceEvent { known })?;
            }
            for unchecked in &drift.unchecked {
                let message = &unchecked.to_string();
                print_event(&WarningEvent { message })?;
            }
            let has_drift = !drift.resources.is_empty();
            print_event(&DriftResultEvent {
                outcome: if has_drift { "drifted" } else { "in-sync" },
                environment: args.target.environment.name(),
                stack: name,
                resources: drift.resources.len(),
                baseline: known.len(),
            })
        }
        OutputFormat::Text if drift.resources.is_empty() => {
            output::text(&format!("{name}: no drift\n"))
        }
        OutputFormat::Text => drift
            .resources
            .iter()
            .try_for_each(|resource| output::text(&format!("{resource}\n"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{Example, line};
    use crate::stack::drift::{Difference, DriftStatus};

    fn difference() -> Difference {
        Difference {
            path: "/RetentionInDays".to_owned(),
            expected: Some("90".to_owned()),
            actual: Some("30".to_owned()),
        }
    }

    impl DriftedResource {
        /// Returns a log group whose retention was changed by hand.
        pub(crate) fn example() -> Self {
            DriftedResource {
                logical_id: "ApiLogGroup".to_owned(),
                resource_type: "AWS::Logs::LogGroup".to_owned(),
                physical_id: "/aws/lambda/crypto-watch-api-prod".to_owned(),
                status: DriftStatus::Modified,
                differences: vec![difference()],
                rollback: None,
            }
        }
    }

    impl KnownDifference {
        /// Returns the difference of [`DriftedResource::example`].
        pub(crate) fn example() -> Self {
            KnownDifference {
                stack: "crypto-watch-prod".to_owned(),
                logical_id: "ApiLogGroup".to_owned(),
                resource_type: "AWS::Logs::LogGroup".to_owned(),
                physical_id: "/aws/lambda/crypto-watch-api-prod".to_owned(),
                difference: Some(difference()),
            }
        }
    }

    impl Example for DriftedResourceEvent<'_> {
        fn examples() -> Vec<String> {
            let resource = &DriftedResource::example();
            vec![line(&DriftedResourceEvent { resource })]
        }
    }

    impl Example for KnownDifferenceEvent<'_> {
        fn examples() -> Vec<String> {
            let known = &KnownDifference::example();
            vec![line(&KnownDifferenceEvent { known })]
        }
    }

    impl Example for DriftResultEvent<'_> {
        fn examples() -> Vec<String> {
            vec![line(&DriftResultEvent {
                outcome: "drifted",
                environment: "prod",
                stack: "crypto-watch-prod",
                resources: 1,
                baseline: 0,
            })]
        }
    }
}
