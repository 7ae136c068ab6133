//! The decision whether an operation on a stack is over, look by look, without a call to
//! AWS. The stack's status alone ends the wait; its events are for the screen.

use std::time::Duration;

use aws_sdk_cloudformation::types::StackStatus;

use crate::aws_error::FailureKind;
use crate::retry::{RETRY_LIMIT, next_pause};
use crate::stack::events::Before;
use crate::stack::is_at_rest;

/// The time for which an operation is followed. A first deploy takes minutes; one that
/// shifts traffic a step a minute and is rolled back by an alarm half an hour.
pub(super) const FOLLOW_LIMIT: Duration = Duration::from_hours(2);

/// The time for which the last events may come later than the status that they led to.
const EVENTS_LAG: Duration = Duration::from_secs(10);

/// The time after which a status that nothing has changed counts as the operation's end
/// although no event can be read. CloudFormation changes the status when it accepts an
/// operation, and shows that within seconds.
const SETTLED: Duration = Duration::from_mins(1);

/// The pause after the first look, and the longest one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The result of one look at a stack.
#[derive(Debug)]
pub(super) struct Look<'a> {
    pub(super) status: Result<Seen<'a>, FailureKind>,
    /// The last status that the stack reported of itself in the operation's events. Not
    /// read where the status could not be read.
    pub(super) events: Result<Option<&'a str>, FailureKind>,
}

/// The parts of a stack's description that decide.
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
    /// The operation is over, with the status of this look.
    Over,
    /// The stack cannot be seen any more.
    Blind,
    /// The operation takes longer than it is followed.
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
    /// Since when the status shows that the operation is over.
    over_since: Option<Duration>,
    /// Since when the status cannot be read.
    blind_since: Option<Duration>,
    pause: Duration,
}

impl Watch {
    pub(super) fn new(before: Before) -> Self {
        Watch {
            // A creation, or an operation that was under way already.
            has_begun: !is_at_rest(&before.status),
            before,
            reported: None,
            over_since: None,
            blind_since: None,
            pause: FIRST_PAUSE,
        }
    }

    /// Takes in one look, so long after the first one.
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

    /// Returns true if a stack at rest is at the operation's end, and not still as it was
    /// before.
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
        // A stack that was updated has a time of its last update, except at endpoints that
        // leave it out. One that was only created has none before its first update begins:
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
