//! Change sets: CloudFormation's plan of the changes of a stack, kept until it is executed
//! or discarded.

use std::time::Duration;

use anyhow::Context as _;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::ProvideErrorMetadata as _;
use aws_sdk_cloudformation::operation::describe_change_set::DescribeChangeSetOutput;
use aws_sdk_cloudformation::types::{Capability, ChangeSetStatus, DeploymentMode, Tag};
use cfn::resources::Tags;
use infra::{Sha256Digest, Template};
use shared::timestamp::Timestamp;
use xtask::failure::Failure;
use xtask::validate;

use super::changes::{self, Change};
use crate::aws_error::Explained as _;
use crate::polling;
use crate::stack::admission::Operation;
use crate::stack::{self, name_taken, operation_events, template};

/// Time limit of the creation of a change set; AWS needs seconds.
const CREATION_LIMIT: Duration = Duration::from_mins(5);
/// Time limit of the deletion of a change set. CloudFormation refuses the deletion while it creates the
/// change set.
const DELETION_LIMIT: Duration = Duration::from_mins(2);

/// The desired state of a stack.
pub(crate) struct Target {
    pub(crate) stack: String,
    /// Minified JSON.
    pub(crate) template: String,
    pub(crate) template_sha256: Sha256Digest,
    pub(crate) tags: Tags,
    /// CloudFormation's role. If absent, CloudFormation keeps the role of the existing stack, or uses the
    /// caller's permissions.
    pub(crate) role_arn: Option<String>,
}

impl Target {
    /// Renders and validates the template of a stack, without a role.
    pub(crate) fn render(stack: String, template: Template, tags: Tags) -> anyhow::Result<Self> {
        let template = template.render();
        let template = template.with_context(|| format!("rendering the stack {stack}"))?;
        validate::refuse_faulty(&stack, template.as_value())?;
        let template = template.to_json();
        Ok(Target {
            stack,
            template_sha256: Sha256Digest::of(&template),
            template,
            tags,
            role_arn: None,
        })
    }
}

/// A change set that can be executed.
pub(crate) struct ChangeSet {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The stack's name.
    pub(crate) stack: String,
    /// The stack's id, which is unique among stacks of this name.
    pub(crate) stack_id: String,
    pub(crate) operation: Operation,
    /// The changes, the most harmful first.
    pub(crate) changes: Vec<Change>,
}

/// Generates a name that no other deploy uses. The change sets of a killed deploy need no cleanup:
/// when a change set is executed, CloudFormation deletes the other change sets of the stack.
pub(crate) fn unique_name(command: &str) -> String {
    let seconds = Timestamp::now().unix_seconds();
    format!("{command}-{seconds}-{:08x}", fastrand::u32(..))
}

/// The treatment of drift by a change set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum DriftTreatment {
    /// A drifted property keeps its value unless the template changes the property.
    #[default]
    Keep,
    /// Drifted resources return to the template.
    Revert,
}

/// Creates a change set. If the stack would not change, discards the change set and returns `None`.
pub(crate) async fn create(
    client: &Client,
    target: &Target,
    operation: Operation,
    drift_treatment: DriftTreatment,
    name: &str,
) -> anyhow::Result<Option<ChangeSet>> {
    let creates = operation == Operation::Create;
    // Only an update can revert drift: before its creation, a stack has no template.
    let mode = (!creates && drift_treatment == DriftTreatment::Revert)
        .then_some(DeploymentMode::RevertDrift);
    let tags = target.tags.list().into_iter();
    let answer = client
        .create_change_set()
        .stack_name(&target.stack)
        .change_set_name(name)
        // With this token, a retry after a lost response creates no second change set.
        .client_token(name)
        .change_set_type(operation.into())
        .template_body(&target.template)
        .capabilities(Capability::CapabilityNamedIam)
        .set_role_arn(target.role_arn.clone())
        .set_deployment_mode(mode)
        // A failed creation leaves retained resources, such as the table with its data. The next creation
        // imports them; otherwise, it would fail because their names are taken.
        .import_existing_resources(creates)
        .set_tags(Some(
            tags.map(|tag| Tag::builder().key(tag.key).value(tag.value).build())
                .collect(),
        ))
        .send()
        .await
        .explained(format_args!("create a change set for {}", target.stack))?;
    let id = answer.id.unwrap_or_default();
    let described = wait_until_created(client, &target.stack, &id).await?;
    let disappeared = || format!("the change set {id} no longer exists");
    let mut described = described.with_context(disappeared)?;
    // Emulators leave these fields empty.
    described.change_set_id = Some(id.clone());
    described.change_set_name = Some(name.to_owned());
    described.stack_id = answer.stack_id;
    if described.status == Some(ChangeSetStatus::CreateComplete) {
        let change_set = from_description(client, target, operation, described).await?;
        return Ok(Some(change_set));
    }
    let reason = described.status_reason.unwrap_or_default();
    if says_nothing_changes(&reason) {
        discard(client, &target.stack, name).await?;
        return Ok(None);
    }
    // The status reason is vague; the events name the failure. They must be read now, because they are
    // deleted together with the change set.
    let failures = operation_events::of_change_set(client, &id).await;
    let reason = failures.describe_or(&reason);
    let failure = Failure::new(format!(
        "CloudFormation cannot plan {}: {reason}",
        target.stack
    ));
    Err(match name_taken::hint(&reason, stack::region(&id)) {
        Some(way_out) => failure.hint(format!("{way_out}; then run the command again")),
        None => failure,
    }
    .into())
}

/// Converts CloudFormation's description. The deployed and the rendered template provide the property
/// values that the description lacks.
pub(crate) async fn from_description(
    client: &Client,
    target: &Target,
    operation: Operation,
    described: DescribeChangeSetOutput,
) -> anyhow::Result<ChangeSet> {
    let deployed = template::deployed(client, &target.stack).await?;
    let rendered = serde_json::from_str(&target.template);
    let rendered = rendered.context("reading the rendered template")?;
    let changes = described.changes.unwrap_or_default();
    Ok(ChangeSet {
        id: described.change_set_id.unwrap_or_default(),
        name: described.change_set_name.unwrap_or_default(),
        stack: target.stack.clone(),
        stack_id: described.stack_id.unwrap_or_default(),
        operation,
        changes: changes::read(changes, &deployed.unwrap_or_default(), &rendered),
    })
}

/// Waits until a change set is created, and describes it with all its changes. Returns `None` if the
/// change set does not exist.
pub(crate) async fn wait_until_created(
    client: &Client,
    stack: &str,
    id: &str,
) -> anyhow::Result<Option<DescribeChangeSetOutput>> {
    let what = format_args!("waiting for the change set of {stack}");
    polling::wait(CREATION_LIMIT, what, async || {
        let pages = client
            .describe_change_set()
            .change_set_name(id)
            .include_property_values(true)
            .into_paginator()
            .send()
            .try_collect()
            .await;
        let mut pages = match pages {
            Err(error) if error.code() == Some("ChangeSetNotFound") => return Ok(Some(None)),
            pages => pages.explained(format_args!("read the change set of {stack}"))?,
        }
        .into_iter();
        let Some(mut described) = pages.next() else {
            return Ok(Some(None));
        };
        let changes = described.changes.get_or_insert_default();
        changes.extend(pages.flat_map(|page| page.changes.unwrap_or_default()));
        let is_pending = matches!(
            described.status,
            Some(ChangeSetStatus::CreatePending | ChangeSetStatus::CreateInProgress)
        );
        Ok((!is_pending).then_some(Some(described)))
    })
    .await
}

/// Returns true if a change set failed because nothing would change. CloudFormation has no code for
/// this, only two texts: one for templates and one for transformed templates.
fn says_nothing_changes(reason: &str) -> bool {
    reason.contains("didn't contain changes") || reason.contains("No updates are to be performed")
}

impl ChangeSet {
    pub(crate) fn creates(&self) -> bool {
        self.operation == Operation::Create
    }

    /// Explains the empty stack that exists until the change set of a new stack is executed.
    pub(crate) fn note_on_empty_stack(&self, region: &str) -> String {
        format!(
            "{name} is an empty stack in REVIEW_IN_PROGRESS until the plan is executed; to remove the plan, run `aws cloudformation delete-stack --region {region} --stack-name {name}`",
            name = self.stack
        )
    }
}

/// Deletes a change set if it exists. The first change set of a new stack has created an empty stack, which
/// is also deleted unless it has another change set.
pub(crate) async fn discard(client: &Client, stack: &str, name: &str) -> anyhow::Result<()> {
    let Some(existing) = stack::describe(client, stack).await? else {
        return Ok(());
    };
    delete(client, &existing, name).await?;
    if !existing.is_only_planned() {
        return Ok(());
    }
    let change_sets = client
        .list_change_sets()
        .stack_name(&existing.id)
        .send()
        .await
        .explained(format_args!("list the change sets of {stack}"))?;
    let mut others = change_sets.summaries().iter();
    if others.any(|other| other.change_set_name() != Some(name)) {
        return Ok(());
    }
    stack::delete_empty(client, &existing).await
}

/// Deletes a change set if it exists, as soon as CloudFormation allows the deletion.
async fn delete(client: &Client, stack: &stack::Stack, name: &str) -> anyhow::Result<()> {
    let what = format_args!("deleting a change set of {}", stack.name);
    polling::wait(DELETION_LIMIT, what, async || {
        let answer = client
            .delete_change_set()
            .stack_name(&stack.id)
            .change_set_name(name)
            .send()
            .await;
        match &answer {
            Err(error) if error.code() == Some("ChangeSetNotFound") => return Ok(Some(())),
            Err(error) if error.code() == Some("InvalidChangeSetStatus") => return Ok(None),
            _ => {}
        }
        answer.explained(format_args!("delete a change set of {}", stack.name))?;
        Ok(Some(()))
    })
    .await
}
