//! Carries out a plan that the operator agreed to, and records how that ended.

use std::time::Duration;

use aws_sdk_cloudformation::Client;
use contract::Function;
use infra::{Environment, Settings, names};
use xtask::build::Artifact;
use xtask::failure::{self, Exit, Failure};
use xtask::output;

use super::after::Part;
use super::bucket::Bucket;
use super::change_set::ChangeSet;
use super::changes::Action;
use super::command_line::CommandLine;
use super::deployments::{self, About, Deployment, RecordedOutcome};
use super::drift_after::{self, Touched};
use super::outcome::Outcome;
use super::plan::Plan;
use super::verify::WayBack;
use super::{artifacts, plan, verify};
use crate::aws::Aws;
use crate::identity::Identity;
use crate::interrupt::Interrupt;
use crate::provenance::Provenance;
use crate::report::Report;
use crate::stack::Outputs;
use crate::stack::events::{EventLog, ResourceEvent};
use crate::stack::next_step::Operation;
use crate::stack::traffic::Traffic;
use crate::stack::{self, follow, live_version};

/// Carries out one plan.
pub(super) struct Rollout<'a> {
    pub(super) aws: &'a Aws,
    pub(super) identity: &'a Identity,
    pub(super) provenance: Provenance,
    pub(super) settings: &'a Settings,
    pub(super) zips: &'a [Artifact],
    /// Whether this program is kept in the bucket, for the rollback workflow. A build from
    /// a checkout is not: it needs that machine's C library, and it is large.
    pub(super) keep_command_line: bool,
    /// How long the smoke test may go on failing.
    pub(super) smoke_test_timeout: Duration,
    pub(super) rollback_on_failed_smoke_test: bool,
    pub(super) report: &'a Report,
}

/// A deployment that has begun.
struct Begun {
    /// Absent if no stack changes.
    deployment: Option<Deployment>,
    /// The API's version before.
    serving: Option<u64>,
    touched: Touched,
    /// The command line that the bucket has to keep.
    command_line: Option<CommandLine>,
}

/// The reason for which a rollout ended before its last step.
enum Stop {
    Failed(anyhow::Error),
    Interrupted(Failure),
}

impl Stop {
    fn outcome(&self) -> RecordedOutcome {
        match self {
            Stop::Interrupted(_) => RecordedOutcome::Interrupted,
            Stop::Failed(error) if failure::exit_of(error) == Exit::RolledBack => {
                RecordedOutcome::RolledBack
            }
            Stop::Failed(_) => RecordedOutcome::Failed,
        }
    }
}

impl From<Stop> for anyhow::Error {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Failed(error) => error,
            Stop::Interrupted(failure) => failure.into(),
        }
    }
}

/// Runs a step unless an interruption ends it.
async fn step<T>(
    interrupt: &Interrupt,
    interrupted: impl FnOnce() -> Failure,
    work: impl Future<Output = anyhow::Result<T>>,
) -> Result<T, Stop> {
    match interrupt.or(Box::pin(work)).await {
        Some(done) => done.map_err(Stop::Failed),
        None => Err(Stop::Interrupted(interrupted())),
    }
}

impl Rollout<'_> {
    pub(super) async fn carry_out(
        &self,
        plan: &Plan,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Outcome> {
        if plan.is_empty() {
            return Ok(step(interrupt, plan::interrupted, self.change_nothing()).await?);
        }
        let environment = self.settings.environment;
        let bucket = Bucket::of(self.aws, self.identity, environment);
        let begun = step(interrupt, plan::interrupted, self.begin(plan, &bucket));
        let mut begun = begun.await?;
        let ended = self.steps(plan, &bucket, &mut begun, interrupt).await;
        let closed = match begun.deployment {
            Some(deployment) => {
                let outcome = ended
                    .as_ref()
                    .map_or_else(Stop::outcome, |_| RecordedOutcome::Deployed);
                deployment.close(outcome, &bucket, self.report).await
            }
            None => Ok(()),
        };
        let outputs = ended?;
        let tidied = match closed {
            Ok(()) if plan.changes_traffic() => {
                deployments::prune(self.aws, &bucket, environment, self.report).await
            }
            closed => closed,
        };
        tidied.map_err(|error| Part::Record.failure(environment, &error))?;
        Ok(Outcome::Deployed { outputs })
    }

    /// Runs a step after the change sets were executed: whatever goes wrong from then on,
    /// the environment is deployed, and a part of the deploy is missing.
    async fn after<T>(
        &self,
        part: Part,
        interrupt: &Interrupt,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> Result<T, Stop> {
        let environment = self.settings.environment;
        match interrupt.or(Box::pin(work)).await {
            Some(Ok(done)) => Ok(done),
            Some(Err(error)) => Err(Stop::Failed(part.failure(environment, &error).into())),
            None => {
                let interrupted = anyhow::anyhow!("interrupted");
                Err(Stop::Interrupted(part.failure(environment, &interrupted)))
            }
        }
    }

    /// Tests what is deployed where nothing changes. The deploy before may have ended
    /// before its smoke test did, or because of it: that must not look like a success.
    async fn change_nothing(&self) -> anyhow::Result<Outcome> {
        let client = self.aws.cloudformation();
        let environment = self.settings.environment;
        let name = names::stack(environment);
        self.protect(&client, &name).await?;
        let outputs = stack::existing_with_retries(&client, &name, self.report).await?;
        let outputs = outputs.outputs;
        let timeout = self.smoke_test_timeout;
        verify::still_answers(self.aws, environment, &outputs, timeout, self.report).await?;
        Ok(Outcome::Unchanged { outputs })
    }

    /// Creates or changes the bucket's stack and records the deployment there.
    async fn begin(&self, plan: &Plan, bucket: &Bucket<'_>) -> anyhow::Result<Begun> {
        let client = self.aws.cloudformation();
        let mut begun = Begun {
            deployment: None,
            serving: self.serving().await,
            touched: Touched::default(),
            command_line: if self.keep_command_line && plan.service.is_some() {
                CommandLine::read()?
            } else {
                None
            },
        };
        if let Some(change_set) = &plan.bucket {
            let events = execute(&client, change_set, None, self.report).await?;
            begun.touched.add(change_set, &events);
        }
        // Both have the same name.
        if let Some(change_set) = plan.change_sets().next() {
            let about = About {
                environment: self.settings.environment,
                change_set: &change_set.name,
                provenance: &self.provenance,
                artifacts: artifacts::keys(self.zips),
                command_line: begun.command_line.as_ref().map(CommandLine::pinned),
            };
            begun.deployment = Some(Deployment::record(bucket, about).await?);
        }
        Ok(begun)
    }

    async fn steps(
        &self,
        plan: &Plan,
        bucket: &Bucket<'_>,
        begun: &mut Begun,
        interrupt: &Interrupt,
    ) -> Result<Outputs, Stop> {
        let execute = self.execute(plan, bucket, begun);
        step(interrupt, plan::interrupted, execute).await?;
        let settle = self.settle(plan, begun);
        let outputs = self.after(Part::SmokeTest, interrupt, settle).await?;
        let verify = self.verify(plan, &outputs, begun.serving);
        let verified = match self.after(Part::SmokeTest, interrupt, verify).await {
            Ok(None) => Ok(()),
            Ok(Some(failure)) => Err(Stop::Failed(failure.into())),
            Err(stop @ Stop::Interrupted(_)) => return Err(stop),
            Err(stop) => Err(stop),
        };
        // Also after a failed smoke test: what AWS itself makes different must not
        // stop the deploy of the fix.
        let compare = self.compare(plan, bucket, begun, verified.is_err());
        let compared = self.after(Part::Baseline, interrupt, compare).await;
        verified?;
        match compared? {
            None => Ok(outputs),
            Some(not_reverted) => Err(Stop::Failed(not_reverted.into())),
        }
    }

    /// Changes the service's stack.
    async fn execute(
        &self,
        plan: &Plan,
        bucket: &Bucket<'_>,
        begun: &mut Begun,
    ) -> anyhow::Result<()> {
        let client = self.aws.cloudformation();
        match &plan.service {
            Some(change_set) => {
                let command_line = begun.command_line.take();
                let events = self.service(&client, bucket, change_set, command_line);
                let events = events.await?;
                begun.touched.add(change_set, &events);
            }
            None if plan.bucket.is_some() => {
                artifacts::upload(bucket, self.zips, self.report).await?;
            }
            None => {}
        }
        Ok(())
    }

    /// Brings the rest to where the template has no say: traffic that a rollback moved,
    /// and termination protection. Returns the stack's outputs.
    async fn settle(&self, plan: &Plan, begun: &mut Begun) -> anyhow::Result<Outputs> {
        let client = self.aws.cloudformation();
        let environment = self.settings.environment;
        let name = names::stack(environment);
        self.restore_traffic(plan).await?;
        self.protect(&client, &name).await?;
        let stack = stack::existing_with_retries(&client, &name, self.report).await?;
        if let Some(deployment) = &mut begun.deployment {
            match live_version::published(self.aws, &stack, environment).await {
                Ok(versions) => deployment.record.versions = versions,
                Err(error) => self.report.warn(&format!(
                    "the record of this deployment names no versions: {error:#}"
                ))?,
            }
        }
        Ok(stack.outputs)
    }

    /// Returns the failure of a smoke test that did not pass.
    async fn verify(
        &self,
        plan: &Plan,
        outputs: &Outputs,
        serving: Option<u64>,
    ) -> anyhow::Result<Option<Failure>> {
        let environment = self.settings.environment;
        if let Some(change_set) = &plan.service {
            warn_of_adopted(change_set, environment, self.report)?;
        }
        if !plan.changes_traffic() {
            return Ok(None);
        }
        let way_back = WayBack {
            before: serving,
            unasked: self.rollback_on_failed_smoke_test,
        };
        let timeout = self.smoke_test_timeout;
        verify::verify(
            self.aws,
            self.settings,
            outputs,
            timeout,
            way_back,
            self.report,
        )
        .await
    }

    /// Detects drift after the deployment and records the baseline. Returns the failure of
    /// a difference that was to be reverted and is still there.
    async fn compare(
        &self,
        plan: &Plan,
        bucket: &Bucket<'_>,
        begun: &mut Begun,
        rolled_back: bool,
    ) -> anyhow::Result<Option<Failure>> {
        let environment = self.settings.environment;
        let touched = &begun.touched;
        let compared = drift_after::compare(
            self.aws,
            environment,
            bucket,
            plan,
            touched,
            rolled_back,
            self.report,
        )
        .await?;
        if let Some(deployment) = &mut begun.deployment {
            deployment.record.baseline = compared.baseline;
        }
        Ok(compared.not_reverted)
    }

    /// The API's version that serves before anything changes: the one to go back
    /// to, which is not always the one with the number before.
    async fn serving(&self) -> Option<u64> {
        let function = names::function(Function::Api, self.settings.environment);
        let live = live_version::live(self.aws, &function).await.ok()??;
        live.parse().ok()
    }

    /// Uploads the zips and executes the change set of the service's stack.
    async fn service(
        &self,
        client: &Client,
        bucket: &Bucket<'_>,
        change_set: &ChangeSet,
        command_line: Option<CommandLine>,
    ) -> anyhow::Result<Vec<ResourceEvent>> {
        let environment = self.settings.environment;
        artifacts::upload(bucket, self.zips, self.report).await?;
        if let Some(command_line) = command_line {
            command_line.upload(bucket).await?;
        }
        deployments::look_for_the_deployed_zips(self.aws, bucket, environment, self.report).await?;
        if change_set.operation == Operation::Update {
            self.protect(client, &change_set.stack).await?;
        }
        let traffic = Traffic::before_deploying(self.aws, self.settings).await;
        execute(client, change_set, traffic, self.report).await
    }

    async fn protect(&self, client: &Client, name: &str) -> anyhow::Result<()> {
        let stack = stack::existing_with_retries(client, name, self.report).await?;
        stack::protect(client, &stack, self.settings.protection, self.report).await
    }

    /// Moves aliases back to the stack's version where the change set has not moved
    /// them.
    async fn restore_traffic(&self, plan: &Plan) -> anyhow::Result<()> {
        for rollback in &plan.traffic_to_restore {
            if live_version::restore_traffic(self.aws, rollback).await? {
                output::progress(format_args!(
                    "{}: version {} serves again",
                    rollback.function, rollback.deployed
                ));
            }
        }
        Ok(())
    }
}

/// Executes a change set and follows it to its end. Returns the events.
pub(super) async fn execute(
    client: &Client,
    change_set: &ChangeSet,
    traffic: Option<Traffic<'_>>,
    report: &Report,
) -> anyhow::Result<Vec<ResourceEvent>> {
    let stack = stack::existing(client, &change_set.stack_id).await?;
    let log = EventLog::from_now(client, &stack, report).await?;
    output::progress(format_args!("deploying {}", change_set.stack));
    change_set.execute(client).await?;
    let name = &change_set.stack;
    let Some(mut traffic) = traffic else {
        let ended = follow::to_the_end(client, log, name, report).await?;
        stack::outcome::judge(&ended)?;
        return Ok(ended.events);
    };
    let ended = follow::with_traffic(client, log, name, &mut traffic, report).await?;
    let rollout = stack::outcome::Rollout {
        refused: traffic.refused_by_its_check(&ended.events, report).await?,
        alarms_up: traffic.alarms_that_were_up(),
    };
    stack::outcome::judge_rollout(&ended, &rollout)?;
    Ok(ended.events)
}

/// An import takes a resource in as it is: what the template says of it only
/// holds once something brings it there.
fn warn_of_adopted(
    change_set: &ChangeSet,
    environment: Environment,
    report: &Report,
) -> anyhow::Result<()> {
    let adopted: Vec<&str> = change_set
        .changes
        .iter()
        .filter(|change| change.action == Action::Import)
        .map(|change| &*change.logical_id)
        .collect();
    if adopted.is_empty() {
        return Ok(());
    }
    report.warn(&format!(
        "adopted as it was, with what it holds: {}; `cargo xtask drift --env {environment}` shows where it is not as the template says, `cargo xtask deploy --env {environment} --on-drift revert` brings it there",
        adopted.join(", ")
    ))
}
