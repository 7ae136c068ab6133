//! Prepares a stack for a change set: waits for an operation in progress, and recovers a failed stack.

use aws_sdk_cloudformation::Client;
use xtask::failure::Failure;
use xtask::output;

use super::context::{Consent, Context, NOTHING_DEPLOYED, Phase, Stop, declined};
use crate::confirm::Question;
use crate::stack::admission::{Allowed, Approval, MAX_STEPS, NextStep, Operation, next_step};
use crate::stack::inventory::{self, StackResource};
use crate::stack::{self, Stack, events, recover};

pub(crate) struct PreparedStack {
    /// The operation that the next change set must have.
    pub(crate) operation: Operation,
    /// The stack to update; `None` before its creation.
    pub(crate) stack: Option<Stack>,
    /// The phase of the next step: [`Phase::Changing`] if a recovery has changed the stack.
    pub(crate) phase: Phase,
}

/// Brings a stack to a status in which CloudFormation creates change sets. Recovers a failed stack only if
/// the operator agrees.
pub(crate) async fn prepare(
    context: &Context<'_>,
    name: &str,
    allowed: Allowed,
    mut phase: Phase,
) -> Result<PreparedStack, Stop> {
    let client = context.cloudformation();
    let report = context.report;
    for steps_left in (0..=MAX_STEPS).rev() {
        let described = async { Ok(stack::describe(&client, name).await?) };
        let Some(stack) = context.run(phase, described).await? else {
            break;
        };
        match next_step(&stack.status, allowed, steps_left) {
            NextStep::CreateChangeSet(operation) => {
                return Ok(PreparedStack {
                    operation,
                    stack: Some(stack).filter(|_| operation == Operation::Update),
                    phase,
                });
            }
            NextStep::Follow => {
                let followed = recover::follow_operation(&client, &stack, report);
                context.run(phase, followed).await?;
            }
            NextStep::Replace(approval) => {
                let approved = approve_replacement(context, &client, &stack, approval);
                context.run(phase, approved).await?;
                phase = Phase::Changing;
                let deleted = recover::delete_failed_stack(&client, &stack, report);
                context.run(phase, deleted).await?;
            }
            NextStep::ContinueUpdateRollback => {
                let reason = stack.status_reason.as_ref();
                let reason = reason.map(|reason| format!(": {reason}"));
                output::progress(format_args!(
                    "{name} is in {}: the rollback of its last update failed{}",
                    stack.status,
                    reason.unwrap_or_default()
                ));
                let asked = ask(format!("Continue the rollback of {name}?"));
                context.run(phase, asked).await?;
                phase = Phase::Changing;
                let continued = recover::continue_update_rollback(&client, &stack, report);
                context.run(phase, continued).await?;
            }
            NextStep::Refuse(refusal) => {
                let cause = if refusal.has_cause() {
                    read_cause(&client, &stack).await
                } else {
                    None
                };
                return Err(refusal.failure(&stack, cause.as_deref()).into());
            }
        }
    }
    Ok(PreparedStack {
        operation: Operation::Create,
        stack: None,
        phase,
    })
}

/// Asks for the replacement of a failed stack, unless `--replace-failed-stack` approves the replacement.
///
/// # Errors
///
/// If the operator declines, or if a table would be deleted without `--allow-table-replacement`. If there
/// is neither `--yes` nor a terminal, because the deploy could not be confirmed after the deletion.
async fn approve_replacement(
    context: &Context<'_>,
    client: &Client,
    stack: &Stack,
    approval: Approval,
) -> anyhow::Result<()> {
    let Stack { name, status, .. } = stack;
    if approval == Approval::Required {
        output::progress(format_args!(
            "{name} is in {status}: it can only be deleted and created again. A retained table is imported with its data."
        ));
        ask(format!("Delete what is left of {name}?")).await?;
    } else if context.options.consent == Consent::Missing {
        let declined = declined("there is no terminal for the question");
        return Err(declined
            .hint("pass --yes to confirm without a terminal")
            .into());
    }
    if context.options.allow_table_replacement {
        return Ok(());
    }
    let resources = inventory::read(client, stack).await?;
    if resources.iter().any(StackResource::is_lost_table) {
        return Err(Failure::new(format!(
            "{NOTHING_DEPLOYED}: {name} has a table, which would be deleted with the stack"
        ))
        .hint("to accept the loss of the table's data, pass --allow-table-replacement")
        .into());
    }
    Ok(())
}

/// Reads the stack's status reason and the failures of its resources.
async fn read_cause(client: &Client, stack: &Stack) -> Option<String> {
    let mut parts: Vec<String> = stack.status_reason.iter().cloned().collect();
    match events::read_last_failures(client, stack).await {
        Ok(failures) => parts.extend(failures.iter().map(ToString::to_string)),
        Err(failed) => parts.push(failed.failure.to_string()),
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// Asks for the consent to a recovery. `--yes` confirms only the deploy.
async fn ask(text: String) -> anyhow::Result<()> {
    Question::new(text).agreed(false, NOTHING_DEPLOYED).await
}
