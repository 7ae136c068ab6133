//! Follows an operation on a stack to its end.

mod watch;

use std::fmt::Write as _;
use std::time::Duration;

use aws_sdk_cloudformation::Client;
use tokio::time::{Instant, sleep};
use xtask::failure::Failure;

use super::Stack;
use super::events::{self, EventLog, ResourceEvent, ResourceStatusEvent};
use super::operation_events::{self, Told};
use super::traffic::Traffic;
use crate::aws_error::{FailedCall, FailureKind};
use crate::polling::SIGN_OF_LIFE;
use crate::progress::Progress;
use crate::report::Report;
use crate::retry::RETRY_LIMIT;
use watch::{FOLLOW_LIMIT, Look, Seen, Verdict, Watch};

/// Maximum number of resources that a sign of life names.
const NAMED_RESOURCES: usize = 3;

/// An operation on a stack that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) stack: Stack,
    /// The events that could be read.
    pub(crate) events: Vec<ResourceEvent>,
    /// The failures that the stack's own events only refer to.
    pub(crate) told: Told,
}

/// Shows the events of an operation until its end, and the share of traffic while it moves.
/// `name` is the stack's name. [`super::outcome::judge`] judges the end.
///
/// # Errors
///
/// If the stack cannot be read any more, or if the operation exceeds [`FOLLOW_LIMIT`].
pub(crate) async fn to_the_end(
    client: &Client,
    mut log: EventLog,
    name: &str,
    mut traffic: Option<&mut Traffic<'_>>,
    report: &Report,
) -> anyhow::Result<Ended> {
    let started = Instant::now();
    let mut watch = Watch::new(log.before().clone());
    let mut screen = Screen::new(name, report);
    let mut events: Vec<ResourceEvent> = Vec::new();
    loop {
        // The status is read before the events, so that the last look has all events.
        let stack = super::try_to_describe(client, log.stack_id()).await;
        let read = match &stack {
            Ok(_) => log.read(client).await,
            Err(_) => Ok(Vec::new()),
        };
        let read = match read {
            Ok(new) => {
                for event in new {
                    screen.event(&event)?;
                    events.push(event);
                }
                Ok(())
            }
            Err(failed) => Err(failed),
        };
        if let Some(traffic) = &mut traffic {
            traffic.look(&events, &mut screen.progress, report).await?;
        }
        let stack = match stack {
            Ok(Some(stack)) => Ok(stack),
            Ok(None) => {
                let text = format!("the stack {name} was deleted during the operation");
                return Err(Failure::new(text).into());
            }
            Err(failed) => Err(failed),
        };
        let look = Look {
            status: match &stack {
                Ok(stack) => Ok(Seen {
                    status: &stack.status,
                    last_updated: stack.last_updated.as_deref(),
                }),
                Err(failed) => Err(failed.kind),
            },
            events: match &read {
                Ok(()) => Ok(events::stack_status(&events)),
                Err(failed) => Err(failed.kind),
            },
        };
        let verdict = watch.look(started.elapsed(), &look);
        match verdict {
            Verdict::Wait(pause) => {
                screen.trouble(stack.as_ref().err(), read.as_ref().err())?;
                screen.sign_of_life(started.elapsed(), stack.as_ref().ok(), &events);
                sleep(pause).await;
            }
            Verdict::Over => {
                drop(screen);
                let stack = stack.map_err(anyhow::Error::from)?;
                let mut told = operation_events::of_operation(client, &stack, &events).await;
                if let Err(failed) = &read {
                    told.lack(&failed.failure);
                }
                return Ok(Ended {
                    stack,
                    events,
                    told,
                });
            }
            Verdict::Blind => {
                let failed = stack.err().or(read.err());
                return Err(cannot_follow(name, failed).into());
            }
            Verdict::TooLong => return Err(too_long(name).into()),
        }
    }
}

/// The failure of a command that can no longer follow the operation, which continues.
fn cannot_follow(name: &str, failed: Option<FailedCall>) -> Failure {
    let again = "run the same command again: it follows the operation to its end";
    let text = format!("the operation on {name} continues at AWS and cannot be followed any more");
    let Some(FailedCall { kind, failure }) = failed else {
        return Failure::new(text).hint(again);
    };
    let way_out = failure.hint_text().map(|hint| format!("{hint}; then "));
    let way_out = match kind {
        FailureKind::SessionExpired => way_out
            .unwrap_or_else(|| "sign in again, such as with `aws sso login`; then ".to_owned()),
        FailureKind::Transient => String::new(),
        FailureKind::Permanent => way_out.unwrap_or_default(),
    };
    let text = match kind {
        FailureKind::Transient => format!(
            "{text}: AWS has not answered for {} minutes: {failure}",
            RETRY_LIMIT.as_secs() / 60
        ),
        FailureKind::SessionExpired | FailureKind::Permanent => format!("{text}: {failure}"),
    };
    Failure::new(text).hint(format!("{way_out}{again}"))
}

fn too_long(name: &str) -> Failure {
    Failure::new(format!(
        "the operation on {name} has not ended after {} minutes",
        FOLLOW_LIMIT.as_secs() / 60
    ))
    .hint("look at its events in the CloudFormation console, then run the same command again: it follows the operation to its end")
}

/// The view of an operation, with its warnings and signs of life.
struct Screen<'a> {
    name: &'a str,
    report: &'a Report,
    progress: Progress,
    silence: Silence,
    has_warned_of_status: bool,
    has_warned_of_events: bool,
}

impl<'a> Screen<'a> {
    fn new(name: &'a str, report: &'a Report) -> Self {
        Screen {
            name,
            report,
            progress: Progress::on_stderr(),
            silence: Silence::default(),
            has_warned_of_status: false,
            has_warned_of_events: false,
        }
    }

    fn event(&mut self, event: &ResourceEvent) -> anyhow::Result<()> {
        self.silence.is_broken();
        self.progress.event(event);
        self.progress.print(|| {
            self.report
                .emit(&ResourceStatusEvent::new(self.name, event))
        })
    }

    /// Warns once that the status cannot be read, and once that the events cannot.
    fn trouble(
        &mut self,
        status: Option<&FailedCall>,
        events: Option<&FailedCall>,
    ) -> anyhow::Result<()> {
        if let Some(failed) = status
            && !std::mem::replace(&mut self.has_warned_of_status, true)
        {
            self.warn(&format!(
                "{}; trying again for {} minutes",
                failed.failure,
                RETRY_LIMIT.as_secs() / 60
            ))?;
        }
        if let Some(failed) = events
            && !std::mem::replace(&mut self.has_warned_of_events, true)
        {
            self.warn(&format!(
                "{}; the operation is followed by the stack's status",
                failed.failure
            ))?;
        }
        Ok(())
    }

    fn warn(&mut self, message: &str) -> anyhow::Result<()> {
        self.silence.is_broken();
        self.progress.print(|| self.report.warn(message))
    }

    /// Prints a line if there was none for a while.
    fn sign_of_life(&mut self, at: Duration, stack: Option<&Stack>, events: &[ResourceEvent]) {
        if self.silence.is_too_long(at) {
            let status = stack.map(|stack| stack.status.as_str());
            let text = sign_of_life(self.name, at, status, &events::in_progress(events));
            self.progress.sign_of_life(&text);
        }
    }
}

/// The time since the last printed line.
#[derive(Debug, Default)]
struct Silence {
    has_spoken: bool,
    since: Duration,
}

impl Silence {
    /// Notes that a line is printed.
    fn is_broken(&mut self) {
        self.has_spoken = true;
    }

    /// Returns true if no line was printed for 30 seconds; then the silence begins anew.
    fn is_too_long(&mut self, at: Duration) -> bool {
        if std::mem::take(&mut self.has_spoken) {
            self.since = at;
        }
        let is_too_long = at.saturating_sub(self.since) >= SIGN_OF_LIFE;
        if is_too_long {
            self.since = at;
        }
        is_too_long
    }
}

/// The text of a sign of life: the status, and the resources in progress.
fn sign_of_life(name: &str, at: Duration, status: Option<&str>, under_way: &[&str]) -> String {
    let status = status.unwrap_or("status not known");
    let mut text = format!("still following {name} ({} s): {status}", at.as_secs());
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

#[cfg(test)]
mod tests {
    use super::*;

    impl Ended {
        /// An operation that ended in this status, with these events.
        pub(crate) fn for_tests(status: &str, events: Vec<ResourceEvent>) -> Self {
            Ended {
                stack: Stack::for_tests(status),
                events,
                told: Told::default(),
            }
        }
    }

    #[test]
    fn a_sign_of_life_is_printed_after_30_seconds_of_silence() {
        let mut silence = Silence::default();
        let mut signs = Vec::new();
        for second in 0..120 {
            if second == 40 {
                silence.is_broken();
            }
            if silence.is_too_long(Duration::from_secs(second)) {
                signs.push(second);
            }
        }
        assert_eq!(signs, [30, 70, 100]);
    }

    #[test]
    fn a_sign_of_life_names_the_status_and_some_resources_in_progress() {
        let at = Duration::from_secs(95);
        let all = ["A", "B", "C", "D", "E"];
        assert_eq!(
            sign_of_life("crypto-watch-dev", at, Some("UPDATE_IN_PROGRESS"), &all),
            "still following crypto-watch-dev (95 s): UPDATE_IN_PROGRESS; in progress: A, B, C and 2 more"
        );
        assert_eq!(
            sign_of_life("crypto-watch-dev", at, None, &[]),
            "still following crypto-watch-dev (95 s): status not known"
        );
    }

    #[test]
    fn an_operation_that_cannot_be_followed_names_the_commands_to_sign_in_and_to_continue() {
        let failed = |kind, hint: Option<&str>| {
            let failure = Failure::new("could not read the stack s: ExpiredToken: expired");
            let failure = match hint {
                Some(hint) => failure.hint(hint),
                None => failure,
            };
            cannot_follow("s", Some(FailedCall { kind, failure }))
        };
        let again = "run the same command again: it follows the operation to its end";
        for (kind, hint, expected) in [
            (
                FailureKind::SessionExpired,
                None,
                format!("sign in again, such as with `aws sso login`; then {again}"),
            ),
            (
                FailureKind::SessionExpired,
                Some("run `aws sso login --profile ops`"),
                format!("run `aws sso login --profile ops`; then {again}"),
            ),
            (
                FailureKind::Transient,
                Some("wait a minute"),
                again.to_owned(),
            ),
            (FailureKind::Permanent, None, again.to_owned()),
        ] {
            let failure = failed(kind, hint);
            assert_eq!(failure.hint_text(), Some(&*expected));
            assert!(failure.to_string().contains("ExpiredToken: expired"));
        }
    }
}
