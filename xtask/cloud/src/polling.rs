//! Repeated calls: polls until there is a result, with a heartbeat every 30 seconds, and retries after
//! transient failures.

use std::fmt::Display;
use std::pin::pin;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use tokio::time::{Instant, interval_at, sleep};
use xtask::failure::Failure;
use xtask::output;

use crate::aws_error::{FailedCall, FailureKind};

/// The first delay between two calls. AWS finishes a step within seconds, an emulator within milliseconds.
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// The longest delay between two calls. CloudFormation throttles clients that poll much more often.
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// The time between two heartbeats: lines that show that the command still waits. Without them, a CI
/// job looks as if it hangs.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(30);

/// Repeats `call` until it returns a value or an error. Returns `None` after `limit`. Prints
/// "still `activity`" every 30 seconds.
pub(crate) async fn poll<T>(
    limit: Duration,
    activity: impl Display,
    mut call: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<Option<T>> {
    // On the heap, because the futures of the SDK are large.
    let polled = Box::pin(async {
        let started = Instant::now();
        let delays = ExponentialBuilder::default()
            .with_min_delay(FIRST_DELAY)
            .with_max_delay(LONGEST_DELAY)
            .with_factor(1.5)
            .without_max_times()
            .build();
        for delay in delays {
            if let Some(value) = call().await? {
                return Ok(Some(value));
            }
            if started.elapsed() + delay > limit {
                break;
            }
            sleep(delay).await;
        }
        Ok(None)
    });
    with_heartbeat(activity, polled).await
}

/// Repeats `call` until it returns a value, as [`poll`] does. Fails after `limit`.
pub(crate) async fn wait<T>(
    limit: Duration,
    activity: impl Display,
    call: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    poll(limit, &activity, call).await?.ok_or_else(|| {
        let minutes = limit.as_secs() / 60;
        let late = Failure::new(format!("{activity} took more than {minutes} min"));
        late.hint("try again later").into()
    })
}

/// Waits for `work`, and prints "still `activity`" every 30 seconds.
pub(crate) async fn with_heartbeat<T>(activity: impl Display, work: impl Future<Output = T>) -> T {
    with_callback(work, |seconds| {
        output::progress(format_args!("still {activity} ({seconds} s)"));
    })
    .await
}

/// Waits for `work`, and calls `beat` every 30 seconds with the seconds since the start.
async fn with_callback<T>(work: impl Future<Output = T>, mut beat: impl FnMut(u64)) -> T {
    let mut work = pin!(work);
    let started = Instant::now();
    let mut ticks = interval_at(started + HEARTBEAT, HEARTBEAT);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            _ = ticks.tick() => beat(started.elapsed().as_secs()),
        }
    }
}

/// The time for which a call that fails is repeated. AWS throttles an account as long as the cause lasts,
/// for example another deploy.
pub(crate) const RETRY_LIMIT: Duration = Duration::from_mins(10);

/// The shortest and the longest pause after a failed call, in which the SDK has made four attempts.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Computes the pause after a failed call from the pause before that call.
pub(crate) fn next_pause(pause: Duration) -> Duration {
    pause.saturating_mul(2).clamp(FIRST_PAUSE, LONGEST_PAUSE)
}

/// Repeats a call while it fails with a transient error, for up to [`RETRY_LIMIT`]. The operation that
/// the call observes continues at AWS meanwhile. Calls `warn` after the first failure only.
pub(crate) async fn while_transient<T>(
    warn: impl Fn(&str) -> anyhow::Result<()>,
    mut call: impl AsyncFnMut() -> Result<T, FailedCall>,
) -> anyhow::Result<T> {
    let started = Instant::now();
    let mut pause = Duration::ZERO;
    loop {
        let failed = match call().await {
            Ok(answer) => return Ok(answer),
            Err(failed) => failed,
        };
        if failed.kind != FailureKind::Transient || started.elapsed() >= RETRY_LIMIT {
            return Err(failed.into());
        }
        if pause.is_zero() {
            warn(&format!(
                "{}; trying again for up to {} minutes",
                failed.failure,
                RETRY_LIMIT.as_secs() / 60
            ))?;
        }
        pause = next_pause(pause);
        sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_a_long_wait_has_a_heartbeat_every_30_seconds() {
        for (wait, expected) in [(29, vec![]), (95, vec![30, 60, 90])] {
            let mut announced = Vec::new();
            with_callback(sleep(Duration::from_secs(wait)), |seconds| {
                announced.push(seconds);
            })
            .await;
            assert_eq!(announced, expected, "{wait} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_poll_ends_with_the_answer_or_after_its_limit() {
        let limit = Duration::from_mins(1);
        let mut attempts = 0;
        let found = poll(limit, "looking", async || {
            attempts += 1;
            Ok((attempts == 5).then_some(attempts))
        });
        assert_eq!(found.await.ok(), Some(Some(5)));
        let started = Instant::now();
        let never = poll(limit, "looking", async || anyhow::Ok(None::<()>)).await;
        assert_eq!(never.ok(), Some(None));
        assert!(started.elapsed() <= limit);
        let late = wait(limit, "looking", async || anyhow::Ok(None::<()>)).await;
        let late = late.err().map(|error| error.to_string());
        assert_eq!(late.as_deref(), Some("looking took more than 1 min"));
    }

    fn failed(kind: FailureKind) -> FailedCall {
        FailedCall {
            kind,
            failure: Failure::new("could not read the stack: Throttling: Rate exceeded"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_call_is_repeated_for_ten_minutes() {
        let started = Instant::now();
        let mut calls = 0;
        let answer = while_transient(
            |_| Ok(()),
            async || {
                calls += 1;
                if calls < 10 {
                    return Err(failed(FailureKind::Transient));
                }
                Ok(calls)
            },
        );
        assert_eq!(answer.await.ok(), Some(10));
        assert!(started.elapsed() > Duration::from_mins(3));

        let started = Instant::now();
        let never = async || Err::<(), _>(failed(FailureKind::Transient));
        let never = while_transient(|_| Ok(()), never).await;
        let error = never.err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains("Throttling")));
        let waited = started.elapsed();
        assert!(waited >= RETRY_LIMIT && waited <= RETRY_LIMIT + LONGEST_PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_that_is_not_transient_is_not_retried() {
        for kind in [FailureKind::SessionExpired, FailureKind::Permanent] {
            let mut calls = 0;
            let refused = while_transient(
                |_| Ok(()),
                async || {
                    calls += 1;
                    Err::<(), _>(failed(kind))
                },
            );
            assert!(refused.await.is_err());
            assert_eq!(calls, 1);
        }
    }
}
