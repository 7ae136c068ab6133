//! The decision whether an operation on a stack has ended, look by look, without a call to
//! AWS. The stack's status alone ends the wait; its events are for display.

use std::time::Duration;

use aws_sdk_cloudformation::types::StackStatus;

use crate::aws_error::FailureKind;
use crate::retry::{RETRY_LIMIT, next_pause};
use crate::stack::events::Before;
use crate::stack::is_at_rest;

/// Time limit for following an operation. A first deploy takes minutes; a deploy that
/// shifts traffic and is rolled back by an alarm takes half an hour.
pub(super) const FOLLOW_LIMIT: Duration = Duration::from_hours(2);

/// The maximum delay of the last events after the status that they caused.
const EVENTS_LAG: Duration = Duration::from_secs(10);

/// The time after which an unchanged status counts as the operation's end although no
/// event can be read. CloudFormation changes the status when it accepts an operation, and
/// returns the new status within seconds.
const SETTLED: Duration = Duration::from_mins(1);

/// The pause after the first look, and the longest one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The result of one look at a stack.
#[derive(Debug)]
pub(super) struct Look<'a> {
    pub(super) status: Result<Seen<'a>, FailureKind>,
    /// The last status of the stack itself in the operation's events. Not read if the
    /// status could not be read.
    pub(super) events: Result<Option<&'a str>, FailureKind>,
}

/// The parts of a stack's description that the decision needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) status: &'a StackStatus,
    pub(super) last_updated: Option<&'a str>,
}

/// The consequence of one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Look again after this pause.
    Wait(Duration),
    /// The operation has ended with the status of this look.
    Over,
    /// The stack cannot be read any more.
    Blind,
    /// The operation exceeds [`FOLLOW_LIMIT`].
    TooLong,
}

/// The state of a watch between two looks.
#[derive(Debug)]
pub(super) struct Watch {
    before: Before,
    /// Whether the status itself has shown that the operation has begun.
    has_begun: bool,
    /// The last status that the events reported.
    reported: Option<String>,
    /// The time since which the status shows that the operation has ended.
    over_since: Option<Duration>,
    /// The time since which the status cannot be read.
    blind_since: Option<Duration>,
    pause: Duration,
}

impl Watch {
    pub(super) fn new(before: Before) -> Self {
        Watch {
            // A creation, or an operation that was already in progress.
            has_begun: !is_at_rest(&before.status),
            before,
            reported: None,
            over_since: None,
            blind_since: None,
            pause: FIRST_PAUSE,
        }
    }

    /// Evaluates one look. `at` is the time since the first look.
    pub(super) fn look(&mut self, at: Duration, look: &Look<'_>) -> Verdict {
        match look.status {
            Ok(seen) => self.seen(at, seen, look.events),
            Err(FailureKind::Transient) => {
                let since = *self.blind_since.get_or_insert(at);
                if at.saturating_sub(since) >= RETRY_LIMIT {
                    return Verdict::Blind;
                }
                self.wait(at, true)
            }
            Err(FailureKind::SessionExpired | FailureKind::Permanent) => Verdict::Blind,
        }
    }

    fn seen(
        &mut self,
        at: Duration,
        seen: Seen<'_>,
        events: Result<Option<&str>, FailureKind>,
    ) -> Verdict {
        self.blind_since = None;
        if let Ok(Some(reported)) = events {
            self.reported = Some(reported.to_owned());
        }
        if *seen.status == StackStatus::DeleteComplete {
            return Verdict::Over;
        }
        self.has_begun |= !is_at_rest(seen.status)
            || *seen.status != self.before.status
            || (seen.last_updated.is_some()
                && seen.last_updated != self.before.last_updated.as_deref());
        if !is_at_rest(seen.status) {
            self.over_since = None;
        } else if self.is_over(at, seen, events) {
            return Verdict::Over;
        }
        match events {
            Err(FailureKind::SessionExpired) => Verdict::Blind,
            Err(FailureKind::Transient) => self.wait(at, true),
            Ok(_) | Err(FailureKind::Permanent) => self.wait(at, false),
        }
    }

    /// Returns true if a stack at rest shows the operation's end, and not the state before
    /// the operation.
    fn is_over(
        &mut self,
        at: Duration,
        seen: Seen<'_>,
        events: Result<Option<&str>, FailureKind>,
    ) -> bool {
        if self.reported.as_deref() == Some(seen.status.as_str()) {
            return true;
        }
        if self.has_begun {
            let since = *self.over_since.get_or_insert(at);
            return events.is_err() || at.saturating_sub(since) >= EVENTS_LAG;
        }
        // An updated stack has a time of its last update, except at endpoints that omit it.
        // A created stack has none before its first update begins:
        // <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Stack.html>.
        let shows_no_time =
            seen.last_updated.is_none() && *seen.status != StackStatus::CreateComplete;
        events.is_err() && shows_no_time && at >= SETTLED
    }

    fn wait(&mut self, at: Duration, is_slowed: bool) -> Verdict {
        if at >= FOLLOW_LIMIT {
            return Verdict::TooLong;
        }
        let pause = self.pause;
        self.pause = if is_slowed {
            next_pause(pause)
        } else {
            pause.mul_f64(1.5).min(LONGEST_PAUSE)
        };
        Verdict::Wait(if is_slowed { self.pause } else { pause })
    }
}

#[cfg(test)]
mod tests;
