//! A stack as it is: what can be done with it, and what it gives.

pub(crate) mod deployed;
pub(crate) mod events;
pub(crate) mod follow;
pub(crate) mod outcome;

use std::collections::BTreeMap;

use anyhow::Context as _;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::ProvideErrorMetadata as _;
use aws_sdk_cloudformation::primitives::DateTimeFormat;
use aws_sdk_cloudformation::types::{ChangeSetType, StackStatus};
use infra::environment::Protection;
use xtask::failure::Failure;

use crate::aws_error::explain;

/// A stack's outputs by their names.
pub(crate) type Outputs = BTreeMap<String, String>;

/// What `CloudFormation` says of a stack.
pub(crate) struct Stack {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) status: StackStatus,
    pub(crate) status_reason: Option<String>,
    pub(crate) outputs: Outputs,
    /// When an operation last changed it, RFC 3339; none before the first update.
    pub(crate) last_updated: Option<String>,
    /// RFC 3339.
    pub(crate) created: Option<String>,
    pub(crate) termination_protection: bool,
}

impl Stack {
    /// What to type to have the AWS command line do something with the stack.
    pub(crate) fn command(&self, action: &str) -> String {
        // arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/ID
        let region = self.id.split(':').nth(3).unwrap_or_default();
        let name = &self.name;
        format!("`aws cloudformation {action} --region {region} --stack-name {name}`")
    }
}

/// Reads a stack by its name or id; `None` where there is none of that name.
pub(crate) async fn describe(client: &Client, stack: &str) -> anyhow::Result<Option<Stack>> {
    let answer = client.describe_stacks().stack_name(stack).send().await;
    let described = match answer {
        Ok(answer) => answer.stacks.unwrap_or_default().pop(),
        // There is no code of its own for it.
        Err(error)
            if error.code() == Some("ValidationError")
                && error
                    .message()
                    .is_some_and(|message| message.contains("does not exist")) =>
        {
            None
        }
        Err(error) => return Err(explain(&format!("read the stack {stack}"), &error).into()),
    };
    let Some(described) = described else {
        return Ok(None);
    };
    let outputs = described
        .outputs
        .unwrap_or_default()
        .into_iter()
        .filter_map(|output| output.output_key.zip(output.output_value))
        .collect();
    Ok(Some(Stack {
        id: described.stack_id.unwrap_or_else(|| stack.to_owned()),
        name: described.stack_name.unwrap_or_else(|| stack.to_owned()),
        status: described
            .stack_status
            .with_context(|| format!("CloudFormation does not say how {stack} is"))?,
        status_reason: described
            .stack_status_reason
            .filter(|reason| !reason.is_empty()),
        outputs,
        last_updated: described
            .last_updated_time
            .and_then(|time| time.fmt(DateTimeFormat::DateTime).ok()),
        created: described
            .creation_time
            .and_then(|time| time.fmt(DateTimeFormat::DateTime).ok()),
        termination_protection: described.enable_termination_protection.unwrap_or_default(),
    }))
}

/// Reads a stack that exists.
pub(crate) async fn existing(client: &Client, stack: &str) -> anyhow::Result<Stack> {
    let described = describe(client, stack).await?;
    described.with_context(|| format!("the stack {stack} has just disappeared"))
}

/// Whether the next change set makes or updates the stack.
///
/// # Errors
///
/// A stack that no change set can be made for: what is wrong, and the way out.
/// The statuses are those of
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html#cfn-console-view-stack-data-resources-status-codes>.
pub(crate) fn operation(name: &str, stack: Option<&Stack>) -> Result<ChangeSetType, Failure> {
    let Some(stack) = stack else {
        return Ok(ChangeSetType::Create);
    };
    let status = &stack.status;
    let failure = || {
        Failure::new(format!(
            "the stack {name} cannot be deployed: it is in {status}"
        ))
    };
    match status {
        StackStatus::ReviewInProgress => Ok(ChangeSetType::Create),
        StackStatus::CreateComplete
        | StackStatus::UpdateComplete
        | StackStatus::UpdateFailed
        | StackStatus::UpdateRollbackComplete
        | StackStatus::ImportComplete
        | StackStatus::ImportRollbackComplete => Ok(ChangeSetType::Update),
        StackStatus::RollbackComplete
        | StackStatus::RollbackFailed
        | StackStatus::CreateFailed
        | StackStatus::DeleteFailed => Err(failure().hint(format!(
            "its creation or removal failed; remove what is left with {}, then deploy again: a table that was kept is adopted with its data",
            stack.command("delete-stack")
        ))),
        StackStatus::UpdateRollbackFailed => Err(failure().hint(format!(
            "mend what its events name, then {}",
            stack.command("continue-update-rollback")
        ))),
        other if is_at_rest(other) => {
            Err(failure().hint("look at its events in the CloudFormation console"))
        }
        _ => Err(failure().hint("another operation is under way: deploy again when it has ended")),
    }
}

/// Whether nothing is under way or about to be. A status that this program does
/// not know follows the same naming.
pub(crate) fn is_at_rest(status: &StackStatus) -> bool {
    !status.as_str().ends_with("_IN_PROGRESS")
}

/// Turns termination protection on where the environment is to have it. It is
/// an attribute of the stack and has no place in a template, so that no change
/// set shows or needs it.
pub(crate) async fn protect(
    client: &Client,
    stack: &Stack,
    protection: Protection,
) -> anyhow::Result<()> {
    if protection == Protection::None || stack.termination_protection {
        return Ok(());
    }
    client
        .update_termination_protection()
        .stack_name(&stack.id)
        .enable_termination_protection(true)
        .send()
        .await
        .map_err(|error| {
            explain(
                &format!("protect the stack {} from removal", stack.name),
                &error,
            )
        })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Stack {
        /// A stack of this status.
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
            }
        }
    }

    #[test]
    fn a_stack_that_is_not_there_or_only_reviewed_is_created() {
        assert_eq!(operation("s", None).ok(), Some(ChangeSetType::Create));
        let reviewed = Stack::for_tests("REVIEW_IN_PROGRESS");
        assert_eq!(
            operation("s", Some(&reviewed)).ok(),
            Some(ChangeSetType::Create)
        );
    }

    #[test]
    fn a_stack_at_rest_is_updated() {
        for status in [
            "CREATE_COMPLETE",
            "UPDATE_COMPLETE",
            "UPDATE_ROLLBACK_COMPLETE",
        ] {
            let at_rest = Stack::for_tests(status);
            assert_eq!(
                operation("s", Some(&at_rest)).ok(),
                Some(ChangeSetType::Update),
                "{status}"
            );
        }
    }

    #[test]
    fn a_command_names_the_region_so_that_it_reaches_the_stack() {
        assert_eq!(
            Stack::for_tests("ROLLBACK_COMPLETE").command("delete-stack"),
            "`aws cloudformation delete-stack --region eu-central-1 --stack-name crypto-watch-dev`"
        );
    }

    #[test]
    fn every_other_status_is_refused_by_name() {
        let statuses = StackStatus::values()
            .iter()
            .copied()
            .chain(["SOMETHING_NEW"]);
        for status in statuses {
            let described = Stack::for_tests(status);
            match operation("s", Some(&described)) {
                Ok(ChangeSetType::Create) => assert_eq!(status, "REVIEW_IN_PROGRESS"),
                Ok(_) => assert!(is_at_rest(&described.status), "{status}"),
                Err(failure) => assert!(failure.to_string().contains(status), "{failure}"),
            }
        }
    }
}
