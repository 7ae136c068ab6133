//! Follows an operation on a stack to its end.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::time::Duration;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::StackStatus;
use tokio::time::{Instant, sleep};
use xtask::failure::Failure;

use super::events::{self, EventLog, ResourceEvent, ResourceStatusEvent};
use super::operation_events::{self, OperationFailures};
use super::traffic::Traffic;
use super::{Stack, is_at_rest};
use crate::aws_error::FailureKind;
use crate::polling::{self, HEARTBEAT};
use crate::progress::Progress;
use crate::report::Report;

/// Time limit for following an operation. A first deploy takes minutes; a deploy that
/// shifts traffic and is rolled back by an alarm takes half an hour.
const FOLLOW_LIMIT: Duration = Duration::from_hours(2);

/// The longest time by which the last events may follow the final status.
const EVENTS_LAG: Duration = Duration::from_secs(10);

/// The pause after the first poll, and the longest pause.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Maximum number of resources that a heartbeat names.
const NAMED_RESOURCES: usize = 3;

/// The hint if an operation cannot be followed any more.
const AGAIN: &str = "run the same command again: it follows the operation to its end";

/// The end of an operation on a stack.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) stack: Stack,
    /// The events that could be read.
    pub(crate) events: Vec<ResourceEvent>,
    /// The failures that the stack's own events only refer to.
    pub(crate) failures: OperationFailures,
}

/// Shows the events of an operation until its end, and the share of traffic while CodeDeploy moves it.
/// The stack's status ends the wait, even if the events cannot be read. [`super::outcome::judge`]
/// decides whether the operation succeeded.
///
/// # Errors
///
/// If the stack cannot be read any more, or if the operation exceeds [`FOLLOW_LIMIT`].
pub(crate) async fn to_the_end(
    client: &Client,
    mut log: EventLog,
    mut traffic: Option<&mut Traffic<'_>>,
    report: &Report,
) -> anyhow::Result<Ended> {
    let started = Instant::now();
    let Stack { id, name, .. } = log.before.clone();
    let mut watch = Watch::new(log.before.clone());
    let mut screen = Screen::new(&name, report);
    let mut events: Vec<ResourceEvent> = Vec::new();
    let mut pause = FIRST_PAUSE;
    loop {
        // The status is read before the events, so that the last poll has all events.
        let describe = async || super::describe(client, &id).await;
        let stack = polling::while_transient(|text| screen.warn(text), describe).await;
        let stack = stack.map_err(|error| cannot_follow(&name, &error))?;
        let stack = stack.ok_or_else(|| {
            Failure::new(format!("the stack {name} was deleted during the operation"))
        })?;
        let unread = match log.read(client).await {
            Ok(new) => {
                new.iter().try_for_each(|event| screen.event(event))?;
                events.extend(new);
                None
            }
            Err(failed) => Some(failed),
        };
        if let Some(traffic) = &mut traffic {
            traffic.poll(&events, &mut screen.progress, report).await?;
        }
        let elapsed = started.elapsed();
        let reported = match &unread {
            None => Ok(events::stack_status(&events)),
            Some(_) => Err(EventsUnread),
        };
        if watch.is_over(elapsed, &stack, reported) {
            drop(screen);
            let mut failures = operation_events::of_operation(client, &stack, &events).await;
            if let Some(failed) = &unread {
                failures.record_unread(&failed.failure);
            }
            return Ok(Ended {
                stack,
                events,
                failures,
            });
        }
        if elapsed >= FOLLOW_LIMIT {
            return Err(too_long(&name).into());
        }
        if let Some(failed) = unread {
            if failed.kind == FailureKind::SessionExpired {
                return Err(cannot_follow(&name, &failed.into()).into());
            }
            screen.warn_of_events(&failed.failure)?;
            pause = polling::next_pause(pause);
        }
        screen.heartbeat(elapsed, &stack, &events);
        sleep(pause).await;
        pause = pause.mul_f64(1.5).min(LONGEST_PAUSE);
    }
}

/// Returns the failure of a command that can no longer follow the operation, which continues.
fn cannot_follow(name: &str, error: &anyhow::Error) -> Failure {
    let hint = error.downcast_ref::<Failure>().and_then(Failure::hint_text);
    let hint = hint
        .map(|hint| format!("{hint}; then "))
        .unwrap_or_default();
    Failure::new(format!(
        "the operation on {name} continues at AWS and cannot be followed any more: {error:#}"
    ))
    .hint(format!("{hint}{AGAIN}"))
}

fn too_long(name: &str) -> Failure {
    let hours = FOLLOW_LIMIT.as_secs() / 3600;
    Failure::new(format!(
        "the operation on {name} has not ended after {hours} hours"
    ))
    .hint(format!(
        "look at its events in the CloudFormation console, then {AGAIN}"
    ))
}

/// A poll that could not read the events.
#[derive(Debug, Clone, Copy)]
struct EventsUnread;

/// The state of the wait: decides with each poll whether the operation has begun and ended.
struct Watch {
    before: Stack,
    /// Whether the status itself has shown that the operation has begun.
    has_begun: bool,
    /// The time since which the status shows that the operation has ended.
    over_since: Option<Duration>,
}

impl Watch {
    fn new(before: Stack) -> Self {
        Watch {
            // A stack is not at rest before its creation, or if an operation is already in progress.
            has_begun: !is_at_rest(&before.status),
            before,
            over_since: None,
        }
    }

    /// Returns true if the operation has ended: the stack's status is final, and is not the status from before
    /// the operation. `elapsed` is the time since the first poll. `reported` is the last status of the stack in
    /// the operation's events.
    fn is_over(
        &mut self,
        elapsed: Duration,
        stack: &Stack,
        reported: Result<Option<&str>, EventsUnread>,
    ) -> bool {
        let (status, updated) = (&stack.status, &stack.last_updated);
        if *status == StackStatus::DeleteComplete {
            return true;
        }
        self.has_begun |= !is_at_rest(status)
            || *status != self.before.status
            || (updated.is_some() && *updated != self.before.last_updated);
        if !is_at_rest(status) {
            self.over_since = None;
            return false;
        }
        if reported.is_ok_and(|reported| reported == Some(status.as_str())) {
            return true;
        }
        if !self.has_begun {
            return false;
        }
        let since = *self.over_since.get_or_insert(elapsed);
        reported.is_err() || elapsed.saturating_sub(since) >= EVENTS_LAG
    }
}

/// The view of an operation, with its warnings and heartbeats.
struct Screen<'a> {
    name: &'a str,
    report: &'a Report,
    progress: Progress,
    /// The time of the last printed line.
    last_line: Instant,
    has_warned_of_events: bool,
}

impl<'a> Screen<'a> {
    fn new(name: &'a str, report: &'a Report) -> Self {
        Screen {
            name,
            report,
            progress: Progress::on_stderr(),
            last_line: Instant::now(),
            has_warned_of_events: false,
        }
    }

    fn event(&mut self, event: &ResourceEvent) -> anyhow::Result<()> {
        self.last_line = Instant::now();
        self.progress.event(event);
        let stack = self.name;
        self.progress
            .print(|| self.report.emit(&ResourceStatusEvent { stack, event }))
    }

    fn warn(&self, message: &str) -> anyhow::Result<()> {
        self.progress.print(|| self.report.warn(message))
    }

    fn warn_of_events(&mut self, failure: &Failure) -> anyhow::Result<()> {
        if std::mem::replace(&mut self.has_warned_of_events, true) {
            return Ok(());
        }
        self.warn(&format!(
            "{failure}; only the stack's status shows the end of the operation"
        ))
    }

    /// Prints the state of the operation if no line was printed for [`HEARTBEAT`].
    fn heartbeat(&mut self, elapsed: Duration, stack: &Stack, events: &[ResourceEvent]) {
        if self.last_line.elapsed() >= HEARTBEAT {
            self.last_line = Instant::now();
            let under_way = events::in_progress(events);
            let text = heartbeat(self.name, elapsed, stack.status.as_str(), &under_way);
            self.progress.heartbeat(&text);
        }
    }
}

/// Returns the text of a heartbeat: the status, and the resources in progress.
fn heartbeat(name: &str, elapsed: Duration, status: &str, under_way: &[&str]) -> String {
    let mut text = format!("still following {name} ({} s): {status}", elapsed.as_secs());
    if !under_way.is_empty() {
        let named: Vec<&str> = under_way.iter().copied().take(NAMED_RESOURCES).collect();
        text.push_str("; in progress: ");
        text.push_str(&named.join(", "));
    }
    let more = under_way.len().saturating_sub(NAMED_RESOURCES);
    if more > 0 {
        let _ = write!(text, " and {more} more");
    }
    text
}
