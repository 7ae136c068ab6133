//! What happens after the yes: the stacks become what was agreed to, and what
//! belongs to them beside their templates is seen to.

use std::cell::Cell;
use std::time::Duration;

use aws_sdk_cloudformation::Client;
use contract::Function;
use infra::{Environment, Settings, names};
use xtask::build::Artifact;
use xtask::failure::{self, Exit, Failure};
use xtask::output;

use super::bucket::Bucket;
use super::change_set::ChangeSet;
use super::changes::Action;
use super::command_line::CommandLine;
use super::deployments::{self, About, Deployment};
use super::outcome::Outcome;
use super::plan::Plan;
use super::verify::WayBack;
use super::{artifacts, plan, verify};
use crate::aws::Aws;
use crate::identity::Identity;
use crate::provenance::Provenance;
use crate::report::Report;
use crate::stack::events::EventLog;
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
    /// Whether the new version serves.
    pub(super) deployed: Cell<bool>,
}

impl Rollout<'_> {
    pub(super) async fn carry_out(&self, plan: &Plan) -> anyhow::Result<Outcome> {
        let client = self.aws.cloudformation();
        let bucket = Bucket::of(self.aws, self.identity, self.settings.environment);
        let name = names::stack(self.settings.environment);
        let before = self.serving().await;
        if let Some(change_set) = &plan.bucket {
            execute(&client, change_set, None, self.report).await?;
        }
        match &plan.service {
            Some(change_set) => self.service(&client, &bucket, change_set).await?,
            None if plan.bucket.is_some() => {
                artifacts::upload(&bucket, self.zips, self.report).await?;
            }
            None => {}
        }
        self.restore_traffic(plan).await?;
        self.protect(&client, &name).await?;
        let outputs = stack::existing(&client, &name).await?.outputs;
        let environment = self.settings.environment;
        if plan.is_empty() {
            // The deploy before may have ended before its smoke test did, or
            // because of it: nothing to change must not pass for a success then.
            let timeout = self.smoke_test_timeout;
            verify::still_answers(self.aws, environment, &outputs, timeout, self.report).await?;
            return Ok(Outcome::Unchanged { outputs });
        }
        if let Some(change_set) = &plan.service {
            warn_of_adopted(change_set, environment, self.report)?;
        }
        if plan.service.is_some() || !plan.traffic_to_restore.is_empty() {
            let way_back = WayBack {
                before,
                unasked: self.rollback_on_failed_smoke_test,
            };
            let timeout = self.smoke_test_timeout;
            let verified = verify::verify(
                self.aws,
                self.settings,
                &outputs,
                timeout,
                way_back,
                self.report,
            );
            verified.await?;
            deployments::prune(self.aws, &bucket, environment, self.report).await?;
        }
        Ok(Outcome::Deployed { outputs })
    }

    /// The API's version that serves before anything changes: the one to go back
    /// to, which is not always the one with the number before.
    async fn serving(&self) -> Option<u64> {
        let function = names::function(Function::Api, self.settings.environment);
        let live = live_version::live(self.aws, &function).await.ok()??;
        live.parse().ok()
    }

    /// Why a plan was not carried out to its end.
    pub(super) fn interrupted(&self) -> Failure {
        let environment = self.settings.environment;
        if self.deployed.get() {
            return Failure::new(format!(
                "interrupted: {} is deployed, and its smoke test has not passed",
                names::stack(environment)
            ))
            .hint(format!(
                "`cargo xtask rollback --env {environment}` lets the version before serve again"
            ));
        }
        plan::interrupted()
    }

    /// Uploads the zips and makes the service's stack what its change set says.
    async fn service(
        &self,
        client: &Client,
        bucket: &Bucket<'_>,
        change_set: &ChangeSet,
    ) -> anyhow::Result<()> {
        let command_line = if self.keep_command_line {
            CommandLine::read()?
        } else {
            None
        };
        let about = About {
            environment: self.settings.environment,
            change_set: &change_set.name,
            provenance: &self.provenance,
            artifacts: artifacts::keys(self.zips),
            command_line: command_line.as_ref().map(CommandLine::pinned),
        };
        let deployment = Deployment::record(bucket, about).await?;
        let executed = self
            .upload_and_execute(client, bucket, change_set, command_line)
            .await;
        if let Err(error) = &executed
            && (failure::exit_of(error) == Exit::RolledBack || !change_set.was_executed())
        {
            deployment.forget(bucket, self.report).await?;
        }
        self.deployed.set(executed.is_ok());
        executed
    }

    async fn upload_and_execute(
        &self,
        client: &Client,
        bucket: &Bucket<'_>,
        change_set: &ChangeSet,
        command_line: Option<CommandLine>,
    ) -> anyhow::Result<()> {
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
        let stack = stack::existing(client, name).await?;
        stack::protect(client, &stack, self.settings.protection).await
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

/// Executes a change set and follows it to its end.
pub(super) async fn execute(
    client: &Client,
    change_set: &ChangeSet,
    traffic: Option<Traffic<'_>>,
    report: &Report,
) -> anyhow::Result<()> {
    let log = EventLog::from_now(client, &change_set.stack_id).await?;
    output::progress(format_args!("deploying {}", change_set.stack));
    change_set.execute(client).await?;
    let name = &change_set.stack;
    let Some(mut traffic) = traffic else {
        let (stack, events) = follow::to_the_end(client, log, name, report).await?;
        return stack::outcome::judge(&stack, &events);
    };
    let (stack, events) = follow::with_traffic(client, log, name, &mut traffic, report).await?;
    let rollout = stack::outcome::Rollout {
        refused: traffic.refused_by_its_check(&events, report).await?,
        alarms_up: traffic.alarms_that_were_up(),
    };
    stack::outcome::judge_rollout(&stack, &events, &rollout)
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
