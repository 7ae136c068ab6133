//! Change sets: what CloudFormation says that a template would change, kept
//! until it is executed or discarded.

use std::cell::Cell;
use std::time::Duration;

use anyhow::Context as _;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::ProvideErrorMetadata as _;
use aws_sdk_cloudformation::types::{
    Capability, ChangeSetStatus, DeploymentMode, ExecutionStatus, StackStatus, Tag,
};
use shared::timestamp::Timestamp;
use xtask::failure::Failure;

use super::changes::{self, Change};
use super::plan::Target;
use crate::aws_error::explain;
use crate::polling::poll;
use crate::stack::next_step::Operation;
use crate::stack::{self, name_taken, operation_events, template};

/// How long a change set may take; AWS needs seconds.
const CREATION_LIMIT: Duration = Duration::from_mins(5);
/// How long the removal of a change set may be put off: CloudFormation refuses
/// it while the change set is being worked out.
const DISCARD_LIMIT: Duration = Duration::from_mins(2);
/// How long the removal of an empty stack may take.
const REMOVAL_LIMIT: Duration = Duration::from_mins(1);

/// A change set that can be executed.
pub(crate) struct ChangeSet {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The stack's name, for people.
    pub(crate) stack: String,
    /// The stack's id, which no other stack of that name shares.
    pub(crate) stack_id: String,
    /// What executing it does to the stack.
    pub(crate) operation: Operation,
    /// What it changes, what hurts most first.
    pub(crate) changes: Vec<Change>,
    executed: Cell<bool>,
}

/// A name that no other deploy uses. Change sets that a killed deploy has left
/// need no cleaning: CloudFormation deletes a stack's other change sets when
/// one is executed.
pub(crate) fn unique_name(command: &str) -> String {
    let seconds = Timestamp::now().unix_seconds();
    format!("{command}-{seconds}-{:08x}", fastrand::u32(..))
}

/// Whether a change set also changes what has drifted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Drifted {
    /// What has drifted stays unless the template changes it.
    #[default]
    Stays,
    /// What has drifted goes back to the template.
    IsReverted,
}

/// Makes a change set. `None`, and none is left, when nothing would change.
pub(crate) async fn create(
    client: &Client,
    target: &Target,
    operation: Operation,
    drifted: Drifted,
    name: &str,
) -> anyhow::Result<Option<ChangeSet>> {
    let creates = operation == Operation::Create;
    // What a creation adopts is not compared with a template that it never had.
    let mode = (!creates && drifted == Drifted::IsReverted).then_some(DeploymentMode::RevertDrift);
    let tags = target.tags.list().into_iter();
    let answer = client
        .create_change_set()
        .stack_name(&target.stack)
        .change_set_name(name)
        // A retry after a lost answer is the same request, not a second one.
        .client_token(name)
        .change_set_type(operation.into())
        .template_body(&target.template)
        .capabilities(Capability::CapabilityNamedIam)
        .set_role_arn(target.role_arn.clone())
        .set_deployment_mode(mode)
        // A failed first create leaves what is retained: the table, with its
        // data. The next create adopts it instead of failing at its name.
        .import_existing_resources(creates)
        .set_tags(Some(
            tags.map(|tag| Tag::builder().key(tag.key).value(tag.value).build())
                .collect(),
        ))
        .send()
        .await
        .map_err(|error| explain(&format!("make a change set for {}", target.stack), &error))?;
    let id = answer.id.unwrap_or_default();
    match settled(client, &target.stack, &id).await? {
        Settled::Ready { changes, .. } => Ok(Some(ChangeSet {
            id,
            name: name.to_owned(),
            stack: target.stack.clone(),
            stack_id: answer.stack_id.unwrap_or_default(),
            operation,
            changes: read_changes(client, target, changes).await?,
            executed: Cell::new(false),
        })),
        Settled::Empty => {
            discard(client, &target.stack, name).await?;
            Ok(None)
        }
        Settled::Failed(reason) => {
            // The status only says that something failed, and its events are gone with it.
            let told = operation_events::of_change_set(client, &id).await;
            let reason = told.or(&reason);
            let failure = Failure::new(format!(
                "CloudFormation cannot plan {}: {reason}",
                target.stack
            ));
            Err(match name_taken::way_out(&reason, stack::region(&id)) {
                Some(way_out) => failure
                    .hint(format!("{way_out}; then run the command again"))
                    .into(),
                None => failure.into(),
            })
        }
    }
}

/// The identity of a change set.
pub(crate) struct Described {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) stack_id: String,
    pub(crate) stack_name: String,
    pub(crate) created_at: Timestamp,
    /// Whether the change set also changes what has drifted.
    pub(crate) reverts_drift: bool,
}

/// Describes a change set that was made earlier; `None` if it does not exist.
pub(crate) async fn describe(client: &Client, id: &str) -> anyhow::Result<Option<Described>> {
    let answer = client
        .describe_change_set()
        .change_set_name(id)
        .send()
        .await;
    let described = match answer {
        Ok(described) => described,
        Err(error) if error.code() == Some("ChangeSetNotFound") => return Ok(None),
        Err(error) => return Err(explain(&format!("read the change set {id}"), &error).into()),
    };
    let created_at = described
        .creation_time
        .and_then(|time| Timestamp::from_unix_seconds(time.secs()).ok());
    Ok(Some(Described {
        id: described.change_set_id.unwrap_or_default(),
        name: described.change_set_name.unwrap_or_default(),
        stack_id: described.stack_id.unwrap_or_default(),
        stack_name: described.stack_name.unwrap_or_default(),
        created_at: created_at.with_context(|| {
            format!("CloudFormation does not say when the change set {id} was made")
        })?,
        reverts_drift: described.deployment_mode == Some(DeploymentMode::RevertDrift),
    }))
}

/// Reads the changes of a change set that was made earlier.
///
/// # Errors
///
/// The inner one when the change set cannot be executed any more: its status.
pub(crate) async fn open(
    client: &Client,
    described: Described,
    target: &Target,
    operation: Operation,
) -> anyhow::Result<Result<ChangeSet, String>> {
    Ok(
        match settled(client, &described.stack_name, &described.id).await? {
            Settled::Ready {
                changes,
                execution: Some(ExecutionStatus::Available),
            } => Ok(ChangeSet {
                id: described.id,
                name: described.name,
                stack: described.stack_name,
                stack_id: described.stack_id,
                operation,
                changes: read_changes(client, target, changes).await?,
                executed: Cell::new(false),
            }),
            Settled::Ready { execution, .. } => {
                Err(execution
                    .map_or_else(|| "unknown".to_owned(), |status| status.as_str().to_owned()))
            }
            Settled::Empty => Err("empty".to_owned()),
            Settled::Failed(reason) => Err(reason),
        },
    )
}

/// Reads the changes with the values of the properties. CloudFormation does not tell
/// every value; the deployed and the rendered template have the others.
async fn read_changes(
    client: &Client,
    target: &Target,
    changes: Vec<aws_sdk_cloudformation::types::Change>,
) -> anyhow::Result<Vec<Change>> {
    let deployed = template::deployed(client, &target.stack).await?;
    let rendered =
        serde_json::from_str(&target.template).context("reading the rendered template")?;
    Ok(changes::read(
        changes,
        &deployed.unwrap_or_default(),
        &rendered,
    ))
}

enum Settled {
    Ready {
        changes: Vec<aws_sdk_cloudformation::types::Change>,
        execution: Option<ExecutionStatus>,
    },
    Empty,
    Failed(String),
}

/// Waits until CloudFormation has worked the change set out.
async fn settled(client: &Client, stack: &str, id: &str) -> anyhow::Result<Settled> {
    let what = format_args!("waiting for the change set of {stack}");
    let settled = poll(CREATION_LIMIT, what, async || {
        let mut changes = Vec::new();
        let mut execution = None;
        let mut pages = client
            .describe_change_set()
            .change_set_name(id)
            .include_property_values(true)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page =
                page.map_err(|error| explain(&format!("read the change set for {stack}"), &error))?;
            match page.status {
                Some(ChangeSetStatus::CreateComplete) => {}
                Some(ChangeSetStatus::CreatePending | ChangeSetStatus::CreateInProgress) => {
                    return Ok(None);
                }
                _ => {
                    let reason = page.status_reason.unwrap_or_default();
                    return Ok(Some(if says_nothing_changes(&reason) {
                        Settled::Empty
                    } else {
                        Settled::Failed(reason)
                    }));
                }
            }
            execution = page.execution_status;
            changes.extend(page.changes.unwrap_or_default());
        }
        Ok(Some(Settled::Ready { changes, execution }))
    });
    settled.await?.ok_or_else(|| {
        Failure::new(format!(
            "CloudFormation has not planned {stack} within {} minutes",
            CREATION_LIMIT.as_secs() / 60
        ))
        .hint("try again later")
        .into()
    })
}

/// `CloudFormation` has no code for it, only two texts: one for templates and
/// one for transformed ones.
fn says_nothing_changes(reason: &str) -> bool {
    reason.contains("didn't contain changes") || reason.contains("No updates are to be performed")
}

impl ChangeSet {
    /// Whether it is of a stack that there is not yet.
    pub(crate) fn creates(&self) -> bool {
        self.operation == Operation::Create
    }

    /// What is to be seen of a new stack until the change set is executed.
    pub(crate) fn only_planned(&self, region: &str) -> String {
        format!(
            "{name}: an empty stack in REVIEW_IN_PROGRESS until then; `aws cloudformation delete-stack --region {region} --stack-name {name}` takes the plan back",
            name = self.stack
        )
    }

    /// Starts the execution. What comes of it is in the stack's events.
    pub(crate) async fn execute(&self, client: &Client) -> anyhow::Result<()> {
        self.executed.set(true);
        let answer = client
            .execute_change_set()
            // What fails is rolled back, whatever the API's default is.
            .disable_rollback(false)
            .change_set_name(&self.id)
            .client_request_token(&self.name)
            .send()
            .await;
        if let Err(error) = answer {
            // No answer leaves open whether it is executed; a refusal does not.
            self.executed.set(error.as_service_error().is_none());
            return Err(explain(&format!("deploy {}", self.stack), &error).into());
        }
        Ok(())
    }

    /// Removes it unless it was executed.
    pub(crate) async fn discard(&self, client: &Client) -> anyhow::Result<()> {
        if self.executed.get() {
            return Ok(());
        }
        discard(client, &self.stack, &self.name).await
    }
}

/// Removes a change set, if it is there, and the empty stack that the first
/// change set of a new stack brings with it, unless somebody else's change set
/// is waiting in it.
pub(crate) async fn discard(client: &Client, stack: &str, name: &str) -> anyhow::Result<()> {
    let Some(existing) = stack::describe(client, stack).await? else {
        return Ok(());
    };
    delete(client, &existing, name).await?;
    if existing.status != StackStatus::ReviewInProgress {
        return Ok(());
    }
    let waiting = client
        .list_change_sets()
        .stack_name(&existing.id)
        .send()
        .await
        .map_err(|error| explain(&format!("list the change sets of {stack}"), &error))?;
    if waiting
        .summaries()
        .iter()
        .any(|other| other.change_set_name() != Some(name))
    {
        return Ok(());
    }
    client
        .delete_stack()
        .stack_name(&existing.id)
        .send()
        .await
        .map_err(|error| explain(&format!("remove the empty stack {stack}"), &error))?;
    let what = format_args!("waiting for the end of the empty stack {stack}");
    poll(REMOVAL_LIMIT, what, async || {
        let gone = stack::describe(client, stack).await?.is_none();
        Ok(gone.then_some(()))
    })
    .await?;
    Ok(())
}

/// Deletes a change set, if it is there, as soon as CloudFormation allows it.
async fn delete(client: &Client, stack: &stack::Stack, name: &str) -> anyhow::Result<()> {
    let what = format_args!("removing a change set of {}", stack.name);
    let deleted = poll(DISCARD_LIMIT, what, async || {
        let answer = client
            .delete_change_set()
            .stack_name(&stack.id)
            .change_set_name(name)
            .send()
            .await;
        match answer {
            Ok(_) => Ok(Some(())),
            Err(error) => match error.code() {
                Some("ChangeSetNotFound") => Ok(Some(())),
                Some("InvalidChangeSetStatus") => Ok(None),
                _ => Err(explain(&format!("remove a change set of {}", stack.name), &error).into()),
            },
        }
    });
    deleted.await?.ok_or_else(|| {
        Failure::new(format!(
            "CloudFormation has not let go of a change set of {} within {} minutes",
            stack.name,
            DISCARD_LIMIT.as_secs() / 60
        ))
        .into()
    })
}
