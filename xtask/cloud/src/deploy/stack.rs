//! A stack as it is: what can be done with it, and what it gives.

use std::collections::BTreeMap;

use anyhow::Context as _;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::ProvideErrorMetadata as _;
use aws_sdk_cloudformation::types::{ChangeSetType, StackStatus};
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
    termination_protection: bool,
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
        termination_protection: described.enable_termination_protection.unwrap_or_default(),
    }))
}

/// The outputs of a stack that exists.
pub(crate) async fn outputs(client: &Client, stack: &str) -> anyhow::Result<Outputs> {
    let described = describe(client, stack).await?;
    Ok(described
        .with_context(|| format!("the stack {stack} has just disappeared"))?
        .outputs)
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
            "its creation or removal failed; remove what is left with `aws cloudformation delete-stack --stack-name {name}`, then deploy again: a table that was kept is adopted with its data"
        ))),
        StackStatus::UpdateRollbackFailed => Err(failure().hint(format!(
            "mend what its events name, then `aws cloudformation continue-update-rollback --stack-name {name}`"
        ))),
        in_progress if is_in_progress(in_progress) => Err(failure()
            .hint("another operation is under way: deploy again when it has ended")),
        _ => Err(failure().hint("look at its events in the CloudFormation console")),
    }
}

/// Whether `CloudFormation` is still at work. A status that this program does
/// not know follows the same naming.
pub(crate) fn is_in_progress(status: &StackStatus) -> bool {
    *status != StackStatus::ReviewInProgress && status.as_str().ends_with("_IN_PROGRESS")
}

/// Turns termination protection on. It is an attribute of the stack and has no
/// place in a template.
pub(crate) async fn protect(client: &Client, stack: &Stack) -> anyhow::Result<()> {
    if stack.termination_protection {
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

    fn stack(status: &str) -> Stack {
        Stack {
            id: "id".to_owned(),
            name: "crypto-watch-dev".to_owned(),
            status: StackStatus::from(status),
            status_reason: None,
            outputs: Outputs::new(),
            termination_protection: false,
        }
    }

    #[test]
    fn a_stack_that_is_not_there_or_only_reviewed_is_created() {
        assert_eq!(operation("s", None).ok(), Some(ChangeSetType::Create));
        let reviewed = stack("REVIEW_IN_PROGRESS");
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
            let at_rest = stack(status);
            assert_eq!(
                operation("s", Some(&at_rest)).ok(),
                Some(ChangeSetType::Update),
                "{status}"
            );
        }
    }

    #[test]
    fn every_other_status_is_refused_by_name() {
        let statuses = StackStatus::values()
            .iter()
            .copied()
            .chain(["SOMETHING_NEW"]);
        for status in statuses {
            let described = stack(status);
            match operation("s", Some(&described)) {
                Ok(_) => assert!(!is_in_progress(&described.status), "{status}"),
                Err(failure) => assert!(failure.to_string().contains(status), "{failure}"),
            }
        }
    }
}
