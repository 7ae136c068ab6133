//! The plan of a deploy: creates the change sets, and shows and checks them before the confirmation.

use anyhow::Context as _;
use aws_sdk_cloudformation::Client;
use infra::environment::{RolloutAlarms, TrafficShifting};
use infra::{Settings, names};
use serde_json::Value;
use xtask::build::{self, Artifact};
use xtask::diff::{self, GrantChanges, Weakening};
use xtask::failure::Failure;
use xtask::output;

use super::change_set::{self, ChangeSet, DriftTreatment, Target};
use super::changes::Change;
use super::context::{Context, NOTHING_DEPLOYED, Phase, Stop};
use super::drift_decision::{self, DriftBefore, ExistingStacks};
use super::events::{ChangeSetEvent, GrantsEvent};
use super::prepare_stack;
use super::summary::Summary;
use crate::alarms::{self, Alarm};
use crate::aws::Aws;
use crate::identity::Identity;
use crate::provenance::Commit;
use crate::report::Report;
use crate::stack::admission::Operation;
use crate::stack::drift::Rollback;
use crate::stack::template;

/// The stacks of one deploy in their desired state.
pub(crate) struct Targets {
    /// The stack of the artifact bucket.
    pub(crate) bucket: Target,
    pub(crate) service: Target,
}

impl Targets {
    /// Renders the templates of the stacks. With `service_role`, CloudFormation uses the environment's
    /// service role.
    pub(crate) fn render(
        aws: &Aws,
        identity: &Identity,
        settings: &Settings,
        zips: &[Artifact],
        service_role: bool,
    ) -> anyhow::Result<Self> {
        let environment = settings.environment;
        let role = names::cloudformation_role(environment);
        let role_arn = service_role.then(|| identity.role_arn(&role));
        let target = |stack, template| {
            anyhow::Ok(Target {
                role_arn: role_arn.clone(),
                ..Target::render(stack, template, settings.tags())?
            })
        };
        let bucket = infra::stack::artifacts(environment, &identity.account, aws.region());
        let service = infra::stack::service(settings, &build::digests(zips)?);
        Ok(Targets {
            bucket: target(names::artifacts_stack(environment), bucket)?,
            service: target(names::stack(environment), service)?,
        })
    }

    /// Returns the names of the stacks, in the order in which their change sets are discarded.
    pub(crate) fn stacks(&self) -> [&str; 2] {
        [&self.service.stack, &self.bucket.stack]
    }
}

/// The planned changes. A change set is absent if its stack does not change, or after its execution has
/// begun.
pub(crate) struct Plan {
    pub(crate) bucket: Option<ChangeSet>,
    pub(crate) service: Option<ChangeSet>,
    /// The permissions and safeguards that the service's template changes.
    pub(crate) security: Security,
    pub(crate) drift_treatment: DriftTreatment,
    /// The rollbacks to revert. After the execution, their aliases serve the stack's version again.
    pub(crate) traffic_to_restore: Vec<Rollback>,
    pub(crate) drift_before: DriftBefore,
    pub(crate) phase: Phase,
}

/// The changes of a template that are relevant to security.
#[derive(Debug, Default)]
pub(crate) struct Security {
    pub(crate) grants: GrantChanges,
    /// The alarms and CodeDeploy's rollout gates that become weaker.
    pub(crate) weakened: Vec<Weakening>,
}

impl Security {
    /// Compares the rendered template with the deployed template.
    pub(crate) async fn compare(client: &Client, target: &Target) -> anyhow::Result<Self> {
        let deployed = template::deployed(client, &target.stack).await?;
        let deployed = deployed.unwrap_or_default();
        let rendered: Value =
            serde_json::from_str(&target.template).context("reading the rendered template")?;
        Ok(Security {
            grants: diff::iam_changes(&deployed, &rendered),
            weakened: diff::weakenings(&deployed, &rendered),
        })
    }

    pub(crate) fn show(&self) {
        if !self.weakened.is_empty() {
            output::progress("weaker alarms and rollout gates:");
        }
        for weakening in &self.weakened {
            output::progress(format_args!("  ! {weakening}"));
        }
        for line in self.grants.to_string().lines() {
            output::progress(line);
        }
    }
}

/// Prepares the stacks, decides on drift, and creates the change sets, which all get the same name. Shows the
/// plan.
///
/// # Errors
///
/// If a stack cannot be prepared, if drift stops the deploy, if a change set cannot be created, or if
/// [`Plan::show_and_check`] refuses the plan. The caller discards the change sets.
pub(crate) async fn make(
    context: &Context<'_>,
    targets: &Targets,
    name: &str,
    phase: Phase,
) -> Result<Plan, Stop> {
    let allowed = context.options.allowed();
    let prepare = |target, phase| prepare_stack::prepare(context, target, allowed, phase);
    let bucket = prepare(&targets.bucket.stack, phase).await?;
    let service = prepare(&targets.service.stack, bucket.phase).await?;
    let phase = service.phase;
    let existing = ExistingStacks {
        bucket: bucket.stack,
        service: service.stack,
    };
    let planned = async {
        let client = context.cloudformation();
        let (drift_treatment, drift_before) = drift_decision::decide(context, &existing).await?;
        let create = |target, operation| {
            change_set::create(&client, target, operation, drift_treatment, name)
        };
        // `join` waits for both calls even if one fails. The caller can then discard the change set that
        // the other call has created.
        let (bucket, service) = tokio::join!(
            create(&targets.bucket, bucket.operation),
            create(&targets.service, service.operation),
        );
        let (bucket, service) = (bucket?, service?);
        let security = match &service {
            Some(_) => Security::compare(&client, &targets.service).await?,
            None => Security::default(),
        };
        let rollbacks = drift_before
            .rollbacks()
            .filter(|_| drift_treatment == DriftTreatment::Revert);
        let plan = Plan {
            bucket,
            service,
            security,
            drift_treatment,
            traffic_to_restore: rollbacks.cloned().collect(),
            drift_before,
            phase,
        };
        plan.show_and_check(context).await?;
        Ok(plan)
    };
    context.run(phase, planned).await
}

impl Plan {
    pub(crate) fn is_empty(&self) -> bool {
        self.change_sets().next().is_none() && self.traffic_to_restore.is_empty()
    }

    /// Returns true if the execution may change which versions serve.
    pub(crate) fn changes_traffic(&self) -> bool {
        self.service.is_some() || !self.traffic_to_restore.is_empty()
    }

    /// Returns the change sets in the order of their execution.
    pub(crate) fn change_sets(&self) -> impl Iterator<Item = &ChangeSet> {
        [&self.bucket, &self.service].into_iter().flatten()
    }

    /// Shows the plan. Refuses to lose a table, and refuses a deploy that an alarm would roll back.
    pub(crate) async fn show_and_check(&self, context: &Context<'_>) -> anyhow::Result<()> {
        let report = context.report;
        let bucket = names::artifacts_stack(context.environment());
        show_changes(&bucket, self.bucket.as_ref(), report)?;
        let service = names::stack(context.environment());
        show_changes(&service, self.service.as_ref(), report)?;
        self.security.show();
        report.emit(&GrantsEvent {
            stack: &service,
            changes: &self.security.grants,
            weakened: &self.security.weakened,
        })?;
        if !context.options.allow_table_replacement {
            self.refuse_to_lose_tables()?;
        }
        for rollback in &self.traffic_to_restore {
            output::progress(format_args!(
                "  {}: version {} will serve again instead of {}",
                rollback.function, rollback.deployed, rollback.live
            ));
        }
        let is_update = |service: &ChangeSet| service.operation == Operation::Update;
        if self.service.as_ref().is_some_and(is_update) {
            check_alarms(context).await?;
        }
        Ok(())
    }

    /// Refuses to lose a table, because the confirmation of a long list of changes is not consent to lose
    /// data.
    fn refuse_to_lose_tables(&self) -> Result<(), Failure> {
        let changes = self.change_sets().flat_map(|planned| &planned.changes);
        let lost = changes.filter(|change| change.loses_table());
        let lost: Vec<String> = lost.map(ToString::to_string).collect();
        if lost.is_empty() {
            return Ok(());
        }
        Err(Failure::new(format!(
            "{NOTHING_DEPLOYED}: the stack would lose a table, or get an empty one in its place: {}",
            lost.join("; ")
        ))
        .hint("undo the change that causes this; to accept the loss of the table's data, pass --allow-table-replacement"))
    }

    pub(crate) fn summarize(&self, boundary: Option<&Change>, commit: Option<&Commit>) {
        let planned = self.change_sets().flat_map(|planned| &planned.changes);
        output::progress(Summary {
            changes: boundary.into_iter().chain(planned).collect(),
            grants: &self.security.grants,
            weakened: self.security.weakened.len(),
            restored_aliases: self.traffic_to_restore.len(),
            commit,
        });
    }

    /// Discards the change sets that are still in the plan.
    pub(crate) async fn discard(&self, context: &Context<'_>) -> anyhow::Result<()> {
        for change_set in [&self.service, &self.bucket].into_iter().flatten() {
            discard(context, [&*change_set.stack], &change_set.name).await?;
        }
        Ok(())
    }
}

pub(crate) fn show_changes(
    stack: &str,
    change_set: Option<&ChangeSet>,
    report: &Report,
) -> anyhow::Result<()> {
    let changes = change_set.map_or(&[][..], |change_set| &change_set.changes);
    match change_set.map(|change_set| change_set.operation) {
        None => output::progress(format_args!("{stack}: nothing to change")),
        Some(operation) => {
            let kind = match operation {
                Operation::Create => "new stack",
                Operation::Update => "update",
            };
            let count = changes.len();
            let noun = if count == 1 { "change" } else { "changes" };
            output::progress(format_args!("{stack}: {kind}, {count} {noun}"));
        }
    }
    for change in changes {
        output::progress(format_args!("  {change}"));
        for values in &change.values {
            for line in values.to_string().lines() {
                output::progress(format_args!("      {line}"));
            }
        }
    }
    report.emit(&ChangeSetEvent { stack, changes })
}

/// Discards the change sets with this name. A failure is only a warning.
pub(crate) async fn discard(
    context: &Context<'_>,
    stacks: impl IntoIterator<Item = &str>,
    name: &str,
) -> anyhow::Result<()> {
    let client = context.cloudformation();
    for stack in stacks {
        if let Err(error) = change_set::discard(&client, stack, name).await {
            context.report.warn(&format!(
                "a change set could not be discarded: {error:#}; the next deploy removes it"
            ))?;
        }
    }
    Ok(())
}

/// Discards the change sets with this name if planning or the confirmation failed.
pub(crate) async fn discard_on_failure<T>(
    context: &Context<'_>,
    stacks: impl IntoIterator<Item = &str>,
    name: &str,
    planned: Result<T, Stop>,
) -> anyhow::Result<T> {
    match planned {
        Ok(planned) => Ok(planned),
        Err(stop) => {
            discard(context, stacks, name).await?;
            Err(stop.into())
        }
    }
}

/// Refuses the deploy, or warns, if an alarm that would roll the deploy back is in state `ALARM`.
async fn check_alarms(context: &Context<'_>) -> anyhow::Result<()> {
    if context.environment().settings().traffic_shifting == TrafficShifting::None {
        return Ok(());
    }
    let names = names::rollout_alarms(context.environment());
    let alarms = match alarms::read_named(&context.aws, names.into()).await {
        Ok(alarms) => alarms.into_iter().filter(Alarm::is_in_alarm),
        // A warning is enough, because CodeDeploy also reads the alarms, and fails if it cannot.
        Err(failure) => return context.report.warn(&failure.to_string()),
    };
    let raised: Vec<String> = alarms.map(|alarm| alarm.name).collect();
    match judge_alarms(&raised, context.settings.rollout_alarms)? {
        Some(warning) => context.report.warn(&warning),
        None => Ok(()),
    }
}

/// Judges the alarms in state `ALARM`: returns a warning if they are ignored, and otherwise an error.
fn judge_alarms(raised: &[String], treatment: RolloutAlarms) -> Result<Option<String>, Failure> {
    if raised.is_empty() {
        return Ok(None);
    }
    let raised = raised.join(", ");
    if treatment == RolloutAlarms::Ignore {
        return Ok(Some(format!("these alarms are ignored: {raised}")));
    }
    Err(Failure::new(format!(
        "{NOTHING_DEPLOYED}: CodeDeploy would roll the deploy back, because these alarms are in alarm: {raised}"
    ))
    .hint("see docs/runbook.md; if this deploy is the fix, pass --ignore-alarms"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_in_state_alarm_stops_a_deploy_unless_alarms_are_ignored() {
        let alarms = ["crypto-watch-api-errors-prod".to_owned()];
        let refused = judge_alarms(&alarms, RolloutAlarms::RollBack);
        let refused = refused.err().map(|failure| failure.to_string());
        assert!(refused.is_some_and(|text| text.ends_with("crypto-watch-api-errors-prod")));
        let warned = judge_alarms(&alarms, RolloutAlarms::Ignore).ok().flatten();
        assert!(warned.is_some_and(|text| text.contains("ignored")));
        for treatment in [RolloutAlarms::RollBack, RolloutAlarms::Ignore] {
            assert_eq!(judge_alarms(&[], treatment).ok(), Some(None));
        }
    }
}
