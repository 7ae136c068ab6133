//! Calls whose failure may pass: throttling and a lost connection are waited out for
//! minutes, because the operation that the call is about goes on at AWS.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::failed_call::{FailedCall, Trouble};
use crate::report::Report;

/// The time for which calls may fail in a row. Throttling of an account lasts as long as
/// whatever causes it, such as another deploy.
pub(crate) const PATIENCE: Duration = Duration::from_mins(10);

/// Pauses after a failed call, which itself is four attempts of the SDK.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The pause after a failed call, by the pause before it.
pub(crate) fn longer(pause: Duration) -> Duration {
    pause.saturating_mul(2).clamp(FIRST_PAUSE, LONGEST_PAUSE)
}

/// Repeats a call while its failure may pass, for up to ten minutes. Warns once.
///
/// # Errors
///
/// The last failure.
pub(crate) async fn patiently<T>(
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
        if failed.trouble != Trouble::Passing || started.elapsed() >= PATIENCE {
            return Err(failed.into());
        }
        if pause.is_zero() {
            report.warn(&format!(
                "{}; trying again for {} minutes",
                failed.failure,
                PATIENCE.as_secs() / 60
            ))?;
        }
        pause = longer(pause);
        sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use xtask::failure::Failure;
    use xtask::options::OutputFormat;

    use super::*;

    fn failed(trouble: Trouble) -> FailedCall {
        FailedCall {
            trouble,
            failure: Failure::new("could not read the stack: Throttling: Rate exceeded"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_is_waited_out_for_minutes_and_not_for_ever() {
        let report = Report::new(OutputFormat::Text);
        let started = Instant::now();
        let mut calls = 0;
        let answer = patiently(&report, async || {
            calls += 1;
            if calls < 10 {
                return Err(failed(Trouble::Passing));
            }
            Ok(calls)
        });
        assert_eq!(answer.await.ok(), Some(10));
        assert!(started.elapsed() > Duration::from_mins(3));

        let started = Instant::now();
        let never = patiently(&report, async || Err::<(), _>(failed(Trouble::Passing))).await;
        let error = never.err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains("Throttling")));
        let waited = started.elapsed();
        assert!(waited >= PATIENCE && waited <= PATIENCE + LONGEST_PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn what_no_time_helps_against_is_not_repeated() {
        let report = Report::new(OutputFormat::Text);
        for trouble in [Trouble::SessionOver, Trouble::Refused] {
            let mut calls = 0;
            let refused = patiently(&report, async || {
                calls += 1;
                Err::<(), _>(failed(trouble))
            });
            assert!(refused.await.is_err());
            assert_eq!(calls, 1);
        }
    }
}
