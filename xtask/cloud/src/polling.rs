//! Polling: calls that repeat until they have a result, with a sign of life every 30 seconds.

use std::fmt::Display;
use std::pin::pin;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use tokio::time::{Instant, interval_at};
use xtask::output;

/// The first delay. AWS finishes a step within seconds, an emulator within milliseconds.
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// The longest delay. `CloudFormation` throttles clients that poll much more often.
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// The time between two signs of life. Without them, the log of a CI job looks as if the job
/// hangs.
pub(crate) const SIGN_OF_LIFE: Duration = Duration::from_secs(30);

/// Calls `probe` until it returns a value or an error. Returns `None` after `limit`. Prints
/// "still `what`" every 30 seconds.
pub(crate) async fn poll<T>(
    limit: Duration,
    what: impl Display,
    mut probe: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
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
            if let Some(value) = probe().await? {
                return Ok(Some(value));
            }
            if started.elapsed() + delay > limit {
                break;
            }
            tokio::time::sleep(delay).await;
        }
        Ok(None)
    });
    with_signs_of_life(what, polled).await
}

/// Waits for `work`, and prints "still `what`" every 30 seconds.
pub(crate) async fn with_signs_of_life<T>(what: impl Display, work: impl Future<Output = T>) -> T {
    with_signs(work, |seconds| {
        output::progress(format_args!("still {what} ({seconds} s)"));
    })
    .await
}

/// Waits for `work`, and calls `say` every 30 seconds with the seconds since the start.
async fn with_signs<T>(work: impl Future<Output = T>, mut say: impl FnMut(u64)) -> T {
    let mut work = pin!(work);
    let started = Instant::now();
    let mut ticks = interval_at(started + SIGN_OF_LIFE, SIGN_OF_LIFE);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            _ = ticks.tick() => say(started.elapsed().as_secs()),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_a_long_wait_prints_a_sign_of_life_every_30_seconds() {
        for (wait, expected) in [(29, vec![]), (95, vec![30, 60, 90])] {
            let mut said = Vec::new();
            with_signs(sleep(Duration::from_secs(wait)), |seconds| {
                said.push(seconds);
            })
            .await;
            assert_eq!(said, expected, "{wait} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_poll_ends_with_the_answer_or_after_its_limit() {
        let limit = Duration::from_mins(1);
        let mut asked = 0;
        let found = poll(limit, "looking", async || {
            asked += 1;
            Ok((asked == 5).then_some(asked))
        });
        assert_eq!(found.await.ok(), Some(Some(5)));
        let started = Instant::now();
        let never = poll(limit, "looking", async || anyhow::Ok(None::<()>)).await;
        assert_eq!(never.ok(), Some(None));
        assert!(started.elapsed() <= limit);
    }
}
