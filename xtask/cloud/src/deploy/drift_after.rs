//! Drift right after a deployment: what joins the baseline, and what stops the next
//! deploy.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use infra::{Environment, names};
use xtask::failure::Failure;
use xtask::output;

use super::bucket::Bucket;
use super::change_set::{ChangeSet, Drifted};
use super::changes::Action;
use super::events::{BaselineEvent, NotInBaselineEvent};
use super::on_drift::{self, Existing};
use super::plan::Plan;
use crate::aws::Aws;
use crate::report::Report;
use crate::stack;
use crate::stack::baseline::{self, Effect, KnownDifference, Verdict};
use crate::stack::drift::Drift;
use crate::stack::events::ResourceEvent;

/// The resources that a deployment touched, by the name of their stack.
#[derive(Default)]
pub(super) struct Touched(BTreeMap<String, Resources>);

/// Logical ids of resources.
#[derive(Default)]
struct Resources {
    changed: BTreeSet<String>,
    adopted: BTreeSet<String>,
}

impl Touched {
    /// Adds the resources of an executed change set. A resource counts as changed only
    /// if the change set lists it and its execution reports it.
    pub(super) fn add(&mut self, change_set: &ChangeSet, events: &[ResourceEvent]) {
        let is_done = |event: &&ResourceEvent| {
            matches!(event.status.as_str(), "CREATE_COMPLETE" | "UPDATE_COMPLETE")
        };
        let done = events.iter().filter(is_done);
        let done: BTreeSet<&String> = done.map(|event| &event.logical_id).collect();
        let resources = self.0.entry(change_set.stack.clone()).or_default();
        for change in &change_set.changes {
            let id = &change.logical_id;
            if change.action == Action::Import {
                resources.adopted.insert(id.clone());
            } else if done.contains(id) {
                resources.changed.insert(id.clone());
            }
        }
    }
}

/// The result of a detection after a deployment.
#[derive(Default)]
pub(super) struct Compared {
    /// The baseline from now on; `None` if the detection failed.
    pub(super) baseline: Option<Vec<KnownDifference>>,
    /// Set if a difference that the deploy was to revert is still there.
    pub(super) not_reverted: Option<Failure>,
}

/// Detects drift after a deployment and shows what it finds. A detection that fails is
/// a warning. `rolled_back` says that this deploy moved an alias back itself, which the
/// operator knows.
pub(super) async fn compare(
    aws: &Aws,
    environment: Environment,
    bucket: &Bucket<'_>,
    plan: &Plan,
    touched: &Touched,
    rolled_back: bool,
    report: &Report,
) -> anyhow::Result<Compared> {
    let name = names::stack(environment);
    output::progress(format_args!("{name}: detecting drift for the baseline"));
    let mut stacks = match detect(aws, environment, bucket).await {
        Ok(stacks) => stacks,
        Err(error) => {
            report.warn(&format!(
                "{name} is deployed; no baseline was recorded: {error:#}"
            ))?;
            return Ok(Compared::default());
        }
    };
    let nothing = Resources::default();
    let mut verdict = Verdict::default();
    for (stack, after) in &mut stacks {
        for unchecked in &after.unchecked {
            report.warn(&format!(
                "{stack} is deployed; not checked for drift: {unchecked}"
            ))?;
        }
        if rolled_back {
            after
                .resources
                .retain(|resource| resource.rollback.is_none());
        }
        let resources = touched.0.get(stack).unwrap_or(&nothing);
        let effect = Effect {
            stack,
            changed: &resources.changed,
            adopted: &resources.adopted,
            before: plan.before.of(stack),
            baseline: &plan.before.baseline,
            reverts: plan.drifted == Drifted::IsReverted,
        };
        verdict.join(baseline::judge(&effect, after));
    }
    show(&verdict, report)?;
    Ok(Compared {
        not_reverted: not_reverted(&name, &verdict.not_reverted),
        baseline: Some(verdict.baseline),
    })
}

async fn detect(
    aws: &Aws,
    environment: Environment,
    bucket: &Bucket<'_>,
) -> anyhow::Result<BTreeMap<String, Drift>> {
    let client = aws.cloudformation();
    let bucket_stack = stack::describe(&client, &names::artifacts_stack(environment)).await?;
    let service = stack::describe(&client, &names::stack(environment)).await?;
    let existing = Existing {
        environment,
        bucket_stack: bucket_stack.as_ref(),
        service: service.as_ref(),
        bucket,
    };
    on_drift::detect(aws, &existing).await
}

fn show(verdict: &Verdict, report: &Report) -> anyhow::Result<()> {
    let list = |what: &str, differences: &[KnownDifference]| {
        if !differences.is_empty() {
            output::progress(format_args!("{what} ({}):", differences.len()));
        }
        for difference in differences {
            output::progress(format_args!("  {difference}"));
        }
    };
    list(
        "recorded as the baseline, which later deploys do not count as drift",
        &verdict.added,
    );
    list("not as in the template, as before", &verdict.continued);
    if !verdict.added.is_empty() {
        let added = &verdict.added;
        report.emit(&BaselineEvent { added })?;
    }
    let Verdict {
        continued,
        changed_meanwhile,
        not_reverted,
        ..
    } = verdict;
    if [continued, changed_meanwhile, not_reverted]
        .iter()
        .all(|list| list.is_empty())
    {
        return Ok(());
    }
    report.emit(&NotInBaselineEvent {
        continued,
        changed_meanwhile,
        not_reverted,
    })?;
    if changed_meanwhile.is_empty() {
        return Ok(());
    }
    report.warn(&format!(
        "changed while deploying, which stops the next deploy: {}",
        in_a_sentence(changed_meanwhile)
    ))
}

fn not_reverted(stack: &str, differences: &[KnownDifference]) -> Option<Failure> {
    let failure = Failure::new(format!(
        "{stack} is deployed, but what was to be reverted is still there: {}",
        in_a_sentence(differences)
    ));
    let failure = failure.hint(
        "change it back by hand, or find out what sets it again; --on-drift continue deploys with it",
    );
    (!differences.is_empty()).then_some(failure)
}

fn in_a_sentence(differences: &[KnownDifference]) -> String {
    let mut text = String::new();
    for difference in differences {
        let separator = if text.is_empty() { "" } else { "; " };
        let _ = write!(text, "{separator}{difference}");
    }
    text
}
