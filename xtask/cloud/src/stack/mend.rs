//! Bringing a stack out of a state in which it cannot be deployed.

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::StackStatus;
use xtask::failure::Failure;
use xtask::output;

use super::events::EventLog;
use super::{Stack, follow, is_at_rest, outcome};
use crate::aws_error::explain;
use crate::report::Report;

/// Sees the operation that is under way to its end, whatever that is.
pub(crate) async fn follow(client: &Client, stack: &Stack, report: &Report) -> anyhow::Result<()> {
    output::progress(format_args!(
        "{}: {} is under way; following it to its end",
        stack.name, stack.status
    ));
    let log = EventLog::from_newest(client, stack, report).await?;
    follow::to_the_end(client, log, &stack.name, report).await?;
    Ok(())
}

/// Removes a stack whose creation or removal failed. What its template says is
/// kept stays: the next creation adopts it.
///
/// # Errors
///
/// When it cannot be removed completely.
pub(crate) async fn remove(client: &Client, stack: &Stack, report: &Report) -> anyhow::Result<()> {
    let name = &stack.name;
    output::progress(format_args!("removing the failed stack {name}"));
    if stack.termination_protection {
        super::set_termination_protection(client, stack, false).await?;
    }
    let log = EventLog::from_now(client, stack, report).await?;
    client
        .delete_stack()
        .stack_name(&stack.id)
        .send()
        .await
        .map_err(|error| explain(&format!("remove the failed stack {name}"), &error))?;
    let ended = follow::to_the_end(client, log, name, report).await?;
    let removed = &ended.stack;
    if removed.status == StackStatus::DeleteComplete {
        return Ok(());
    }
    Err(Failure::new(format!(
        "the failed stack {name} could not be removed ({}): {}",
        removed.status,
        outcome::cause(&ended)
    ))
    .hint("remove what it names by hand, or mend what keeps it, and deploy again")
    .into())
}

/// Lets a rollback that got stuck go on, and sees it to its end.
///
/// # Errors
///
/// When it gets stuck again.
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
        .map_err(|error| explain(&format!("continue the rollback of {name}"), &error))?;
    let ended = follow::to_the_end(client, log, name, report).await?;
    let status = &ended.stack.status;
    if is_at_rest(status) && *status != StackStatus::UpdateRollbackFailed {
        return Ok(());
    }
    Err(Failure::new(format!(
        "the rollback of {name} failed again: {}",
        outcome::cause(&ended)
    ))
    .hint(format!(
        "mend what it names, then deploy again; {} with --resources-to-skip leaves a resource as it is",
        ended.stack.command("continue-update-rollback")
    ))
    .into())
}
