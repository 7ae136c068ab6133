//! Recovery of a stack from a status in which it cannot be deployed.

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::StackStatus;
use xtask::failure::Failure;
use xtask::output;

use super::events::EventLog;
use super::{Stack, follow, is_at_rest, outcome};
use crate::aws_error::Explained as _;
use crate::report::Report;

/// Follows the operation in progress to its end. A failure of the operation is not an error.
pub(crate) async fn follow_operation(
    client: &Client,
    stack: &Stack,
    report: &Report,
) -> anyhow::Result<()> {
    output::progress(format_args!(
        "{}: {} is in progress; following it to its end",
        stack.name, stack.status
    ));
    let log = EventLog::from_newest(client, stack, report).await?;
    follow::to_the_end(client, log, None, report).await?;
    Ok(())
}

/// Deletes a stack whose creation or deletion failed. The deletion keeps resources
/// whose `DeletionPolicy` retains them, and the next creation imports them.
pub(crate) async fn delete_failed_stack(
    client: &Client,
    stack: &Stack,
    report: &Report,
) -> anyhow::Result<()> {
    let name = &stack.name;
    output::progress(format_args!("deleting the failed stack {name}"));
    if stack.termination_protection {
        super::set_termination_protection(client, stack, false).await?;
    }
    let log = EventLog::from_now(client, stack, report).await?;
    client
        .delete_stack()
        .stack_name(&stack.id)
        .send()
        .await
        .explained(format_args!("delete the failed stack {name}"))?;
    let ended = follow::to_the_end(client, log, None, report).await?;
    let status = &ended.stack.status;
    if *status == StackStatus::DeleteComplete {
        return Ok(());
    }
    Err(Failure::new(format!(
        "could not delete the failed stack {name} ({status}): {}",
        outcome::cause(&ended)
    ))
    .hint("delete the listed resources, or fix what blocks their deletion, then deploy again")
    .into())
}

/// Continues a rollback that failed, and follows it to its end.
pub(crate) async fn continue_update_rollback(
    client: &Client,
    stack: &Stack,
    report: &Report,
) -> anyhow::Result<()> {
    let name = &stack.name;
    output::progress(format_args!("continuing the rollback of {name}"));
    let log = EventLog::from_now(client, stack, report).await?;
    client
        .continue_update_rollback()
        .stack_name(&stack.id)
        .send()
        .await
        .explained(format_args!("continue the rollback of {name}"))?;
    let ended = follow::to_the_end(client, log, None, report).await?;
    let status = &ended.stack.status;
    if is_at_rest(status) && *status != StackStatus::UpdateRollbackFailed {
        return Ok(());
    }
    Err(Failure::new(format!(
        "the rollback of {name} failed again: {}",
        outcome::cause(&ended)
    ))
    .hint(format!(
        "fix the cause, then deploy again; to skip a resource, run {} with --resources-to-skip",
        ended.stack.command("continue-update-rollback")
    ))
    .into())
}
