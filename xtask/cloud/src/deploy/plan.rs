//! The plan of a deploy: brings the stacks to a status that allows change sets, decides on drift,
//! creates the change sets and shows them before the confirmation.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::Context as _;
use aws_sdk_cloudformation::Client;
use contract::LIVE_ALIAS;
use infra::environment::{RolloutAlarms, TrafficShifting};
use infra::{Environment, Settings, names};
use serde_json::Value;
use xtask::build::{self, Artifact};
use xtask::cloud::OnDrift;
use xtask::diff::{self, Grant, GrantChanges, Weakening};
use xtask::failure::Failure;
use xtask::output;

use super::change_set::{self, ChangeSet, Drifted, Target};
use super::changes::{Action, Change};
use super::context::{Consent, Context, NOTHING_DEPLOYED, Phase, Stop, declined};
use super::events::{ChangeSetEvent, DriftEvent, GrantsEvent};
use crate::alarms::{self, Alarm};
use crate::aws::Aws;
use crate::confirm::{self, Question};
use crate::identity::Identity;
use crate::provenance::Commit;
use crate::report::Report;
use crate::stack::admission::{Allowed, Approval, NextStep, Operation, STEPS, next_step};
use crate::stack::baseline::{self, KnownDifference};
use crate::stack::drift::{self as stack_drift, Drift, DriftedResource, Rollback};
use crate::stack::inventory::{self, StackResource};
use crate::stack::{self, Stack, events, recover, template};
use crate::{codedeploy, deployment_records, drift};

/// The stacks of one deploy.
pub(crate) struct Targets {
    /// The stack of the artifact bucket.
    pub(crate) bucket: Target,
    pub(crate) service: Target,
}

impl Targets {
    /// Renders the stacks for these zips. With `service_role`, CloudFormation uses the
    /// environment's service role.
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

/// A stack whose status allows a change set.
pub(crate) struct Admitted {
    pub(crate) operation: Operation,
    /// The stack to update; `None` before its creation.
    pub(crate) stack: Option<Stack>,
    /// [`Phase::Changing`] if a recovery has changed the stack.
    pub(crate) phase: Phase,
}

/// Brings a stack to a status in which a change set can be created: follows an operation
/// in progress, and recovers a failed stack if the operator agrees.
pub(crate) async fn admit(
    context: &Context<'_>,
    name: &str,
    allowed: Allowed,
    mut phase: Phase,
) -> Result<Admitted, Stop> {
    let client = context.cloudformation();
    let report = context.report;
    for steps_left in (0..=STEPS).rev() {
        let described = async { Ok(stack::describe(&client, name).await?) };
        let Some(stack) = context.run(phase, described).await? else {
            break;
        };
        match next_step(&stack.status, allowed, steps_left) {
            NextStep::CreateChangeSet(operation) => {
                return Ok(Admitted {
                    operation,
                    stack: Some(stack).filter(|_| operation == Operation::Update),
                    phase,
                });
            }
            NextStep::Follow => {
                let followed = recover::follow_operation(&client, &stack, report);
                context.run(phase, followed).await?;
            }
            NextStep::Replace(approval) => {
                let approved = approve_replacement(context, &client, &stack, approval);
                context.run(phase, approved).await?;
                phase = Phase::Changing;
                let deleted = recover::delete_failed_stack(&client, &stack, report);
                context.run(phase, deleted).await?;
            }
            NextStep::ContinueUpdateRollback => {
                let reason = stack.status_reason.as_ref();
                let reason = reason.map(|reason| format!(": {reason}"));
                output::progress(format_args!(
                    "{name} is in {}: the rollback of its last update failed{}",
                    stack.status,
                    reason.unwrap_or_default()
                ));
                let asked = ask(format!("Continue the rollback of {name}?"));
                context.run(phase, asked).await?;
                phase = Phase::Changing;
                let continued = recover::continue_update_rollback(&client, &stack, report);
                context.run(phase, continued).await?;
            }
            NextStep::Refuse(refusal) => {
                let cause = if refusal.has_cause() {
                    cause(&client, &stack).await
                } else {
                    None
                };
                return Err(refusal.failure(&stack, cause.as_deref()).into());
            }
        }
    }
    Ok(Admitted {
        operation: Operation::Create,
        stack: None,
        phase,
    })
}

/// Asks for the replacement of a failed stack, unless an option of the command approves it.
///
/// # Errors
///
/// If the operator declines. If there is neither `--yes` nor a terminal: the deploy would be declined
/// later, when the stack is already deleted. If the deletion would delete a table without
/// `--allow-table-replacement`.
async fn approve_replacement(
    context: &Context<'_>,
    client: &Client,
    stack: &Stack,
    approval: Approval,
) -> anyhow::Result<()> {
    let Stack { name, status, .. } = stack;
    if approval == Approval::Required {
        output::progress(format_args!(
            "{name} is in {status}: it can only be deleted and created again. A retained table is imported with its data."
        ));
        ask(format!("Delete what is left of {name}?")).await?;
    } else if context.options.consent == Consent::Missing {
        let declined = declined("there is no terminal for the question");
        return Err(declined
            .hint("pass --yes to confirm without a terminal")
            .into());
    }
    if context.options.allow_table_replacement {
        return Ok(());
    }
    let held = inventory::read(client, stack).await?;
    if held.iter().any(StackResource::is_lost_table) {
        return Err(Failure::new(format!(
            "{NOTHING_DEPLOYED}: {name} has a table, which would be deleted with the stack"
        ))
        .hint("to accept the loss of the table's data, pass --allow-table-replacement")
        .into());
    }
    Ok(())
}

/// Reads the reason for a stack's status: the stack's status reason, and the failures of its resources.
async fn cause(client: &Client, stack: &Stack) -> Option<String> {
    let mut parts: Vec<String> = stack.status_reason.iter().cloned().collect();
    match events::read_last_failures(client, stack).await {
        Ok(failures) => parts.extend(failures.iter().map(ToString::to_string)),
        Err(failed) => parts.push(failed.failure.to_string()),
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

async fn ask(text: String) -> anyhow::Result<()> {
    Question::new(text).agreed(false, NOTHING_DEPLOYED).await
}

/// The stacks of an environment that exist.
pub(crate) struct ExistingStacks {
    bucket: Option<Stack>,
    service: Option<Stack>,
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
    /// Whether the detection failed.
    is_unknown: bool,
    /// The drift of each existing stack, by its name, without the differences of the baseline.
    stacks: BTreeMap<String, Drift>,
    /// The baseline of the last deployment ([`crate::stack::baseline`]).
    pub(crate) baseline: Vec<KnownDifference>,
}

/// The hint after a rollback.
const AFTER_A_ROLLBACK: &str = "pass --realign to deploy from the version that serves, or --on-drift revert to deploy and to revert all drift in one operation";

/// The hint if a table of the stack was deleted by hand.
const AFTER_A_DELETED_TABLE: &str =
    "restore the table with its data, as docs/operating.md#replace-a-deleted-table describes";

impl DriftBefore {
    /// Returns the drift of a stack; `None` if it is unknown. A stack that did not exist
    /// has no drift.
    pub(crate) fn of(&self, stack: &str) -> Option<&Drift> {
        static NO_DRIFT: Drift = Drift {
            resources: Vec::new(),
            unchecked: Vec::new(),
        };
        (!self.is_unknown).then(|| self.stacks.get(stack).unwrap_or(&NO_DRIFT))
    }

    fn resources(&self) -> impl Iterator<Item = &DriftedResource> {
        self.stacks.values().flat_map(|drift| &drift.resources)
    }

    fn rollbacks(&self) -> impl Iterator<Item = &Rollback> {
        self.stacks.values().flat_map(Drift::rollbacks)
    }

    /// Returns true if an alias that CodeDeploy moves serves a version other than that in the stack.
    /// CodeDeploy refuses a deployment whose current version is not the one that the alias serves.
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

    fn deleted_table(&self) -> Option<&DriftedResource> {
        self.resources()
            .find(|resource| resource.is_deleted_table())
    }

    fn stopped(&self) -> Failure {
        let ids: Vec<&str> = self.resources().map(|one| &*one.logical_id).collect();
        let hint = if self.deleted_table().is_some() {
            AFTER_A_DELETED_TABLE
        } else if self.rollbacks().next().is_some() {
            AFTER_A_ROLLBACK
        } else {
            "pass --on-drift continue to deploy and to keep differences that the template does not change, or --on-drift revert to return to the template"
        };
        Failure::new(format!(
            "{NOTHING_DEPLOYED}: changed outside the stack: {}",
            ids.join(", ")
        ))
        .hint(hint)
    }
}

/// Detects drift in the existing stacks, shows it, and decides whether the deploy continues
/// and whether it reverts the drift.
///
/// # Errors
///
/// If the choice is `stop`, if the choice is `continue` after a rollback whose alias CodeDeploy moves,
/// if there is drift and neither a choice nor a terminal, if the detection fails without `--on-drift continue`, or if a revert would create an empty table in
/// place of a deleted one.
pub(crate) async fn decide_on_drift(
    context: &Context<'_>,
    existing: &ExistingStacks,
) -> anyhow::Result<(Drifted, DriftBefore)> {
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
                is_unknown: true,
                stacks: BTreeMap::new(),
                baseline,
            };
            return Ok((Drifted::Stays, before));
        }
        Err(error) => {
            return Err(Failure::new(format!("{NOTHING_DEPLOYED}: {error:#}"))
                .hint("to deploy without drift detection, pass --on-drift continue")
                .into());
        }
    };
    let before = DriftBefore {
        is_unknown: false,
        stacks,
        baseline,
    };
    if before.resources().next().is_none() {
        return Ok((Drifted::Stays, before));
    }
    let choice = match options.on_drift {
        Some(choice) => choice,
        None if options.can_ask() => choose_on_drift().await?,
        None => OnDrift::Stop,
    };
    let replaced = before
        .deleted_table()
        .filter(|_| choice == OnDrift::Revert && !options.allow_table_replacement);
    if let Some(table) = replaced {
        return Err(Failure::new(format!(
            "{NOTHING_DEPLOYED}: {} was deleted, and the revert would create an empty table in its place",
            table.physical_id
        ))
        .hint(format!(
            "{AFTER_A_DELETED_TABLE}; to accept the loss of its data, pass --allow-table-replacement"
        ))
        .into());
    }
    match choice {
        OnDrift::Stop if options.can_ask() => Err(declined("the answer was to stop").into()),
        OnDrift::Stop => Err(before.stopped().into()),
        OnDrift::Continue if before.has_moved_traffic(context.environment()) => {
            Err(Failure::new(format!(
                "{NOTHING_DEPLOYED}: the API was rolled back, and CodeDeploy moves only an alias that serves the stack's version"
            ))
            .hint(AFTER_A_ROLLBACK)
            .into())
        }
        OnDrift::Continue => Ok((Drifted::Stays, before)),
        OnDrift::Revert => Ok((Drifted::IsReverted, before)),
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

/// Reads the baseline of the last deployment. If that fails, every difference counts as
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

/// Detects drift, subtracts the baseline and shows both.
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
                "{stack}: changed outside the stack ({}):",
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

/// The planned changes. A stack without changes has no change set. The execution takes the
/// change sets out of the plan; those that remain can be discarded.
pub(crate) struct Plan {
    pub(crate) bucket: Option<ChangeSet>,
    pub(crate) service: Option<ChangeSet>,
    /// The permissions and safeguards that the service's template changes.
    pub(crate) security: Security,
    pub(crate) drifted: Drifted,
    /// The rollbacks to revert. After the execution, their aliases serve the stack's version again.
    pub(crate) traffic_to_restore: Vec<Rollback>,
    pub(crate) before: DriftBefore,
    pub(crate) phase: Phase,
}

/// The changes of a template that are relevant to security.
#[derive(Debug, Default)]
pub(crate) struct Security {
    pub(crate) grants: GrantChanges,
    /// The alarms and rollout gates that become weaker.
    pub(crate) weakened: Vec<Weakening>,
}

impl Security {
    /// Compares the permissions and safeguards of the rendered template with those of the
    /// deployed one.
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

    /// Shows the weaker safeguards, then the permissions.
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

/// Brings the stacks to a status in which change sets can be created, decides on drift,
/// creates the change sets with this name, and shows them.
///
/// # Errors
///
/// If a stack cannot be deployed, if drift stops the deploy, if a table would be lost
/// without consent, if an alarm would roll the deploy back, or if a change set cannot be
/// created. The caller discards the change sets of this name.
pub(crate) async fn make(
    context: &Context<'_>,
    targets: &Targets,
    name: &str,
    phase: Phase,
) -> Result<Plan, Stop> {
    let allowed = context.options.allowed();
    let bucket = admit(context, &targets.bucket.stack, allowed, phase).await?;
    let service = admit(context, &targets.service.stack, allowed, bucket.phase).await?;
    let phase = service.phase;
    let (bucket_operation, service_operation) = (bucket.operation, service.operation);
    let existing = ExistingStacks {
        bucket: bucket.stack,
        service: service.stack,
    };
    let planned = async {
        let client = context.cloudformation();
        let (drifted, before) = decide_on_drift(context, &existing).await?;
        let create =
            |target, operation| change_set::create(&client, target, operation, drifted, name);
        // Both calls run to their end. If one fails, the change set of the other one can then be
        // discarded.
        let (bucket, service) = tokio::join!(
            create(&targets.bucket, bucket_operation),
            create(&targets.service, service_operation),
        );
        let (bucket, service) = (bucket?, service?);
        let security = match &service {
            Some(_) => Security::compare(&client, &targets.service).await?,
            None => Security::default(),
        };
        let rollbacks = before
            .rollbacks()
            .filter(|_| drifted == Drifted::IsReverted);
        let plan = Plan {
            bucket,
            service,
            security,
            drifted,
            traffic_to_restore: rollbacks.cloned().collect(),
            before,
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

    /// Returns true if other versions may serve after the execution.
    pub(crate) fn changes_traffic(&self) -> bool {
        self.service.is_some() || !self.traffic_to_restore.is_empty()
    }

    /// Returns the change sets in the order of their execution.
    pub(crate) fn change_sets(&self) -> impl Iterator<Item = &ChangeSet> {
        [&self.bucket, &self.service].into_iter().flatten()
    }

    /// Shows the changes of resources and permissions, and refuses changes that a
    /// confirmation does not cover.
    pub(crate) async fn show_and_check(&self, context: &Context<'_>) -> anyhow::Result<()> {
        let report = context.report;
        let bucket = names::artifacts_stack(context.environment());
        show(&bucket, self.bucket.as_ref(), report)?;
        let service = names::stack(context.environment());
        show(&service, self.service.as_ref(), report)?;
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

    /// Refuses to lose a table. The confirmation of a long list of changes is not consent to lose data.
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

    /// Prints the summary, directly above the question.
    pub(crate) fn summarize(&self, boundary: Option<&Change>, commit: Option<&Commit>) {
        let planned = self.change_sets().flat_map(|planned| &planned.changes);
        output::progress(Summary {
            changes: boundary.into_iter().chain(planned).collect(),
            security: &self.security,
            restored: self.traffic_to_restore.len(),
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

/// Shows the changes of one stack.
pub(crate) fn show(
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

/// Discards the change sets of this name. A failure is a warning.
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

/// Discards the change sets of this name if planning or the confirmation failed.
pub(crate) async fn or_discard<T>(
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

/// Refuses the deploy, or warns, if an alarm that would roll the deploy back is in alarm.
async fn check_alarms(context: &Context<'_>) -> anyhow::Result<()> {
    if context.environment().settings().traffic_shifting == TrafficShifting::None {
        return Ok(());
    }
    let names = names::rollout_alarms(context.environment());
    let alarms = match alarms::read_named(&context.aws, names.into()).await {
        Ok(alarms) => alarms.into_iter().filter(Alarm::is_in_alarm),
        // CodeDeploy reads the alarms again, and fails if it cannot.
        Err(failure) => return context.report.warn(&failure.to_string()),
    };
    let alarms: Vec<String> = alarms.map(|alarm| alarm.name).collect();
    match judge_alarms(&alarms, context.settings.rollout_alarms)? {
        Some(warning) => context.report.warn(&warning),
        None => Ok(()),
    }
}

/// Returns a warning if alarms are in alarm and ignored.
fn judge_alarms(alarms: &[String], treatment: RolloutAlarms) -> Result<Option<String>, Failure> {
    if alarms.is_empty() {
        return Ok(None);
    }
    let alarms = alarms.join(", ");
    if treatment == RolloutAlarms::Ignore {
        return Ok(Some(format!("these alarms are ignored: {alarms}")));
    }
    Err(Failure::new(format!(
        "{NOTHING_DEPLOYED}: CodeDeploy would roll the deploy back, because these alarms are in alarm: {alarms}"
    ))
    .hint("see docs/runbook.md; if this deploy is the fix, pass --ignore-alarms"))
}

/// Maximum number of resources that the summary names for one kind of change.
const NAMED: usize = 4;

/// The summary of a plan in one line. The list of changes may be longer than the screen.
pub(crate) struct Summary<'a> {
    pub(crate) changes: Vec<&'a Change>,
    pub(crate) security: &'a Security,
    /// Number of aliases that will serve the stack's version again.
    pub(crate) restored: usize,
    pub(crate) commit: Option<&'a Commit>,
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The most harmful kind comes first.
        let mut kinds: BTreeMap<&Action, Vec<&str>> = BTreeMap::new();
        for change in &self.changes {
            let ids = kinds.entry(&change.action).or_default();
            ids.push(&change.logical_id);
        }
        let kinds: Vec<String> = kinds.iter().map(|(kind, ids)| named(kind, ids)).collect();
        if kinds.is_empty() {
            write!(f, "summary: no resource changes")?;
        } else {
            write!(f, "summary: {}", kinds.join(", "))?;
        }
        let GrantChanges { added, removed } = &self.security.grants;
        let allows = |grant: &&Grant| grant.effect != "Deny";
        // The removal of a `Deny` widens the permissions.
        let widened = added.iter().filter(allows).count()
            + removed.iter().filter(|grant| !allows(grant)).count();
        let narrowed = added.len() + removed.len() - widened;
        write!(f, "; permissions: {widened} widened, {narrowed} narrowed")?;
        let weakened = self.security.weakened.len();
        if weakened > 0 {
            write!(f, "; weaker alarms or rollout gates: {weakened}")?;
        }
        if self.restored > 0 {
            write!(f, "; aliases to move back: {}", self.restored)?;
        }
        match self.commit {
            Some(commit) => write!(f, "; commit {commit}"),
            None => Ok(()),
        }
    }
}

/// Describes the changes of one kind: their number and, unless the kind is harmless, the names of the
/// first resources.
fn named(kind: &Action, ids: &[&str]) -> String {
    let count = ids.len();
    if matches!(kind, Action::Modify | Action::Add) {
        return format!("{count} {kind}");
    }
    let shown = ids
        .iter()
        .copied()
        .take(NAMED)
        .collect::<Vec<_>>()
        .join(", ");
    match count.checked_sub(NAMED) {
        None | Some(0) => format!("{count} {kind} ({shown})"),
        Some(more) => format!("{count} {kind} ({shown} and {more} more)"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn change(action: Action, id: &str) -> Change {
        Change {
            action,
            ..Change::added("AWS::SQS::Queue", id)
        }
    }

    fn grant(effect: &str) -> Grant {
        Grant {
            logical_id: "ApiRole".to_owned(),
            effect: effect.to_owned(),
            action: "s3:GetObject".to_owned(),
            resource: "*".to_owned(),
            principal: String::new(),
            condition: String::new(),
        }
    }

    fn summary(changes: &[Change]) -> String {
        Summary {
            changes: changes.iter().collect(),
            security: &Security::default(),
            restored: 0,
            commit: None,
        }
        .to_string()
    }

    #[test]
    fn replacements_and_removals_are_named_first_and_the_rest_is_counted() {
        let mut changes = vec![
            change(Action::Add, "A"),
            change(Action::Add, "B"),
            change(Action::Modify, "C"),
            change(Action::Replace, "Table"),
        ];
        changes.extend(["Q1", "Q2", "Q3", "Q4", "Q5"].map(|id| change(Action::Remove, id)));
        let weakening = Weakening {
            logical_id: "ApiErrorsAlarm".to_owned(),
            change: "threshold 1 -> 2".to_owned(),
        };
        let security = Security {
            grants: GrantChanges {
                added: vec![grant("Allow"), grant("Deny")],
                removed: vec![grant("Deny"), grant("Allow"), grant("Allow")],
            },
            weakened: vec![weakening.clone(), weakening],
        };
        let commit = Commit {
            id: "0a1b2c3d4e".to_owned(),
            dirty: true,
            subject: None,
        };
        let summary = Summary {
            changes: changes.iter().collect(),
            security: &security,
            restored: 1,
            commit: Some(&commit),
        };
        assert_eq!(
            summary.to_string(),
            "summary: 5 REMOVE (Q1, Q2, Q3, Q4 and 1 more), 1 REPLACE (Table), 1 modify, 2 add; \
             permissions: 2 widened, 3 narrowed; weaker alarms or rollout gates: 2; \
             aliases to move back: 1; commit 0a1b2c3d4e, with uncommitted changes"
        );
    }

    #[test]
    fn a_plan_without_resource_changes_says_so() {
        assert_eq!(
            summary(&[]),
            "summary: no resource changes; permissions: 0 widened, 0 narrowed"
        );
    }

    proptest! {
        #[test]
        fn every_change_is_in_the_summary(
            actions in prop::collection::vec(
                prop::sample::select(vec![
                    Action::Remove, Action::Replace, Action::MayReplace, Action::Retain,
                    Action::Import, Action::Modify, Action::Add, Action::Other("new".to_owned()),
                ]),
                0..20,
            )
        ) {
            let changes: Vec<Change> = actions
                .into_iter()
                .enumerate()
                .map(|(number, action)| change(action, &format!("R{number}")))
                .collect();
            let text = summary(&changes);
            prop_assert_eq!(text.lines().count(), 1);
            let (resources, _) = text.split_once(';').unwrap_or_default();
            let counted: usize = resources
                .trim_start_matches("summary: ")
                .split([',', '('])
                .filter_map(|part| part.trim().split(' ').next()?.parse::<usize>().ok())
                .sum();
            prop_assert_eq!(counted, changes.len());
        }
    }

    #[test]
    fn an_alarm_in_alarm_stops_a_deploy_unless_alarms_are_ignored() {
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
