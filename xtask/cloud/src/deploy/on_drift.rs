//! Drift before a deploy: shown before anything changes, and decided on.

use std::collections::BTreeMap;

use contract::LIVE_ALIAS;
use infra::environment::TrafficShifting;
use infra::{Environment, names};
use xtask::cloud::OnDrift;
use xtask::failure::Failure;
use xtask::output;

use super::bucket::Bucket;
use super::change_set::Drifted;
use super::deployments;
use super::events::DriftEvent;
use super::plan::{self, Terms};
use crate::aws::Aws;
use crate::codedeploy;
use crate::confirm;
use crate::drift;
use crate::report::Report;
use crate::stack::baseline::{self, KnownDifference};
use crate::stack::drift::{Drift, DriftedResource};
use crate::stack::live_version::Rollback;
use crate::stack::{self, Stack};

/// The drift that is known before a deploy changes anything.
#[derive(Default)]
pub(crate) struct Before {
    /// Whether the detection failed.
    unknown: bool,
    /// The drift of each stack that exists, by its name, without the baseline.
    stacks: BTreeMap<String, Drift>,
    /// The baseline of the last deployment.
    pub(crate) baseline: Vec<KnownDifference>,
}

impl Before {
    /// The drift of a stack; `None` if it is not known. A stack that does not exist
    /// has none.
    pub(crate) fn of(&self, stack: &str) -> Option<&Drift> {
        static NO_DRIFT: Drift = Drift {
            resources: Vec::new(),
            unchecked: Vec::new(),
        };
        (!self.unknown).then(|| self.stacks.get(stack).unwrap_or(&NO_DRIFT))
    }

    fn resources(&self) -> impl Iterator<Item = &DriftedResource> {
        self.stacks.values().flat_map(|drift| &drift.resources)
    }

    fn rollbacks(&self) -> impl Iterator<Item = &Rollback> {
        self.stacks.values().flat_map(Drift::rollbacks)
    }
}

/// The decision on drift.
#[derive(Default)]
pub(crate) struct Decision {
    pub(crate) drifted: Drifted,
    /// Rollbacks to revert.
    pub(crate) rollbacks: Vec<Rollback>,
    pub(crate) before: Before,
}

/// The stacks of an environment that exist, and the bucket with its records.
pub(crate) struct Existing<'a> {
    pub(crate) environment: Environment,
    pub(crate) bucket_stack: Option<&'a Stack>,
    pub(crate) service: Option<&'a Stack>,
    pub(crate) bucket: &'a Bucket<'a>,
}

/// Detects drift in the stacks that exist, shows it, and decides what to do.
///
/// # Errors
///
/// If the deploy has to stop; if the detection fails and the operator has not chosen
/// to continue.
pub(crate) async fn decide(
    aws: &Aws,
    existing: &Existing<'_>,
    terms: &Terms,
    report: &Report,
) -> anyhow::Result<Decision> {
    let baseline = baseline(existing, report).await?;
    let stacks = match find(aws, existing, &baseline, report).await {
        Ok(stacks) => stacks,
        Err(error) if terms.on_drift == Some(OnDrift::Continue) => {
            report.warn(&format!("{error:#}; going on without"))?;
            let before = Before::unknown(baseline);
            return Ok(Decision::leaving(before));
        }
        Err(error) => {
            return Err(Failure::new(format!("nothing was deployed: {error:#}"))
                .hint("--on-drift continue deploys without knowing what has drifted")
                .into());
        }
    };
    let before = Before {
        unknown: false,
        stacks,
        baseline,
    };
    if before.resources().next().is_none() {
        return Ok(Decision::leaving(before));
    }
    let choice = match terms.on_drift {
        Some(choice) => choice,
        None if terms.asking => choose().await?,
        None => OnDrift::Stop,
    };
    match choice {
        OnDrift::Stop if terms.asking => {
            Err(plan::declined("the drift is to be looked at first").into())
        }
        OnDrift::Stop => Err(before.stopped().into()),
        OnDrift::Continue if before.has_moved_traffic(existing.environment) => Err(Failure::new(
            "nothing was deployed: the API was rolled back, and CodeDeploy moves no alias that is not at the stack's version",
        )
        .hint(AFTER_A_ROLLBACK)
        .into()),
        OnDrift::Continue => Ok(Decision::leaving(before)),
        OnDrift::Revert => Ok(Decision {
            drifted: Drifted::IsReverted,
            rollbacks: before.rollbacks().cloned().collect(),
            before,
        }),
    }
}

/// The two ways forward after a rollback.
const AFTER_A_ROLLBACK: &str = "--realign deploys from the version that serves; --on-drift revert deploys and reverts all drift in one operation";

impl Before {
    /// Drift that could not be detected.
    fn unknown(baseline: Vec<KnownDifference>) -> Self {
        Before {
            unknown: true,
            stacks: BTreeMap::new(),
            baseline,
        }
    }

    fn stopped(&self) -> Failure {
        let ids: Vec<&str> = self.resources().map(|one| &*one.logical_id).collect();
        let hint = if self.rollbacks().next().is_some() {
            AFTER_A_ROLLBACK
        } else {
            "--on-drift continue deploys and leaves what the template does not change; --on-drift revert brings it back to the template, too"
        };
        Failure::new(format!(
            "nothing was deployed: changed without the stack: {}",
            ids.join(", ")
        ))
        .hint(hint)
    }

    /// Whether an alias that CodeDeploy moves is at another version than the stack's.
    /// CodeDeploy refuses a deployment whose current version is not the alias's.
    ///
    /// <https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-resources.html>
    fn has_moved_traffic(&self, environment: Environment) -> bool {
        let function = names::function(codedeploy::SHIFTED_FUNCTION, environment);
        let alias = format!("{function}:{LIVE_ALIAS}");
        let is_moved = |resource: &DriftedResource| {
            let mut differences = resource.differences.iter();
            // The physical id is the alias's ARN, or the end of it.
            resource.physical_id.ends_with(&alias)
                && differences.any(|difference| difference.path == "/FunctionVersion")
        };
        environment.settings().traffic_shifting != TrafficShifting::None
            && self.resources().any(is_moved)
    }
}

impl Decision {
    /// A decision to deploy and to leave the drift as it is.
    fn leaving(before: Before) -> Self {
        Decision {
            before,
            ..Decision::default()
        }
    }
}

async fn choose() -> anyhow::Result<OnDrift> {
    let choices = [
        ("stop", OnDrift::Stop),
        ("continue", OnDrift::Continue),
        ("revert", OnDrift::Revert),
    ];
    let text = "Stop here, continue and leave it as it is, or revert it to the template?";
    confirm::choose(text, &choices, OnDrift::Stop).await
}

/// The baseline of the last deployment. Where it cannot be read, every difference
/// counts as drift.
async fn baseline(
    existing: &Existing<'_>,
    report: &Report,
) -> anyhow::Result<Vec<KnownDifference>> {
    if existing.bucket_stack.is_none() {
        return Ok(Vec::new());
    }
    match deployments::baseline(existing.bucket).await {
        Ok(baseline) => Ok(baseline),
        Err(error) => {
            report.warn(&format!(
                "the baseline is not subtracted from the drift: {error:#}"
            ))?;
            Ok(Vec::new())
        }
    }
}

/// The drift of the stacks that exist, without the baseline, as they are now.
pub(crate) async fn detect(
    aws: &Aws,
    existing: &Existing<'_>,
) -> anyhow::Result<BTreeMap<String, Drift>> {
    let client = aws.cloudformation();
    let of_bucket = async {
        match existing.bucket_stack {
            Some(bucket) => stack::drift::detect(&client, bucket).await.map(Some),
            None => Ok(None),
        }
    };
    let of_service = async {
        match existing.service {
            Some(service) => drift::of_service(aws, service, existing.environment)
                .await
                .map(Some),
            None => Ok(None),
        }
    };
    let (of_bucket, of_service) = tokio::try_join!(of_bucket, of_service)?;
    let found = [
        (existing.bucket_stack, of_bucket),
        (existing.service, of_service),
    ];
    let named = found.into_iter().filter_map(|(stack, drift)| {
        let name = stack?.name.clone();
        Some((name, drift?))
    });
    Ok(named.collect())
}

/// Detects drift, subtracts the baseline and shows both.
async fn find(
    aws: &Aws,
    existing: &Existing<'_>,
    baseline: &[KnownDifference],
    report: &Report,
) -> anyhow::Result<BTreeMap<String, Drift>> {
    let mut stacks = detect(aws, existing).await?;
    for (stack, drift) in &mut stacks {
        let known = baseline::subtract(stack, drift, baseline);
        show(stack, drift, &known, report)?;
    }
    Ok(stacks)
}

fn show(
    stack: &str,
    drift: &Drift,
    known: &[KnownDifference],
    report: &Report,
) -> anyhow::Result<()> {
    for unchecked in &drift.unchecked {
        report.warn(&format!("{stack}: not checked for drift: {unchecked}"))?;
    }
    drift::show_baseline(stack, known);
    if !drift.resources.is_empty() {
        let count = drift.resources.len();
        output::progress(format_args!(
            "{stack}: changed without the stack ({count}):"
        ));
    }
    for resource in &drift.resources {
        output::message(format_args!("  {resource}"));
    }
    report.emit(&DriftEvent {
        stack,
        resources: &drift.resources,
        baseline: known,
    })
}
