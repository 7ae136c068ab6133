//! Bringing a stack to where a change set can be made for it.

use aws_sdk_cloudformation::Client;
use xtask::failure::Failure;
use xtask::output;

use super::plan::{self, Terms};
use crate::confirm::{Expected, Question};
use crate::destroy::inventory;
use crate::report::Report;
use crate::stack::next_step::{Consent, NextStep, Operation, Steps};
use crate::stack::{self, Stack, events, mend};

/// A stack that a change set can be made for.
pub(crate) struct Prepared {
    pub(crate) operation: Operation,
    /// `None` where there is none yet.
    pub(crate) stack: Option<Stack>,
}

/// Does what the stack's status asks for, and looks again, until a change set
/// can be made.
///
/// # Errors
///
/// When it cannot, with the way out; when the operator declines a step.
pub(crate) async fn prepare(
    client: &Client,
    name: &str,
    terms: &Terms,
    report: &Report,
) -> anyhow::Result<Prepared> {
    let mut steps = Steps::new(terms.allowed());
    loop {
        let Some(stack) = stack::describe(client, name).await? else {
            return Ok(Prepared {
                operation: Operation::Create,
                stack: None,
            });
        };
        match steps.next(&stack.status) {
            NextStep::MakeChangeSet(operation) => {
                return Ok(Prepared {
                    operation,
                    stack: Some(stack),
                });
            }
            NextStep::Follow => mend::follow(client, &stack, report).await?,
            NextStep::Replace(consent) => {
                if consent == Consent::ToBeAsked {
                    agree(removal(&stack)).await?;
                } else if !terms.can_agree {
                    // The deploy would be declined right after.
                    return Err(plan::nobody_there().into());
                }
                keep_table(client, &stack, terms).await?;
                terms.mending.set(true);
                mend::remove(client, &stack, report).await?;
            }
            NextStep::ContinueUpdateRollback => {
                agree(continuation(&stack)).await?;
                terms.mending.set(true);
                mend::continue_update_rollback(client, &stack, report).await?;
            }
            NextStep::Refuse(refusal) => {
                let cause = if refusal.has_a_cause() {
                    cause(client, &stack).await
                } else {
                    None
                };
                return Err(refusal.failure(&stack, cause.as_deref()).into());
            }
        }
    }
}

/// The reason for a stack's status: its own, and the resources that failed.
async fn cause(client: &Client, stack: &Stack) -> Option<String> {
    let mut parts: Vec<String> = stack.status_reason.iter().cloned().collect();
    match events::read_last_failures(client, stack).await {
        Ok(failures) => parts.extend(failures.iter().map(ToString::to_string)),
        Err(failed) => parts.push(failed.failure.to_string()),
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// A table that is not kept would go with what is left of its stack.
async fn keep_table(client: &Client, stack: &Stack, terms: &Terms) -> Result<(), anyhow::Error> {
    if terms.allow_table_replacement {
        return Ok(());
    }
    let held = inventory::read(client, stack).await?;
    if held.iter().any(inventory::Held::is_lost_table) {
        return Err(Failure::new(format!(
            "nothing was deployed: {} holds a table, which would go with it",
            stack.name
        ))
        .hint("where the data may go, --allow-table-replacement lets this deploy do it")
        .into());
    }
    Ok(())
}

fn removal(stack: &Stack) -> String {
    output::progress(format_args!(
        "{} is in {}: it can only be removed and created anew. A table that was kept is adopted with its data.",
        stack.name, stack.status
    ));
    format!("Remove what is left of {}?", stack.name)
}

fn continuation(stack: &Stack) -> String {
    let reason = stack.status_reason.as_deref();
    output::progress(format_args!(
        "{} is in {}: its last update was to be undone, and that failed, too{}",
        stack.name,
        stack.status,
        reason
            .map(|reason| format!(": {reason}"))
            .unwrap_or_default()
    ));
    format!("Continue the rollback of {}?", stack.name)
}

async fn agree(text: String) -> anyhow::Result<()> {
    let question = Question {
        text,
        expected: Expected::Yes,
    };
    question.agreed(false, plan::NOTHING_DEPLOYED).await
}
