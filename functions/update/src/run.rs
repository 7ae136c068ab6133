//! One run: fetch, store, note, in this order and each within its own time.
//!
//! What earlier runs have noted is read beside them. In a new process that also opens the
//! connection to the table while the provider is still at work.

use std::time::Duration;

use shared::error::StoreError;
use shared::store::{UpdateFailure, UpdateStore, UpdateSuccess};
use shared::symbol::SupportedSymbols;
use shared::timestamp::Timestamp;
use tokio::time::{Instant, timeout};

use crate::error::RunError;
use crate::excerpt::Excerpt;
use crate::prices::FetchedPrices;
use crate::provider::{SkipReason, Skipped};
use crate::report::{Report, Served, Summary, names};
use crate::sources::{ProviderFailure, Source, fetch_from};
use crate::store::put_all;

/// The longest that reading or writing the note about the run may take.
const NOTE_BUDGET: Duration = Duration::from_secs(3);

/// Everything that a run needs.
pub struct Updater<S> {
    /// The environment's name, which the metrics carry.
    pub environment: &'static str,
    /// The coins to price.
    pub symbols: SupportedSymbols,
    /// Who is asked for them, one after the other.
    pub sources: Vec<Source>,
    /// Where prices go.
    pub store: S,
    /// What time it is.
    pub clock: fn() -> Timestamp,
}

impl<S: UpdateStore> Updater<S> {
    /// Handles one event, whatever is in it: one run, logged and measured.
    pub async fn handle(&self) -> Result<Summary, RunError> {
        let report = self.run().await;
        report.log();
        report.metrics(self.environment).write();
        for line in report.provider_metrics(self.environment) {
            line.write();
        }
        report.into_answer()
    }

    /// Fetches and stores prices once. A run for which no provider has a price,
    /// whose prices the store does not take, or that cannot be noted, has a
    /// failed outcome. One whose prices are all older than those stored does
    /// not: newer ones are there, and their age is measured in any case.
    pub async fn run(&self) -> Report {
        let begun = Instant::now();
        let started_at = (self.clock)();
        let steps = async {
            let mut report = Report::default();
            let symbols = self.symbols.as_slice();
            let fetched = fetch_from(&self.sources, symbols, self.clock, &mut report.asked).await;
            report.outcome = match fetched {
                Ok(prices) => self.store(prices, &mut report).await,
                Err(failures) => {
                    // Of two providers that name the same coins, one is enough.
                    let named = failures.iter().map(ProviderFailure::skipped);
                    let most = named.max_by_key(|skipped| skipped.len());
                    report.skipped = most.unwrap_or(&[]).to_vec();
                    Err(RunError::Provider(failures))
                }
            };
            report.duration = begun.elapsed();
            if let Err(error) = self.note(started_at, &report).await {
                report.outcome = Err(error);
            }
            report
        };
        let (mut report, known) = tokio::join!(steps, self.newest_known());
        let newest = known.max(report.newest);
        report.price_age = newest.map(|newest| age(newest, (self.clock)()));
        report
    }

    /// Stores every price. If the store has newer ones of them all, the run confirms none,
    /// and does not fail.
    async fn store(&self, fetched: FetchedPrices, report: &mut Report) -> Result<(), RunError> {
        let brought = fetched.prices.len();
        let served = |provider| Served {
            provider,
            stored: 0,
        };
        report.served = fetched.providers().into_iter().map(served).collect();
        report.replaced_times = fetched.replaced_times();
        report.skipped = fetched.skipped;
        let prices: Vec<_> = fetched
            .prices
            .iter()
            .map(|fetched| fetched.price.clone())
            .collect();
        let mut not_stored = None;
        for (fetched, put) in fetched
            .prices
            .iter()
            .zip(put_all(&self.store, &prices).await)
        {
            let symbol = fetched.price.symbol;
            if let Err(reason) = put {
                let skipped = Skipped { symbol, reason };
                if matches!(skipped.reason, SkipReason::NotStored(_)) {
                    not_stored = Some(skipped.clone());
                }
                report.skipped.push(skipped);
            } else {
                report.stored.push(symbol);
                report.newest = report.newest.max(Some(fetched.price.last_updated));
                for served in &mut report.served {
                    served.stored += usize::from(served.provider == fetched.provider);
                }
            }
        }
        match (report.newest, not_stored) {
            (None, Some(example)) => Err(RunError::NothingStored { brought, example }),
            _ => Ok(()),
        }
    }

    /// Notes what the run did. That a failed run could not be noted is only logged: it fails
    /// for its own error in any case.
    async fn note(&self, started_at: Timestamp, report: &Report) -> Result<(), RunError> {
        if let Err(error) = &report.outcome {
            let failure = UpdateFailure {
                started_at,
                error_code: error.code().to_owned(),
            };
            if let Err(error) = in_time(self.store.record_failure(&failure)).await {
                tracing::error!(%error, "the failed run could not be noted");
            }
            return Ok(());
        }
        let noted = if let Some(newest_price) = report.newest {
            let success = UpdateSuccess {
                started_at,
                finished_at: (self.clock)(),
                newest_price,
                stored: count(report.stored.len()),
                skipped: count(report.skipped.len()),
                provider: names(&report.served),
                duration_ms: report.duration.as_millis().try_into().unwrap_or(u64::MAX),
            };
            in_time(self.store.record_success(&success)).await
        } else {
            in_time(self.store.record_superseded(started_at)).await
        };
        // Prices without a note look like an outage to the health check, so a
        // failure here must not pass in silence; running again, as Lambda then
        // does, is harmless.
        noted.map_err(|reason| RunError::NotNoted {
            stored: report.stored.len(),
            reason,
        })
    }

    /// The time of the newest price that any run before this one has confirmed.
    async fn newest_known(&self) -> Option<Timestamp> {
        match in_time(self.store.update_status()).await {
            Ok(status) => status?.newest_price,
            Err(error) => {
                tracing::error!(%error, "the time of the newest price is unknown");
                None
            }
        }
    }
}

/// The result of a call to the store within [`NOTE_BUDGET`], or the reason why there is none.
async fn in_time<T>(call: impl Future<Output = Result<T, StoreError>>) -> Result<T, Excerpt> {
    match timeout(NOTE_BUDGET, call).await {
        Ok(result) => result.map_err(Excerpt::of_store),
        Err(_) => Err(Excerpt::of_store(format_args!(
            "no answer within {NOTE_BUDGET:?}"
        ))),
    }
}

/// Seconds between two times; zero where a clock went back.
fn age(of: Timestamp, now: Timestamp) -> u32 {
    u32::try_from(now.seconds_since(of).max(0)).unwrap_or(u32::MAX)
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
