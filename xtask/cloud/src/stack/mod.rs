//! A stack: its description, its resources and its protection from deletion.

pub(crate) mod admission;
pub(crate) mod baseline;
pub(crate) mod drift;
pub(crate) mod events;
pub(crate) mod follow;
pub(crate) mod inventory;
pub(crate) mod live_version;
pub(crate) mod name_taken;
pub(crate) mod operation_events;
pub(crate) mod outcome;
pub(crate) mod pin;
pub(crate) mod recover;
pub(crate) mod template;
pub(crate) mod traffic;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::ProvideErrorMetadata as _;
use aws_sdk_cloudformation::types::{ResourceStatus, StackResourceSummary, StackStatus};
use cfn::resources::Tags;
use infra::environment::Protection;
use infra::{Environment, names};
use xtask::failure::Failure;

use crate::aws::Aws;
use crate::aws_error::{Explained as _, FailedCall, FailureKind};
use crate::polling;
use crate::report::Report;
use crate::times::rfc3339;

const EMPTY_DELETION_LIMIT: Duration = Duration::from_mins(2);

/// A stack's outputs by their names.
pub(crate) type Outputs = BTreeMap<String, String>;

/// A stack as CloudFormation describes it.
#[derive(Debug, Clone)]
pub(crate) struct Stack {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) status: StackStatus,
    pub(crate) status_reason: Option<String>,
    pub(crate) outputs: Outputs,
    /// The time of the last update, RFC 3339; `None` before the first update.
    pub(crate) last_updated: Option<String>,
    /// RFC 3339.
    pub(crate) created: Option<String>,
    pub(crate) termination_protection: bool,
    /// The stack's tags, without those that AWS itself sets.
    pub(crate) tags: Tags,
}

impl Stack {
    /// Returns true if no change set of the stack has been executed. Such a stack has no template and no
    /// resources.
    pub(crate) fn is_only_planned(&self) -> bool {
        self.status == StackStatus::ReviewInProgress
    }

    /// Returns the account's twelve digits.
    pub(crate) fn account(&self) -> &str {
        // arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/ID
        self.id.split(':').nth(4).unwrap_or_default()
    }

    /// Returns a command of the AWS CLI for the stack, in backticks.
    pub(crate) fn command(&self, action: &str) -> String {
        let region = region(&self.id);
        let name = &self.name;
        format!("`aws cloudformation {action} --region {region} --stack-name {name}`")
    }
}

/// Returns the region in a stack's id: `arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/ID`.
pub(crate) fn region(id: &str) -> &str {
    id.split(':').nth(3).unwrap_or_default()
}

/// Reads a stack by its name or id; `None` if it does not exist.
pub(crate) async fn describe(client: &Client, stack: &str) -> Result<Option<Stack>, FailedCall> {
    let answer = client.describe_stacks().stack_name(stack).send().await;
    let described = match answer {
        Ok(answer) => answer.stacks.unwrap_or_default().pop(),
        // CloudFormation has no error code for a missing stack.
        Err(error)
            if error.code() == Some("ValidationError")
                && error
                    .message()
                    .is_some_and(|message| message.contains("does not exist")) =>
        {
            None
        }
        Err(error) => {
            return Err(FailedCall::new(
                format_args!("read the stack {stack}"),
                &error,
            ));
        }
    };
    let Some(described) = described else {
        return Ok(None);
    };
    let outputs = described.outputs.unwrap_or_default().into_iter();
    let tags = described.tags.unwrap_or_default().into_iter();
    Ok(Some(Stack {
        id: described.stack_id.unwrap_or_else(|| stack.to_owned()),
        name: described.stack_name.unwrap_or_else(|| stack.to_owned()),
        status: described.stack_status.ok_or_else(|| FailedCall {
            kind: FailureKind::Permanent,
            failure: Failure::new(format!("CloudFormation returned no status of {stack}")),
        })?,
        status_reason: described
            .stack_status_reason
            .filter(|reason| !reason.is_empty()),
        outputs: outputs
            .filter_map(|output| output.output_key.zip(output.output_value))
            .collect(),
        last_updated: described.last_updated_time.and_then(rfc3339),
        created: described.creation_time.and_then(rfc3339),
        termination_protection: described.enable_termination_protection.unwrap_or_default(),
        tags: tags
            .filter_map(|tag| tag.key.zip(tag.value))
            .filter(|(key, _)| !key.starts_with("aws:"))
            .collect(),
    }))
}

/// Reads a stack that must exist. Retries after throttling and lost connections, because the command may be
/// following an operation on the stack.
pub(crate) async fn existing(
    client: &Client,
    stack: &str,
    report: &Report,
) -> anyhow::Result<Stack> {
    let describe = async || describe(client, stack).await;
    let described = polling::while_transient(|text| report.warn(text), describe).await?;
    described.with_context(|| format!("the stack {stack} no longer exists"))
}

/// Reads the stack of an environment.
///
/// # Errors
///
/// If the stack does not exist, or is only planned.
pub(crate) async fn of_environment(aws: &Aws, environment: Environment) -> anyhow::Result<Stack> {
    let name = names::stack(environment);
    let stack = describe(&aws.cloudformation(), &name).await?;
    let stack = stack.ok_or_else(|| not_found(aws, environment))?;
    if stack.is_only_planned() {
        return Err(Failure::new(format!(
            "nothing is deployed: the stack {name} is only planned ({})",
            stack.status
        ))
        .hint(next_commands(&stack, environment))
        .into());
    }
    Ok(stack)
}

/// Returns the failure of a command that needs the stack of an environment.
pub(crate) fn not_found(aws: &Aws, environment: Environment) -> Failure {
    let name = names::stack(environment);
    let place = aws.endpoint().url().unwrap_or(aws.region());
    Failure::new(format!("there is no stack {name} at {place}")).hint(format!(
        "deploy first (`cargo xtask deploy --env {environment}`), or pass the --region, --profile or --endpoint-url of the stack"
    ))
}

/// Returns the two commands that can follow for a stack that is only planned: its deployment and its
/// deletion.
pub(crate) fn next_commands(stack: &Stack, environment: Environment) -> String {
    format!(
        "`cargo xtask deploy --env {environment}` deploys it; {} removes the plan",
        stack.command("delete-stack")
    )
}

pub(crate) async fn list_resources(
    client: &Client,
    stack: &Stack,
) -> anyhow::Result<Vec<StackResourceSummary>> {
    let mut resources = client
        .list_stack_resources()
        .stack_name(&stack.id)
        .into_paginator()
        .items()
        .send()
        .try_collect()
        .await
        .explained(format_args!("list the resources of {}", stack.name))?;
    // The list still contains deleted resources, and those whose creation failed.
    resources.retain(|resource| {
        !matches!(
            resource.resource_status,
            Some(ResourceStatus::DeleteComplete | ResourceStatus::CreateFailed)
        )
    });
    Ok(resources)
}

/// Deletes a stack without resources. Such a deletion has no events to follow.
pub(crate) async fn delete_empty(client: &Client, stack: &Stack) -> anyhow::Result<()> {
    let name = &stack.name;
    let deletion = client.delete_stack().stack_name(&stack.id).send().await;
    deletion.explained(format_args!("delete the empty stack {name}"))?;
    let what = format_args!("waiting for the deletion of the empty stack {name}");
    polling::wait(EMPTY_DELETION_LIMIT, what, async || {
        Ok(describe(client, name).await?.is_none().then_some(()))
    })
    .await
}

/// Returns true if no operation is in progress. The exception is `REVIEW_IN_PROGRESS`, which does not count as
/// at rest although it has no operation.
pub(crate) fn is_at_rest(status: &StackStatus) -> bool {
    !status.as_str().ends_with("_IN_PROGRESS")
}

/// Turns termination protection on, if the environment requires it. Retries after throttling and lost
/// connections. A template cannot contain this setting.
pub(crate) async fn protect(
    client: &Client,
    stack: &Stack,
    protection: Protection,
    report: &Report,
) -> anyhow::Result<()> {
    if protection == Protection::None || stack.termination_protection {
        return Ok(());
    }
    let turn_on = async || set_termination_protection(client, stack, true).await;
    polling::while_transient(|text| report.warn(text), turn_on).await
}

async fn set_termination_protection(
    client: &Client,
    stack: &Stack,
    on: bool,
) -> Result<(), FailedCall> {
    let state = if on { "on" } else { "off" };
    let attempted = format!("turn termination protection {state} for {}", stack.name);
    client
        .update_termination_protection()
        .stack_name(&stack.id)
        .enable_termination_protection(on)
        .send()
        .await
        .map_err(|error| FailedCall::new(attempted, &error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Stack {
        /// Returns a stack with this status.
        pub(crate) fn for_tests(status: &str) -> Self {
            Stack {
                id: "arn:aws:cloudformation:eu-central-1:111122223333:stack/crypto-watch-dev/1"
                    .to_owned(),
                name: "crypto-watch-dev".to_owned(),
                status: StackStatus::from(status),
                status_reason: None,
                outputs: Outputs::new(),
                last_updated: None,
                created: None,
                termination_protection: false,
                tags: Tags::default(),
            }
        }
    }

    #[test]
    fn a_command_for_the_aws_cli_names_the_region() {
        assert_eq!(
            Stack::for_tests("ROLLBACK_COMPLETE").command("delete-stack"),
            "`aws cloudformation delete-stack --region eu-central-1 --stack-name crypto-watch-dev`"
        );
    }
}
