//! Asking again until an answer is there: quickly at first, then ever slower.

use std::time::{Duration, Instant};

use backon::{BackoffBuilder as _, ExponentialBuilder};

/// An emulator has done a step within milliseconds, AWS within seconds.
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// `CloudFormation` throttles a client that asks much more often than this.
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// Calls `probe` until it gives a value or an error. `None` when `limit` has
/// passed without either.
pub(crate) async fn poll<T>(
    limit: Duration,
    mut probe: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<Option<T>> {
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
}
