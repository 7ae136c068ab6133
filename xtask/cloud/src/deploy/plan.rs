//! What a deploy would change: worked out, shown and agreed to.

use std::cell::Cell;

use anyhow::Context as _;
use aws_sdk_cloudformation::Client;
use cfn::resources::Tags;
use infra::{Environment, Sha256Digest, names};
use serde_json::Value;
use xtask::cloud::OnDrift;
use xtask::diff::{self, GrantChanges, Weakening};
use xtask::failure::{Exit, Failure};
use xtask::output;

use super::alarms;
use super::bucket::Bucket;
use super::change_set::{self, ChangeSet, Drifted};
use super::changes::Change;
use super::events::{ChangeSetEvent, GrantsEvent};
use super::on_drift::{self, Before, Decision, Existing};
use super::prepare::{self, Prepared};
use super::summary::Summary;
use crate::aws::Aws;
use crate::identity::Identity;
use crate::provenance::Commit;
use crate::report::Report;
use crate::stack::Stack;
use crate::stack::live_version::Rollback;
use crate::stack::next_step::{Allowed, Operation};
use crate::stack::template;

/// What has not happened when a deploy is declined.
pub(crate) const NOTHING_DEPLOYED: &str = "nothing was deployed";

/// What a stack is to become.
pub(crate) struct Target {
    pub(crate) stack: String,
    /// Minified JSON.
    pub(crate) template: String,
    /// The template's digest.
    pub(crate) template_sha256: Sha256Digest,
    pub(crate) tags: Tags,
    /// As whom CloudFormation makes it; as before, or as the caller, if none.
    pub(crate) role_arn: Option<String>,
}

/// The stacks of one deploy.
pub(crate) struct Targets {
    pub(crate) environment: Environment,
    /// The artifact bucket.
    pub(crate) bucket: Target,
    pub(crate) service: Target,
}

/// What is to be done; a stack without changes has no change set.
pub(crate) struct Plan {
    pub(crate) bucket: Option<ChangeSet>,
    pub(crate) service: Option<ChangeSet>,
    /// The permissions and safeguards that the service's template changes.
    pub(crate) security: Security,
    /// Whether the change sets also bring back what has drifted.
    pub(crate) drifted: Drifted,
    /// Aliases that serve the stack's version again after the change sets: a
    /// rollback has moved them away from it.
    pub(crate) traffic_to_restore: Vec<Rollback>,
    /// The drift that is known before the deploy.
    pub(crate) before: Before,
}

/// The changes of a template that decide about security.
#[derive(Debug, Default)]
pub(crate) struct Security {
    pub(crate) grants: GrantChanges,
    /// The alarms and rollout gates that are weaker.
    pub(crate) weakened: Vec<Weakening>,
}

impl Security {
    /// Shows the weaker safeguards, then the permissions.
    pub(super) fn show(&self) {
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

/// What the operator has agreed to beforehand.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line, independent of the others"
)]
pub(crate) struct Terms {
    /// Whether questions can be asked: somebody is at a terminal, and has not
    /// said yes to everything.
    pub(crate) asking: bool,
    /// Whether there will be a yes at all: without one, nothing may change.
    pub(crate) can_agree: bool,
    /// Whether the operator has said yes to everything beforehand.
    pub(crate) yes: bool,
    /// What becomes of drift; asked or stopped at if not said.
    pub(crate) on_drift: Option<OnDrift>,
    /// Whether a failed stack may be removed.
    pub(crate) replace_failed_stack: bool,
    /// Whether a table may be lost.
    pub(crate) allow_table_replacement: bool,
    /// Whether traffic may move although an alarm is up.
    pub(crate) ignore_alarms: bool,
    /// Whether a failed stack is being mended: an interruption finds more than a
    /// change set under way.
    pub(crate) mending: Cell<bool>,
}

impl Terms {
    /// What an interruption before the yes comes to.
    pub(crate) fn interrupted(&self) -> Failure {
        if self.mending.get() {
            interrupted()
        } else {
            declined("interrupted")
        }
    }

    pub(crate) fn allowed(&self) -> Allowed {
        Allowed {
            replace_failed_stack: self.replace_failed_stack,
            asking: self.asking,
        }
    }
}

impl Plan {
    pub(crate) fn is_empty(&self) -> bool {
        self.change_sets().next().is_none() && self.traffic_to_restore.is_empty()
    }

    /// Whether other versions may serve afterwards.
    pub(crate) fn changes_traffic(&self) -> bool {
        self.service.is_some() || !self.traffic_to_restore.is_empty()
    }

    /// In the order in which they are executed.
    pub(crate) fn change_sets(&self) -> impl Iterator<Item = &ChangeSet> {
        [&self.bucket, &self.service].into_iter().flatten()
    }

    /// Shows what becomes of the stacks, and who may do what that they may not
    /// do now.
    pub(crate) fn show(&self, environment: Environment, report: &Report) -> anyhow::Result<()> {
        let bucket = names::artifacts_stack(environment);
        show(&bucket, self.bucket.as_ref(), report)?;
        let service = names::stack(environment);
        show(&service, self.service.as_ref(), report)?;
        self.security.show();
        report.emit(&GrantsEvent {
            stack: &service,
            changes: &self.security.grants,
            weakened: &self.security.weakened,
        })
    }

    /// Prints the summary. Nothing stands between it and the question.
    pub(crate) fn summarize(&self, boundary: Option<&Change>, commit: Option<&Commit>) {
        let planned = self.change_sets().flat_map(|planned| &planned.changes);
        output::progress(Summary {
            changes: boundary.into_iter().chain(planned).collect(),
            grants: &self.security.grants,
            weakened: self.security.weakened.len(),
            restored: self.traffic_to_restore.len(),
            commit,
        });
    }

    /// Removes what was not executed.
    pub(crate) async fn discard(&self, aws: &Aws, report: &Report) -> anyhow::Result<()> {
        for change_set in [&self.service, &self.bucket].into_iter().flatten() {
            discard_change_set(aws, change_set, report).await?;
        }
        Ok(())
    }
}

/// Removes a change set that was not executed.
pub(crate) async fn discard_change_set(
    aws: &Aws,
    change_set: &ChangeSet,
    report: &Report,
) -> anyhow::Result<()> {
    match change_set.discard(&aws.cloudformation()).await {
        Ok(()) => Ok(()),
        Err(error) => report.warn(&left_behind(&error)),
    }
}

fn left_behind(error: &anyhow::Error) -> String {
    format!("a change set is left behind: {error:#}; the next deploy removes it")
}

/// Removes the change sets of this name, wherever the planning got to.
pub(crate) async fn discard(
    aws: &Aws,
    targets: &Targets,
    name: &str,
    report: &Report,
) -> anyhow::Result<()> {
    for target in [&targets.service, &targets.bucket] {
        discard_of(aws, target, name, report).await?;
    }
    Ok(())
}

/// Removes the change set of this name of one stack, if it is there.
pub(crate) async fn discard_of(
    aws: &Aws,
    target: &Target,
    name: &str,
    report: &Report,
) -> anyhow::Result<()> {
    match change_set::discard(&aws.cloudformation(), &target.stack, name).await {
        Ok(()) => Ok(()),
        Err(error) => report.warn(&left_behind(&error)),
    }
}

/// Brings the stacks to where change sets can be made for them, makes them, and
/// shows them. They are called `name`.
///
/// # Errors
///
/// When a stack cannot be deployed, has drifted and that is not to be, or would
/// lose a table that nobody has given up; when an alarm would undo the deploy;
/// when a change set cannot be made. The caller [`discard`]s what was made.
pub(crate) async fn make(
    aws: &Aws,
    identity: &Identity,
    targets: &Targets,
    name: &str,
    terms: &Terms,
    report: &Report,
) -> anyhow::Result<Plan> {
    let client = aws.cloudformation();
    let bucket = prepare::prepare(&client, &targets.bucket.stack, terms, report).await?;
    let service = prepare::prepare(&client, &targets.service.stack, terms, report).await?;
    let existing = Existing {
        environment: targets.environment,
        bucket_stack: to_update(&bucket),
        service: to_update(&service),
        bucket: &Bucket::of(aws, identity, targets.environment),
    };
    let Decision {
        drifted,
        rollbacks,
        before,
    } = on_drift::decide(aws, &existing, terms, report).await?;
    // Both to their end, so that what one of them makes can be removed when
    // the other fails.
    let (bucket, service) = tokio::join!(
        change_set::create(&client, &targets.bucket, bucket.operation, drifted, name),
        change_set::create(&client, &targets.service, service.operation, drifted, name),
    );
    let (bucket, service) = (bucket?, service?);
    let security = match &service {
        Some(_) => security(&client, &targets.service).await?,
        None => Security::default(),
    };
    let plan = Plan {
        bucket,
        service,
        security,
        drifted,
        traffic_to_restore: rollbacks,
        before,
    };
    plan.show(targets.environment, report)?;
    check(aws, targets.environment, &plan, terms, report).await?;
    Ok(plan)
}

/// The stack that an update changes; `None` if there is none yet.
fn to_update(prepared: &Prepared) -> Option<&Stack> {
    let stack = prepared.stack.as_ref();
    stack.filter(|_| prepared.operation == Operation::Update)
}

/// What no yes is meant for.
///
/// # Errors
///
/// When the plan would lose a table, or an alarm would undo it.
pub(crate) async fn check(
    aws: &Aws,
    environment: Environment,
    plan: &Plan,
    terms: &Terms,
    report: &Report,
) -> anyhow::Result<()> {
    if !terms.allow_table_replacement {
        keep_tables(plan.change_sets())?;
    }
    for rollback in &plan.traffic_to_restore {
        output::progress(format_args!(
            "  {}: version {} is to serve again instead of {}",
            rollback.function, rollback.deployed, rollback.live
        ));
    }
    if let Some(service) = &plan.service
        && service.operation == Operation::Update
    {
        alarms::check(aws, environment, terms.ignore_alarms, report).await?;
    }
    Ok(())
}

/// What an interruption comes to while CloudFormation is at work.
pub(crate) fn interrupted() -> Failure {
    Failure::new("interrupted; CloudFormation finishes what it has begun")
        .hint("run the same command again: it says where the stack is")
}

pub(crate) fn nobody_there() -> Failure {
    declined("there is no terminal to ask at").hint("--yes answers yes")
}

pub(crate) fn declined(why: &str) -> Failure {
    Failure::new(format!("{NOTHING_DEPLOYED}: {why}")).exit(Exit::Declined)
}

/// Refuses to lose a table: no yes to a long list is meant for that.
fn keep_tables<'a>(change_sets: impl Iterator<Item = &'a ChangeSet>) -> Result<(), Failure> {
    let lost: Vec<String> = change_sets
        .flat_map(|change_set| &change_set.changes)
        .filter(|change| change.loses_table())
        .map(ToString::to_string)
        .collect();
    if lost.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "nothing was deployed: it would take a table from the stack, or put an empty one in its place: {}",
        lost.join("; ")
    ))
    .hint("undo the change that causes it; where the data may go, or has a backup, --allow-table-replacement lets this deploy do it"))
}

/// Compares the permissions and safeguards of the rendered template with those of the
/// deployed one.
pub(super) async fn security(client: &Client, target: &Target) -> anyhow::Result<Security> {
    let deployed = template::deployed(client, &target.stack).await?;
    let deployed = deployed.unwrap_or_default();
    let rendered: Value =
        serde_json::from_str(&target.template).context("reading the rendered template")?;
    Ok(Security {
        grants: diff::iam_changes(&deployed, &rendered),
        weakened: diff::weakenings(&deployed, &rendered),
    })
}

/// Shows what becomes of one stack.
pub(crate) fn show(
    stack: &str,
    change_set: Option<&ChangeSet>,
    report: &Report,
) -> anyhow::Result<()> {
    let changes = change_set.map_or(&[][..], |change_set| &change_set.changes);
    match change_set {
        None => output::progress(format_args!("{stack}: nothing to change")),
        Some(change_set) => {
            let what = match change_set.operation {
                Operation::Create => "new stack",
                Operation::Update => "update",
            };
            output::progress(format_args!("{stack}: {what}, {} changes", changes.len()));
            for change in changes {
                output::progress(format_args!("  {change}"));
                for values in &change.values {
                    for line in values.to_string().lines() {
                        output::progress(format_args!("      {line}"));
                    }
                }
            }
        }
    }
    report.emit(&ChangeSetEvent { stack, changes })
}
