//! Executing a change set and following it to its end.

use std::time::Duration;

use aws_sdk_cloudformation::Client;
use xtask::failure::Failure;
use xtask::output;

use super::change_set::ChangeSet;
use super::events::{EventLog, Line, ResourceEvent};
use super::outcome;
use super::report::{Event, Report};
use super::stack::{self, Stack};
use crate::polling::poll;

/// How long a deploy is followed. A first one takes minutes; one that shifts
/// traffic a step a minute and is rolled back by an alarm half an hour.
const FOLLOW_LIMIT: Duration = Duration::from_hours(2);
/// How many times in a row the stack may fail to answer, each with the SDK's
/// own retries: the deploy goes on at AWS while a laptop changes networks.
const LOST_ANSWERS: u32 = 5;

/// Executes a change set and waits until the stack is as it says.
///
/// # Errors
///
/// When it fails, with the earliest cause; when it was rolled back, with that
/// exit code.
pub(crate) async fn execute(
    client: &Client,
    change_set: &ChangeSet,
    report: &Report,
) -> anyhow::Result<()> {
    let mut log = EventLog::from_now(client, &change_set.stack_id).await?;
    output::progress(format_args!("deploying {}", change_set.stack));
    change_set.execute(client).await?;

    let mut events = Vec::new();
    let mut lost = 0;
    let ended = poll(FOLLOW_LIMIT, async || {
        match look(client, &change_set.stack_id, &mut log).await {
            Ok((stack, new)) => {
                lost = 0;
                for event in new {
                    show(&change_set.stack, &event, report)?;
                    events.push(event);
                }
                Ok(outcome::is_over(&stack.status, &events).then_some(stack))
            }
            Err(error) if lost < LOST_ANSWERS => {
                lost += 1;
                report.warn(&format!("{error:#}; trying again"))?;
                Ok(None)
            }
            Err(error) => Err(error.context(format!(
                "{} is still being deployed, but nothing more can be seen of it",
                change_set.stack
            ))),
        }
    });
    let Some(stack) = ended.await? else {
        return Err(Failure::new(format!(
            "{} is still being deployed after {} minutes",
            change_set.stack,
            FOLLOW_LIMIT.as_secs() / 60
        ))
        .hint("look at its events in the CloudFormation console")
        .into());
    };
    outcome::judge(&stack, &events)
}

/// The status is read before the events, so that the last look has them all.
async fn look(
    client: &Client,
    stack_id: &str,
    log: &mut EventLog,
) -> anyhow::Result<(Stack, Vec<ResourceEvent>)> {
    let stack = stack::describe(client, stack_id)
        .await?
        .ok_or_else(|| Failure::new(format!("the stack {stack_id} was removed meanwhile")))?;
    let events = log.read(client).await?;
    Ok((stack, events))
}

fn show(stack: &str, event: &ResourceEvent, report: &Report) -> anyhow::Result<()> {
    output::progress(Line(event));
    report.event(&Event::Resource {
        stack,
        time: &event.time,
        logical_id: &event.logical_id,
        resource_type: &event.resource_type,
        status: &event.status,
        reason: event.reason.as_deref(),
    })
}
