//! The decision about drift before a deploy: stop, continue, or revert the drift.

use std::collections::BTreeMap;

use contract::LIVE_ALIAS;
use infra::environment::TrafficShifting;
use infra::{Environment, names};
use xtask::cloud::OnDrift;
use xtask::failure::Failure;
use xtask::output;

use super::change_set::DriftTreatment;
use super::context::{Context, NOTHING_DEPLOYED, declined};
use super::events::DriftEvent;
use crate::confirm;
use crate::stack::baseline::{self, KnownDifference};
use crate::stack::drift::{self as stack_drift, Drift, DriftedResource, Rollback};
use crate::stack::{self, Stack};
use crate::{codedeploy, deployment_records, drift};

/// The existing stacks of an environment.
pub(crate) struct ExistingStacks {
    /// The stack of the artifact bucket.
    pub(crate) bucket: Option<Stack>,
    pub(crate) service: Option<Stack>,
}

impl ExistingStacks {
    pub(crate) async fn read(context: &Context<'_>) -> anyhow::Result<Self> {
        let client = context.cloudformation();
        let read = async |name: String| {
            let stack = stack::describe(&client, &name).await?;
            anyhow::Ok(stack.filter(|stack| !stack.is_only_planned()))
        };
        Ok(ExistingStacks {
            bucket: read(names::artifacts_stack(context.environment())).await?,
            service: read(names::stack(context.environment())).await?,
        })
    }

    /// Detects the drift of each stack. The keys of the map are the stacks' names.
    pub(crate) async fn detect_drift(
        &self,
        context: &Context<'_>,
    ) -> anyhow::Result<BTreeMap<String, Drift>> {
        let client = context.cloudformation();
        let of_bucket = async {
            let Some(stack) = &self.bucket else {
                return Ok(None);
            };
            let drift = stack_drift::detect(&client, stack).await?;
            anyhow::Ok(Some((stack.name.clone(), drift)))
        };
        let of_service = async {
            let Some(stack) = &self.service else {
                return Ok(None);
            };
            let drift = drift::of_service(&context.aws, stack, context.environment()).await?;
            anyhow::Ok(Some((stack.name.clone(), drift)))
        };
        let (of_bucket, of_service) = tokio::try_join!(of_bucket, of_service)?;
        Ok(of_bucket.into_iter().chain(of_service).collect())
    }
}

/// The drift that is known before a deploy changes anything.
#[derive(Default)]
pub(crate) struct DriftBefore {
    detection_failed: bool,
    /// The drift of each existing stack, by the stack's name, without the differences in `baseline`.
    stacks: BTreeMap<String, Drift>,
    /// Differences that AWS itself made during earlier deployments. They do not count as drift.
    pub(crate) baseline: Vec<KnownDifference>,
}

const HINT_AFTER_ROLLBACK: &str = "pass --realign to deploy from the version that serves, or --on-drift revert to deploy and to revert all drift in one operation";

const HINT_AFTER_TABLE_DELETION: &str =
    "restore the table with its data, as docs/operating.md#replace-a-deleted-table describes";

impl DriftBefore {
    /// Returns the drift of a stack; `None` if the detection failed. A stack that did not exist has no
    /// drift.
    pub(crate) fn of_stack(&self, stack: &str) -> Option<&Drift> {
        static NO_DRIFT: Drift = Drift {
            resources: Vec::new(),
            unchecked: Vec::new(),
        };
        (!self.detection_failed).then(|| self.stacks.get(stack).unwrap_or(&NO_DRIFT))
    }

    fn resources(&self) -> impl Iterator<Item = &DriftedResource> {
        self.stacks.values().flat_map(|drift| &drift.resources)
    }

    pub(crate) fn rollbacks(&self) -> impl Iterator<Item = &Rollback> {
        self.stacks.values().flat_map(Drift::rollbacks)
    }

    /// Returns true if the alias that CodeDeploy moves serves another version than the stack's template
    /// names. CodeDeploy then refuses the deployment, whose `CurrentVersion` must be the alias's version.
    ///
    /// <https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-resources.html>
    fn has_moved_traffic(&self, environment: Environment) -> bool {
        let function = names::function(codedeploy::SHIFTED_FUNCTION, environment);
        let alias = format!("{function}:{LIVE_ALIAS}");
        let is_moved = |resource: &DriftedResource| {
            let mut differences = resource.differences.iter();
            // The physical id is the alias's ARN or the end of the ARN.
            resource.physical_id.ends_with(&alias)
                && differences.any(|difference| difference.path == "/FunctionVersion")
        };
        environment.settings().traffic_shifting != TrafficShifting::None
            && self.resources().any(is_moved)
    }

    fn deleted_table(&self) -> Option<&DriftedResource> {
        self.resources()
            .find(|resource| resource.is_deleted_table())
    }

    /// Returns the error that ends the deploy because of drift.
    fn refusal(&self) -> Failure {
        let resources = self.resources();
        let ids: Vec<&str> = resources.map(|resource| &*resource.logical_id).collect();
        let hint = if self.deleted_table().is_some() {
            HINT_AFTER_TABLE_DELETION
        } else if self.rollbacks().next().is_some() {
            HINT_AFTER_ROLLBACK
        } else {
            "pass --on-drift continue to deploy and to keep differences that the template does not change, or --on-drift revert to return to the template"
        };
        Failure::new(format!(
            "{NOTHING_DEPLOYED}: these resources were changed outside the stack: {}",
            ids.join(", ")
        ))
        .hint(hint)
    }
}

/// Detects drift and shows it. If there is drift, `--on-drift` or the operator decides.
///
/// # Errors
///
/// - If the decision is `stop`, which is the default without a terminal.
/// - If the decision is `continue`, but CodeDeploy would refuse to move an alias after a rollback.
/// - If the decision is `revert`, but it would replace a deleted table by an empty table.
/// - If the detection fails without `--on-drift continue`.
pub(crate) async fn decide(
    context: &Context<'_>,
    existing: &ExistingStacks,
) -> anyhow::Result<(DriftTreatment, DriftBefore)> {
    let options = &context.options;
    let baseline = match &existing.bucket {
        Some(_) => read_baseline(context).await?,
        None => Vec::new(),
    };
    let stacks = match detect_and_show(context, existing, &baseline).await {
        Ok(stacks) => stacks,
        Err(error) if options.on_drift == Some(OnDrift::Continue) => {
            let warning = format!("{error:#}; continuing without drift detection");
            context.report.warn(&warning)?;
            let before = DriftBefore {
                detection_failed: true,
                stacks: BTreeMap::new(),
                baseline,
            };
            return Ok((DriftTreatment::Keep, before));
        }
        Err(error) => {
            return Err(Failure::new(format!("{NOTHING_DEPLOYED}: {error:#}"))
                .hint("to deploy without drift detection, pass --on-drift continue")
                .into());
        }
    };
    let before = DriftBefore {
        detection_failed: false,
        stacks,
        baseline,
    };
    if before.resources().next().is_none() {
        return Ok((DriftTreatment::Keep, before));
    }
    let choice = match options.on_drift {
        Some(choice) => choice,
        None if options.can_ask() => choose_on_drift().await?,
        None => OnDrift::Stop,
    };
    let table_to_replace = before
        .deleted_table()
        .filter(|_| choice == OnDrift::Revert && !options.allow_table_replacement);
    if let Some(table) = table_to_replace {
        return Err(Failure::new(format!(
            "{NOTHING_DEPLOYED}: {} was deleted, and the revert would create an empty table in its place",
            table.physical_id
        ))
        .hint(format!(
            "{HINT_AFTER_TABLE_DELETION}; to accept the loss of its data, pass --allow-table-replacement"
        ))
        .into());
    }
    match choice {
        OnDrift::Stop if options.can_ask() => Err(declined("the answer was to stop").into()),
        OnDrift::Stop => Err(before.refusal().into()),
        OnDrift::Continue if before.has_moved_traffic(context.environment()) => {
            Err(Failure::new(format!(
                "{NOTHING_DEPLOYED}: the API was rolled back, and CodeDeploy moves only an alias that serves the stack's version"
            ))
            .hint(HINT_AFTER_ROLLBACK)
            .into())
        }
        OnDrift::Continue => Ok((DriftTreatment::Keep, before)),
        OnDrift::Revert => Ok((DriftTreatment::Revert, before)),
    }
}

async fn choose_on_drift() -> anyhow::Result<OnDrift> {
    let choices = [
        ("stop", OnDrift::Stop),
        ("continue", OnDrift::Continue),
        ("revert", OnDrift::Revert),
    ];
    let text = "Stop here, continue and leave the drift, or revert it to the template?";
    confirm::choose(text, &choices, OnDrift::Stop).await
}

/// Reads the baseline of the last deployment. If the baseline cannot be read, every difference counts as
/// drift.
async fn read_baseline(context: &Context<'_>) -> anyhow::Result<Vec<KnownDifference>> {
    match deployment_records::read_baseline(&context.bucket()).await {
        Ok(baseline) => Ok(baseline),
        Err(error) => {
            let warning = format!(
                "could not read the baseline, so its differences count as drift: {error:#}"
            );
            context.report.warn(&warning)?;
            Ok(Vec::new())
        }
    }
}

/// Detects drift, subtracts the baseline, and shows the drift and the baseline.
async fn detect_and_show(
    context: &Context<'_>,
    existing: &ExistingStacks,
    baseline: &[KnownDifference],
) -> anyhow::Result<BTreeMap<String, Drift>> {
    let mut stacks = existing.detect_drift(context).await?;
    for (stack, drift) in &mut stacks {
        let known = baseline::subtract(stack, drift, baseline);
        for unchecked in &drift.unchecked {
            let warning = format!("{stack}: not checked for drift: {unchecked}");
            context.report.warn(&warning)?;
        }
        drift::show_baseline(stack, &known);
        if !drift.resources.is_empty() {
            output::progress(format_args!(
                "{stack}: resources that were changed outside the stack ({}):",
                drift.resources.len()
            ));
        }
        for resource in &drift.resources {
            output::message(format_args!("  {resource}"));
        }
        context.report.emit(&DriftEvent {
            stack,
            resources: &drift.resources,
            baseline: &known,
        })?;
    }
    Ok(stacks)
}
