//! The execution of change sets, and the steps of a deploy around it: the record, the
//! uploads, termination protection, restored traffic and the baseline.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use anyhow::Context as _;
use contract::Function;
use infra::environment::Protection;
use infra::{Sha256Digest, names};
use xtask::build::Artifact;
use xtask::failure::{self, Exit, Failure};
use xtask::output;

use super::change_set::{ChangeSet, DriftTreatment};
use super::changes::Action;
use super::context::{Context, Phase, Stop};
use super::drift_decision::ExistingStacks;
use super::events::{ArtifactEvent, BaselineEvent, NotInBaselineEvent};
use super::plan::{self, Plan};
use crate::alias;
use crate::artifact_bucket::Bucket;
use crate::aws_error::explain;
use crate::deployment_records::{self, Deployment, PinnedCommandLine, Record, RecordedOutcome};
use crate::provenance::Provenance;
use crate::report::Report;
use crate::stack::admission::Operation;
use crate::stack::baseline::{self, Effect, KnownDifference, Verdict};
use crate::stack::events::{EventLog, ResourceEvent};
use crate::stack::outcome::{self, RolloutObservations};
use crate::stack::traffic::Traffic;
use crate::stack::{self, Outputs, Stack, follow, live_version};

/// A change set that was executed, and the events of its execution.
pub(crate) struct Executed {
    change_set: ChangeSet,
    events: Vec<ResourceEvent>,
}

/// Executes a change set and follows the operation to its end. `pending` keeps the change set only if
/// CloudFormation has certainly not begun to execute it.
pub(crate) async fn execute(
    context: &Context<'_>,
    pending: &mut Option<ChangeSet>,
    mut traffic: Option<Traffic<'_>>,
) -> anyhow::Result<Option<Executed>> {
    let (client, report) = (context.cloudformation(), context.report);
    let Some(planned) = pending else {
        return Ok(None);
    };
    let stack = stack::existing(&client, &planned.stack_id, report).await?;
    let log = EventLog::from_now(&client, &stack, report).await?;
    output::progress(format_args!("deploying {}", planned.stack));
    let Some(change_set) = pending.take() else {
        return Ok(None);
    };
    let name = &change_set.stack;
    let answer = client
        .execute_change_set()
        // A failed execution must be rolled back, whatever the default of the API is.
        .disable_rollback(false)
        .change_set_name(&change_set.id)
        .client_request_token(&change_set.name)
        .send()
        .await;
    if let Err(error) = answer {
        let failure = explain(format_args!("deploy {name}"), &error);
        // After an error response, CloudFormation has not begun. Without a response, it may have.
        if error.as_service_error().is_some() {
            *pending = Some(change_set);
        }
        return Err(failure.into());
    }
    let ended = follow::to_the_end(&client, log, traffic.as_mut(), report).await?;
    let observed = match &traffic {
        None => RolloutObservations::default(),
        Some(traffic) => RolloutObservations {
            deployment_stopped_by_check: traffic
                .find_deployment_stopped_by_check(&ended.events, report)
                .await?,
            raised_alarms: traffic.raised_alarms(),
        },
    };
    outcome::judge(&ended, &observed)?;
    Ok(Some(Executed {
        change_set,
        events: ended.events,
    }))
}

/// Executes the change set of a stack without traffic. Discards the change set if CloudFormation does
/// not begin to execute it.
pub(crate) async fn execute_or_discard(
    context: &Context<'_>,
    change_set: ChangeSet,
) -> anyhow::Result<()> {
    let mut pending = Some(change_set);
    let executed = context.run(Phase::Changing, execute(context, &mut pending, None));
    let executed = executed.await;
    if let (Err(_), Some(unexecuted)) = (&executed, &pending) {
        plan::discard(context, [&*unexecuted.stack], &unexecuted.name).await?;
    }
    executed?;
    Ok(())
}

/// Turns termination protection on if `protection` requires it. Returns the stack.
pub(crate) async fn protect(
    context: &Context<'_>,
    name: &str,
    protection: Protection,
) -> anyhow::Result<Stack> {
    let (client, report) = (context.cloudformation(), context.report);
    let stack = stack::existing(&client, name, report).await?;
    stack::protect(&client, &stack, protection, report).await?;
    Ok(stack)
}

/// Logical ids of the resources that a deployment changed or imported.
#[derive(Default)]
struct TouchedResources {
    changed: BTreeSet<String>,
    imported: BTreeSet<String>,
}

/// A deploy whose change sets are being executed.
pub(super) struct Rollout {
    /// The record of this deployment until it is written: the artifact bucket may not exist yet.
    unwritten_record: Option<Record>,
    /// The deployment whose record was written; absent if no stack changes.
    deployment: Option<Deployment>,
    /// The API's version that served before; `None` before the first deploy, and if the version could not
    /// be read. A rollback returns to this version, which is not always the next lower number.
    pub(super) previous_version: Option<u64>,
    executed: Vec<Executed>,
    /// The command-line binary to store in the bucket: this program.
    command_line: Option<CommandLine>,
}

impl Rollout {
    /// Records that the deployment begins. If the artifact bucket does not exist yet,
    /// [`Rollout::change_bucket`] writes the record.
    pub(super) async fn begin(
        context: &Context<'_>,
        plan: &Plan,
        zips: &[Artifact],
        stores_command_line: bool,
    ) -> anyhow::Result<Self> {
        // Both change sets have the same name.
        let name = plan
            .change_sets()
            .next()
            .map(|planned| planned.name.clone());
        let command_line = if stores_command_line && plan.service.is_some() {
            CommandLine::read()?
        } else {
            None
        };
        let key = |zip: &Artifact| names::artifact_key(zip.function, &zip.sha256);
        let record = name.map(|change_set| Record {
            environment: context.environment().name().to_owned(),
            change_set,
            provenance: Provenance::new(context.commit.clone(), &context.identity),
            artifacts: zips.iter().map(key).collect(),
            command_line: command_line.as_ref().map(CommandLine::pinned),
            ..Record::default()
        });
        let mut rollout = Rollout {
            unwritten_record: record,
            deployment: None,
            previous_version: read_live_version(context).await,
            executed: Vec::new(),
            command_line,
        };
        if !plan.bucket.as_ref().is_some_and(ChangeSet::creates) {
            rollout.write_record(context).await?;
        }
        Ok(rollout)
    }

    async fn write_record(&mut self, context: &Context<'_>) -> anyhow::Result<()> {
        if let Some(record) = self.unwritten_record.take() {
            self.deployment = Some(Deployment::begin(&context.bucket(), record).await?);
        }
        Ok(())
    }

    /// Changes the artifact bucket's stack, and writes the record if that was impossible before.
    pub(super) async fn change_bucket(
        &mut self,
        context: &Context<'_>,
        plan: &mut Plan,
    ) -> anyhow::Result<()> {
        let executed = execute(context, &mut plan.bucket, None).await?;
        self.executed.extend(executed);
        self.write_record(context).await
    }

    /// Uploads the zips and changes the service's stack.
    pub(super) async fn change_service(
        &mut self,
        context: &Context<'_>,
        plan: &mut Plan,
        zips: &[Artifact],
    ) -> anyhow::Result<()> {
        let bucket = context.bucket();
        let Some(planned) = &plan.service else {
            if !self.executed.is_empty() {
                upload_zips(&bucket, zips, context.report).await?;
            }
            return Ok(());
        };
        upload_zips(&bucket, zips, context.report).await?;
        if let Some(command_line) = self.command_line.take() {
            command_line.upload(&bucket).await?;
        }
        let (aws, environment) = (&context.aws, context.environment());
        deployment_records::warn_of_missing_zips(aws, &bucket, environment, context.report).await?;
        if planned.operation == Operation::Update {
            protect(context, &planned.stack, context.settings.protection).await?;
        }
        let traffic = Traffic::before_deploying(aws, &context.settings).await;
        let executed = execute(context, &mut plan.service, traffic).await?;
        self.executed.extend(executed);
        Ok(())
    }

    /// Restores traffic that a rollback moved, turns termination protection on, and puts the published
    /// versions into the record. Returns the outputs of the service's stack.
    pub(super) async fn settle(
        &mut self,
        context: &Context<'_>,
        plan: &Plan,
    ) -> anyhow::Result<Outputs> {
        let environment = context.environment();
        for rollback in &plan.traffic_to_restore {
            if live_version::restore_traffic(&context.aws, rollback).await? {
                output::progress(format_args!(
                    "{}: version {} serves again",
                    rollback.function, rollback.deployed
                ));
            }
        }
        let name = names::stack(environment);
        let stack = protect(context, &name, context.settings.protection).await?;
        if let Some(deployment) = &mut self.deployment {
            match live_version::read_published_versions(&context.aws, &stack, environment).await {
                Ok(versions) => deployment.record.versions = versions,
                Err(error) => context.report.warn(&format!(
                    "the record of this deployment names no versions: {error:#}"
                ))?,
            }
        }
        self.warn_of_imports(context)?;
        Ok(stack.outputs)
    }

    /// Warns of imported resources, because an import does not apply the template's properties.
    fn warn_of_imports(&self, context: &Context<'_>) -> anyhow::Result<()> {
        let environment = context.environment();
        let service = names::stack(environment);
        let executed = self.executed.iter().map(|executed| &executed.change_set);
        let changes = executed
            .filter(|change_set| change_set.stack == service)
            .flat_map(|change_set| &change_set.changes);
        let imported = changes.filter(|change| change.action == Action::Import);
        let imported: Vec<&str> = imported.map(|change| &*change.logical_id).collect();
        if imported.is_empty() {
            return Ok(());
        }
        context.report.warn(&format!(
            "imported with their contents and their present properties: {}; `cargo xtask drift --env {environment}` lists the differences from the template, and `cargo xtask deploy --env {environment} --on-drift revert` reverts them",
            imported.join(", ")
        ))
    }

    /// Detects drift after the deployment, shows it and records the baseline. A failed detection is only a
    /// warning. With `may_be_rolled_back`, this deploy may have rolled an alias back, so rolled-back aliases do
    /// not count as differences. Returns a failure if the deploy left differences that it had to revert.
    pub(super) async fn record_baseline(
        &mut self,
        context: &Context<'_>,
        plan: &Plan,
        may_be_rolled_back: bool,
    ) -> anyhow::Result<Option<Failure>> {
        let name = names::stack(context.environment());
        output::progress(format_args!("{name}: detecting drift for the baseline"));
        let detected = async {
            let existing = ExistingStacks::read(context).await?;
            existing.detect_drift(context).await
        };
        let mut stacks = match detected.await {
            Ok(stacks) => stacks,
            Err(error) => {
                let warning = format!("{name} is deployed; no baseline was recorded: {error:#}");
                context.report.warn(&warning)?;
                return Ok(None);
            }
        };
        let mut verdict = Verdict::default();
        for (stack, after) in &mut stacks {
            for unchecked in &after.unchecked {
                let warning = format!("{stack} is deployed; not checked for drift: {unchecked}");
                context.report.warn(&warning)?;
            }
            if may_be_rolled_back {
                let resources = &mut after.resources;
                resources.retain(|resource| resource.rollback.is_none());
            }
            let touched = self.touched_resources(stack);
            let effect = Effect {
                stack,
                changed: &touched.changed,
                imported: &touched.imported,
                before: plan.drift_before.of_stack(stack),
                baseline: &plan.drift_before.baseline,
                reverts: plan.drift_treatment == DriftTreatment::Revert,
            };
            verdict.join(baseline::judge(&effect, after));
        }
        show_verdict(&verdict, context.report)?;
        let failure = not_reverted(&name, &verdict.not_reverted);
        if let Some(deployment) = &mut self.deployment {
            deployment.record.baseline = Some(verdict.baseline);
        }
        Ok(failure)
    }

    /// Finds the resources of a stack that this deployment touched. A resource counts as changed only if the
    /// change set lists it and an event of the execution reports its change as complete.
    fn touched_resources(&self, stack: &str) -> TouchedResources {
        let mut touched = TouchedResources::default();
        let mut executed = self.executed.iter();
        let Some(executed) = executed.find(|executed| executed.change_set.stack == stack) else {
            return touched;
        };
        let is_complete = |event: &&ResourceEvent| {
            matches!(event.status.as_str(), "CREATE_COMPLETE" | "UPDATE_COMPLETE")
        };
        let complete = executed.events.iter().filter(is_complete);
        let complete: BTreeSet<&String> = complete.map(|event| &event.logical_id).collect();
        for change in &executed.change_set.changes {
            let id = &change.logical_id;
            if change.action == Action::Import {
                touched.imported.insert(id.clone());
            } else if complete.contains(id) {
                touched.changed.insert(id.clone());
            }
        }
        touched
    }

    /// Records the outcome. After a success, `prunes` also removes old zips.
    pub(super) async fn record_outcome(
        self,
        context: &Context<'_>,
        result: Result<(), &Stop>,
        prunes: bool,
    ) -> anyhow::Result<()> {
        let (bucket, report) = (context.bucket(), context.report);
        if let Some(deployment) = self.deployment {
            let outcome = match result {
                Ok(()) => RecordedOutcome::Deployed,
                Err(Stop::Interrupted(_)) => RecordedOutcome::Interrupted,
                Err(Stop::Failed(error)) if failure::exit_of(error) == Exit::RolledBack => {
                    RecordedOutcome::RolledBack
                }
                Err(Stop::Failed(_)) => RecordedOutcome::Failed,
            };
            deployment.close(outcome, &bucket, report).await?;
        }
        if result.is_ok() && prunes {
            let environment = context.environment();
            deployment_records::prune(&context.aws, &bucket, environment, report).await?;
        }
        Ok(())
    }
}

async fn read_live_version(context: &Context<'_>) -> Option<u64> {
    let function = names::function(Function::Api, context.environment());
    let client = context.aws.lambda_configuration();
    let live = alias::find(&client, &function).await.ok()??;
    live.version.parse().ok()
}

/// Uploads the zips that the bucket does not have.
async fn upload_zips(
    bucket: &Bucket<'_>,
    zips: &[Artifact],
    report: &Report,
) -> anyhow::Result<()> {
    for zip in zips {
        let function = zip.function.name();
        let key = names::artifact_key(zip.function, &zip.sha256);
        // The content is compared, because an object can be overwritten under the same key.
        let uploaded = !bucket.has_content(&key, &zip.sha256).await?;
        if uploaded {
            let bytes = fs::read(&zip.path).map_err(|error| {
                Failure::new(format!("could not read {}: {error}", zip.path.display()))
            })?;
            // Another build in the same checkout may have replaced the file, and no later step
            // compares the digest.
            if Sha256Digest::of(&bytes) != zip.sha256 {
                return Err(Failure::new(format!(
                    "{} has changed since this deploy began",
                    zip.path.display()
                ))
                .hint("run no other build in this checkout, and deploy again")
                .into());
            }
            bucket.put(&key, "application/zip", bytes).await?;
            output::progress(format_args!("uploaded {function} ({} bytes)", zip.bytes));
        } else {
            output::progress(format_args!("{function} is in the bucket already"));
        }
        report.emit(&ArtifactEvent {
            function,
            bucket: &bucket.name,
            key: &key,
            uploaded,
        })?;
    }
    Ok(())
}

/// The binary of this program, which is stored in the artifact bucket for the rollback workflow.
struct CommandLine {
    digest: Sha256Digest,
    bytes: Vec<u8>,
}

impl CommandLine {
    /// Reads this program. Returns `None` on other systems than Linux, because the rollback workflow runs on
    /// Linux.
    fn read() -> anyhow::Result<Option<Self>> {
        if !cfg!(target_os = "linux") {
            return Ok(None);
        }
        // This path leads to the running program even if its file was replaced meanwhile.
        let bytes = fs::read("/proc/self/exe").context("reading this program")?;
        Ok(Some(CommandLine {
            digest: Sha256Digest::of(&bytes),
            bytes,
        }))
    }

    fn pinned(&self) -> PinnedCommandLine {
        PinnedCommandLine {
            key: names::command_line_key(&self.digest),
            sha256: self.digest.to_string(),
        }
    }

    /// Uploads the program unless the bucket has it.
    async fn upload(self, bucket: &Bucket<'_>) -> anyhow::Result<()> {
        let PinnedCommandLine { key, .. } = self.pinned();
        if bucket.has_content(&key, &self.digest).await? {
            output::progress("the command-line binary is in the bucket already");
            return Ok(());
        }
        let size = self.bytes.len();
        let content_type = "application/octet-stream";
        bucket.put(&key, content_type, self.bytes).await?;
        output::progress(format_args!(
            "uploaded the command-line binary ({size} bytes)"
        ));
        Ok(())
    }
}

fn show_verdict(verdict: &Verdict, report: &Report) -> anyhow::Result<()> {
    let Verdict {
        added,
        continued,
        changed_meanwhile,
        not_reverted,
        ..
    } = verdict;
    for (title, differences) in [
        (
            "recorded as the baseline: later deploys do not count these differences as drift",
            added,
        ),
        ("different from the template, as before", continued),
    ] {
        if !differences.is_empty() {
            output::progress(format_args!("{title} ({}):", differences.len()));
        }
        for difference in differences {
            output::progress(format_args!("  {difference}"));
        }
    }
    if !added.is_empty() {
        report.emit(&BaselineEvent { added })?;
    }
    let others = [continued, changed_meanwhile, not_reverted];
    if others.iter().any(|list| !list.is_empty()) {
        report.emit(&NotInBaselineEvent {
            continued,
            changed_meanwhile,
            not_reverted,
        })?;
    }
    if changed_meanwhile.is_empty() {
        return Ok(());
    }
    report.warn(&format!(
        "differences that arose during the deployment; the next deploy reports them as drift: {}",
        in_one_line(changed_meanwhile)
    ))
}

fn not_reverted(stack: &str, differences: &[KnownDifference]) -> Option<Failure> {
    if differences.is_empty() {
        return None;
    }
    let failure = Failure::new(format!(
        "{stack} is deployed, but these differences were not reverted: {}",
        in_one_line(differences)
    ));
    Some(failure.hint(
        "revert them by hand, or find their cause; to deploy with them, pass --on-drift continue",
    ))
}

fn in_one_line(differences: &[KnownDifference]) -> String {
    let mut text = String::new();
    for difference in differences {
        let separator = if text.is_empty() { "" } else { "; " };
        let _ = write!(text, "{separator}{difference}");
    }
    text
}
