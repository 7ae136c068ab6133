//! A stack as it is: what can be done with it, and what it gives.

pub(crate) mod baseline;
pub(crate) mod deployed;
pub(crate) mod drift;
pub(crate) mod events;
pub(crate) mod follow;
pub(crate) mod live_version;
pub(crate) mod mend;
pub(crate) mod name_taken;
pub(crate) mod next_step;
pub(crate) mod operation_events;
pub(crate) mod outcome;
pub(crate) mod pin;
pub(crate) mod protection;
pub(crate) mod resources;
pub(crate) mod template;
pub(crate) mod traffic;

use std::collections::BTreeMap;

use anyhow::Context as _;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::ProvideErrorMetadata as _;
use aws_sdk_cloudformation::primitives::DateTimeFormat;
use aws_sdk_cloudformation::types::StackStatus;
use cfn::resources::Tags;
use xtask::failure::Failure;

use crate::failed_call::{FailedCall, Trouble};

/// A stack's outputs by their names.
pub(crate) type Outputs = BTreeMap<String, String>;

/// A stack as `CloudFormation` describes it.
#[derive(Debug)]
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
    /// The stack's tags, without those that AWS itself sets.
    pub(crate) tags: Tags,
}

impl Stack {
    /// Whether the stack only has change sets: it holds no resource, and the first change
    /// set that is executed creates it.
    pub(crate) fn is_only_planned(&self) -> bool {
        self.status == StackStatus::ReviewInProgress
    }

    /// The account's twelve digits.
    pub(crate) fn account(&self) -> &str {
        // arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/ID
        self.id.split(':').nth(4).unwrap_or_default()
    }

    /// What to type to have the AWS command line do something with the stack.
    pub(crate) fn command(&self, action: &str) -> String {
        let region = region(&self.id);
        let name = &self.name;
        format!("`aws cloudformation {action} --region {region} --stack-name {name}`")
    }
}

/// The region in a stack's id: `arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/ID`.
pub(crate) fn region(id: &str) -> &str {
    id.split(':').nth(3).unwrap_or_default()
}

/// Reads a stack by its name or id; `None` where there is none of that name.
pub(crate) async fn describe(client: &Client, stack: &str) -> anyhow::Result<Option<Stack>> {
    Ok(try_to_describe(client, stack).await?)
}

/// As [`describe`], with the kind of a failure.
async fn try_to_describe(client: &Client, stack: &str) -> Result<Option<Stack>, FailedCall> {
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
        Err(error) => return Err(FailedCall::new(&format!("read the stack {stack}"), &error)),
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
        status: described.stack_status.ok_or_else(|| FailedCall {
            trouble: Trouble::Refused,
            failure: Failure::new(format!("CloudFormation does not say how {stack} is")),
        })?,
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
        tags: described
            .tags
            .unwrap_or_default()
            .into_iter()
            .filter_map(|tag| tag.key.zip(tag.value))
            .filter(|(key, _)| !key.starts_with("aws:"))
            .collect(),
    }))
}

/// Reads a stack that exists.
pub(crate) async fn existing(client: &Client, stack: &str) -> anyhow::Result<Stack> {
    let described = describe(client, stack).await?;
    described.with_context(|| disappeared(stack))
}

fn disappeared(stack: &str) -> String {
    format!("the stack {stack} has just disappeared")
}

/// Whether nothing is under way or about to be. A status that this program does
/// not know follows the same naming.
pub(crate) fn is_at_rest(status: &StackStatus) -> bool {
    !status.as_str().ends_with("_IN_PROGRESS")
}

async fn set_termination_protection(
    client: &Client,
    stack: &Stack,
    on: bool,
) -> Result<(), FailedCall> {
    let name = &stack.name;
    let attempted = if on {
        format!("protect the stack {name} from removal")
    } else {
        format!("take the protection from removal off the stack {name}")
    };
    client
        .update_termination_protection()
        .stack_name(&stack.id)
        .enable_termination_protection(on)
        .send()
        .await
        .map_err(|error| FailedCall::new(&attempted, &error))?;
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
                tags: Tags::default(),
            }
        }
    }

    #[test]
    fn a_command_names_the_region_so_that_it_reaches_the_stack() {
        assert_eq!(
            Stack::for_tests("ROLLBACK_COMPLETE").command("delete-stack"),
            "`aws cloudformation delete-stack --region eu-central-1 --stack-name crypto-watch-dev`"
        );
    }
}
