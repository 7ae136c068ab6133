//! One run: fetch, store, note, in this order and each within its own time.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use shared::error::StoreError;
use shared::price::Price;
use shared::store::{Stored, UpdateFailure, UpdateStore, UpdateSuccess};
use shared::symbol::{SupportedSymbols, Symbol};
use shared::timestamp::Timestamp;
use tokio::time::{Instant, timeout, timeout_at};

use crate::provider::{Answer, Quote, SkipReason, Skipped};
use crate::report::{Report, Summary};
use crate::sources::{ProviderFailure, Source, fetch_from};

/// How many prices are written at the same time: enough to hide the round
/// trips, few enough for a table that has not been busy.
const PARALLEL_WRITES: usize = 8;

/// The longest that all writes of prices may take. With the provider's 45
/// seconds and the note's 3 it stays below the function's timeout of 60.
const STORE_BUDGET: Duration = Duration::from_secs(10);

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

/// Why a run is a failed invocation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// No provider brought a price; why each of them did not.
    #[error("{}", all(.0))]
    Provider(Vec<ProviderFailure>),
    /// The provider brought prices that the store should have taken, and it took
    /// none of them.
    #[error("the provider brought {brought} prices and none could be stored; {example}")]
    NothingStored {
        /// How many prices the provider brought.
        brought: usize,
        /// What happened to one of them.
        example: String,
    },
    /// The prices are dealt with, but what the run did could not be noted.
    #[error("{stored} prices are stored, but the run could not be noted: {reason}")]
    NotNoted {
        /// How many prices are stored.
        stored: usize,
        /// Why there is no note.
        reason: String,
    },
}

impl RunError {
    /// A short, stable word for what went wrong.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Provider(_) => "PROVIDER_FAILED",
            Self::NothingStored { .. } => "NOTHING_STORED",
            Self::NotNoted { .. } => "RUN_NOT_NOTED",
        }
    }
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
        let fetched = fetch_from(&self.sources, self.symbols.as_slice(), self.clock).await;
        let (provider, written, outcome) = match fetched.outcome {
            Ok((provider, answer)) => {
                let (written, outcome) = self.store(answer).await;
                let outcome = outcome.map(|newest| (provider, newest));
                (Some(provider), written, outcome)
            }
            Err(failures) => {
                // Of two providers that name the same coins, one is enough.
                let named = failures.iter().map(ProviderFailure::skipped);
                let written = Written {
                    skipped: named
                        .max_by_key(|skipped| skipped.len())
                        .unwrap_or(&[])
                        .to_vec(),
                    ..Written::default()
                };
                (None, written, Err(RunError::Provider(failures)))
            }
        };
        let duration = begun.elapsed();
        let confirmed = outcome.as_ref().ok().and_then(|(_, newest)| *newest);
        // Together: neither the note nor what was known depends on the other.
        let (outcome, known) = tokio::join!(
            self.note(started_at, duration, &written, outcome),
            self.newest_known()
        );
        let newest = known.max(confirmed);
        Report {
            asked: fetched.asked,
            provider,
            stored: written.stored,
            skipped: written.skipped,
            duration,
            price_age: newest.map(|newest| age(newest, (self.clock)())),
            outcome,
        }
    }

    /// Stores every price of an answer; one that fails does not stop the others.
    /// Gives the time of the newest price that is stored; none where the store
    /// has newer ones of them all.
    async fn store(&self, answer: Answer) -> (Written, Result<Option<Timestamp>, RunError>) {
        let fetched_at = (self.clock)();
        let deadline = Instant::now() + STORE_BUDGET;
        let brought = answer.quotes.len();
        let mut writes = stream::iter(answer.quotes)
            .map(|quote| price(quote, fetched_at))
            .map(|price| async {
                let write = timeout_at(deadline, self.store.put_price(&price));
                let refused = match write.await {
                    Ok(Ok(Stored::Stored)) => None,
                    Ok(Ok(Stored::OlderThanStored)) => Some(SkipReason::Superseded),
                    Ok(Err(error)) => Some(SkipReason::NotStored(error.to_string())),
                    Err(_) => Some(SkipReason::NotStored(format!(
                        "all writes together took more than {STORE_BUDGET:?}"
                    ))),
                };
                (price, refused)
            })
            .buffered(PARALLEL_WRITES);
        let mut written = Written {
            skipped: answer.skipped,
            ..Written::default()
        };
        let mut newest = None;
        let mut not_stored = None;
        while let Some((price, refused)) = writes.next().await {
            let symbol = price.symbol;
            if let Some(reason) = refused {
                let skipped = Skipped { symbol, reason };
                if matches!(skipped.reason, SkipReason::NotStored(_)) {
                    not_stored = Some(skipped.to_string());
                }
                written.skipped.push(skipped);
            } else {
                written.stored.push(symbol);
                newest = newest.max(Some(price.last_updated));
            }
        }
        let outcome = match (newest, not_stored) {
            (None, Some(example)) => Err(RunError::NothingStored { brought, example }),
            (newest, _) => Ok(newest),
        };
        (written, outcome)
    }

    /// Notes what the run did, and passes on whether it failed.
    async fn note(
        &self,
        started_at: Timestamp,
        duration: Duration,
        written: &Written,
        outcome: Result<(&'static str, Option<Timestamp>), RunError>,
    ) -> Result<(), RunError> {
        // Prices without a note look like an outage to the health check, so a
        // failure here must not pass in silence; running again, as Lambda then
        // does, is harmless.
        let not_noted = |reason| RunError::NotNoted {
            stored: written.stored.len(),
            reason,
        };
        match outcome {
            Ok((provider, Some(newest_price))) => {
                let success = UpdateSuccess {
                    started_at,
                    finished_at: (self.clock)(),
                    newest_price,
                    stored: count(written.stored.len()),
                    skipped: count(written.skipped.len()),
                    provider: provider.to_owned(),
                    duration_ms: duration.as_millis().try_into().unwrap_or(u64::MAX),
                };
                let noted = in_time(self.store.record_success(&success)).await;
                noted.map_err(not_noted)
            }
            Ok((_, None)) => {
                let noted = in_time(self.store.record_superseded(started_at)).await;
                noted.map_err(not_noted)
            }
            Err(error) => {
                let failure = UpdateFailure {
                    started_at,
                    error_code: error.code().to_owned(),
                };
                // The run fails for `error` in any case.
                if let Err(error) = in_time(self.store.record_failure(&failure)).await {
                    tracing::error!(error, "the failed run could not be noted");
                }
                Err(error)
            }
        }
    }

    /// The time of the newest price that any run before this one has confirmed.
    async fn newest_known(&self) -> Option<Timestamp> {
        match in_time(self.store.last_update()).await {
            Ok(status) => status?.newest_price,
            Err(error) => {
                tracing::error!(error, "the time of the newest price is unknown");
                None
            }
        }
    }
}

/// What became of an answer's prices.
#[derive(Debug, Default)]
struct Written {
    stored: Vec<Symbol>,
    skipped: Vec<Skipped>,
}

/// The result of a call to the store within [`NOTE_BUDGET`], or why there is none.
async fn in_time<T>(call: impl Future<Output = Result<T, StoreError>>) -> Result<T, String> {
    match timeout(NOTE_BUDGET, call).await {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {NOTE_BUDGET:?}")),
    }
}

/// A quote as it is stored. A time that the provider did not send, or that our
/// clock has not reached yet, is the time of the fetch: a price from the future
/// would keep every later one out of the table.
fn price(quote: Quote, fetched_at: Timestamp) -> Price {
    Price {
        symbol: quote.symbol,
        price: quote.price,
        change_24h: quote.change_24h,
        market_cap: quote.market_cap,
        last_updated: quote
            .last_updated
            .map_or(fetched_at, |time| time.min(fetched_at)),
        fetched_at,
    }
}

/// Every provider's failure in one line.
fn all(failures: &[ProviderFailure]) -> String {
    let lines: Vec<_> = failures.iter().map(ToString::to_string).collect();
    lines.join("; ")
}

/// Seconds between two times; zero where a clock went back.
fn age(of: Timestamp, now: Timestamp) -> u32 {
    u32::try_from(now.seconds_since(of).max(0)).unwrap_or(u32::MAX)
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
