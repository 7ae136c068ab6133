//! Following an operation on a stack to its end.

use std::time::Duration;

use aws_sdk_cloudformation::Client;
use xtask::failure::Failure;

use super::events::{EventLog, ResourceEvent};
use super::traffic::Traffic;
use super::{Stack, outcome};
use crate::polling::poll;
use crate::progress::Progress;
use crate::report::{Event, Report};

/// How long an operation is followed. A first deploy takes minutes; one that
/// shifts traffic a step a minute and is rolled back by an alarm half an hour.
const FOLLOW_LIMIT: Duration = Duration::from_hours(2);
/// How many times in a row the stack may fail to answer, each with the SDK's
/// own retries: the operation goes on at AWS while a laptop changes networks.
const LOST_ANSWERS: u32 = 5;

/// Shows what happens from the log's beginning on, until nothing more will.
/// `name` is the stack's, for people.
///
/// # Errors
///
/// When the stack cannot be seen any more, or the operation takes longer than
/// it is followed. How it ended is for [`outcome::judge`] to say.
pub(crate) async fn to_the_end(
    client: &Client,
    log: EventLog,
    name: &str,
    report: &Report,
) -> anyhow::Result<(Stack, Vec<ResourceEvent>)> {
    follow(client, log, name, None, report).await
}

/// As [`to_the_end`], and shows where the traffic is while it moves.
pub(crate) async fn with_traffic(
    client: &Client,
    log: EventLog,
    name: &str,
    traffic: &mut Traffic<'_>,
    report: &Report,
) -> anyhow::Result<(Stack, Vec<ResourceEvent>)> {
    follow(client, log, name, Some(traffic), report).await
}

async fn follow(
    client: &Client,
    mut log: EventLog,
    name: &str,
    mut traffic: Option<&mut Traffic<'_>>,
    report: &Report,
) -> anyhow::Result<(Stack, Vec<ResourceEvent>)> {
    let mut events = Vec::new();
    let mut lost = 0;
    let mut progress = Progress::on_stderr();
    let ended = poll(FOLLOW_LIMIT, async || match look(client, &mut log).await {
        Ok((stack, new)) => {
            lost = 0;
            for event in new {
                progress.event(&event);
                progress.print(|| tell(name, &event, report))?;
                events.push(event);
            }
            if let Some(traffic) = &mut traffic {
                traffic.look(&events, &mut progress, report).await?;
            }
            Ok(outcome::is_over(&stack.status, &events).then_some(stack))
        }
        Err(error) if lost < LOST_ANSWERS => {
            lost += 1;
            progress.print(|| report.warn(&format!("{error:#}; trying again")))?;
            Ok(None)
        }
        Err(error) => Err(error.context(format!(
            "the operation on {name} goes on, but nothing more can be seen of it"
        ))),
    });
    let Some(stack) = ended.await? else {
        return Err(Failure::new(format!(
            "the operation on {name} is not over after {} minutes",
            FOLLOW_LIMIT.as_secs() / 60
        ))
        .hint("look at its events in the CloudFormation console")
        .into());
    };
    Ok((stack, events))
}

/// The status is read before the events, so that the last look has them all.
async fn look(client: &Client, log: &mut EventLog) -> anyhow::Result<(Stack, Vec<ResourceEvent>)> {
    let stack_id = log.stack_id().to_owned();
    let stack = super::describe(client, &stack_id)
        .await?
        .ok_or_else(|| Failure::new(format!("the stack {stack_id} was removed meanwhile")))?;
    let events = log.read(client).await?;
    Ok((stack, events))
}

fn tell(stack: &str, event: &ResourceEvent, report: &Report) -> anyhow::Result<()> {
    report.event(&Event::Resource {
        stack,
        time: &event.time,
        logical_id: &event.logical_id,
        resource_type: &event.resource_type,
        status: &event.status,
        reason: event.reason.as_deref(),
    })
}
