//! Retries of calls that fail for a while: throttling and a lost connection are waited out for
//! minutes, because the operation at AWS goes on meanwhile.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::aws_error::{FailedCall, FailureKind};
use crate::report::Report;

/// The time for which calls in a row may fail. The throttling of an account lasts as long as
/// its cause, such as another deploy.
pub(crate) const RETRY_LIMIT: Duration = Duration::from_mins(10);

/// Pauses after a failed call, which itself is four attempts of the SDK.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Computes the pause after a failed call from the pause before the call.
pub(crate) fn next_pause(pause: Duration) -> Duration {
    pause.saturating_mul(2).clamp(FIRST_PAUSE, LONGEST_PAUSE)
}

/// Repeats a call while it fails with a transient error, for up to ten minutes. Warns once.
///
/// # Errors
///
/// The last failure.
pub(crate) async fn while_transient<T>(
    report: &Report,
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
            report.warn(&format!(
                "{}; trying again for {} minutes",
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
    use xtask::failure::Failure;
    use xtask::options::OutputFormat;

    use super::*;

    fn failed(kind: FailureKind) -> FailedCall {
        FailedCall {
            kind,
            failure: Failure::new("could not read the stack: Throttling: Rate exceeded"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_is_waited_out_for_minutes_and_not_for_ever() {
        let report = Report::new(OutputFormat::Text);
        let started = Instant::now();
        let mut calls = 0;
        let answer = while_transient(&report, async || {
            calls += 1;
            if calls < 10 {
                return Err(failed(FailureKind::Transient));
            }
            Ok(calls)
        });
        assert_eq!(answer.await.ok(), Some(10));
        assert!(started.elapsed() > Duration::from_mins(3));

        let started = Instant::now();
        let never = async || Err::<(), _>(failed(FailureKind::Transient));
        let never = while_transient(&report, never).await;
        let error = never.err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains("Throttling")));
        let waited = started.elapsed();
        assert!(waited >= RETRY_LIMIT && waited <= RETRY_LIMIT + LONGEST_PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_that_does_not_pass_is_not_retried() {
        let report = Report::new(OutputFormat::Text);
        for kind in [FailureKind::SessionExpired, FailureKind::Permanent] {
            let mut calls = 0;
            let refused = while_transient(&report, async || {
                calls += 1;
                Err::<(), _>(failed(kind))
            });
            assert!(refused.await.is_err());
            assert_eq!(calls, 1);
        }
    }
}
