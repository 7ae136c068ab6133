//! One run: fetch, store, note, in this order and each within its own time.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use reqwest::Client;
use shared::error::StoreError;
use shared::price::Price;
use shared::store::{Stored, UpdateFailure, UpdateStore, UpdateSuccess};
use shared::symbol::{SupportedSymbols, Symbol};
use shared::timestamp::Timestamp;
use tokio::time::{Instant, timeout, timeout_at};

use crate::attempt::AttemptError;
use crate::fetch::fetch;
use crate::provider::{Answer, InvalidAnswer, Provider, Quote, SkipReason, Skipped};
use crate::report::{Report, Summary};
use crate::retry::Limits;

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
    /// Who is asked.
    pub provider: Box<dyn Provider>,
    /// How they are asked.
    pub client: Client,
    /// For how long.
    pub limits: Limits,
    /// Where prices go.
    pub store: S,
    /// What time it is.
    pub clock: fn() -> Timestamp,
}

/// Why a run is a failed invocation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The provider brought no price.
    #[error("{provider} brought no price: {calls} calls to {endpoint}, the last failed: {last}")]
    Provider {
        /// Who was asked.
        provider: &'static str,
        /// What was called.
        endpoint: String,
        /// How often.
        calls: u32,
        /// Why the last call failed.
        last: AttemptError,
    },
    /// The provider brought prices and none of them is stored.
    #[error("the provider brought {brought} prices and none could be stored; {example}")]
    NothingStored {
        /// How many prices the provider brought.
        brought: usize,
        /// What happened to one of them.
        example: String,
    },
    /// Prices are stored, but what the run did could not be noted.
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
            Self::Provider { .. } => "PROVIDER_FAILED",
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
        report.into_answer()
    }

    /// Fetches and stores prices once. A run that confirms no price at all, or
    /// that cannot be noted, has a failed outcome.
    pub async fn run(&self) -> Report {
        let begun = Instant::now();
        let started_at = (self.clock)();
        let attempts = fetch(
            &self.client,
            self.provider.as_ref(),
            self.symbols.as_slice(),
            &self.limits,
            self.clock,
        )
        .await;
        let calls = attempts.made;
        let failed_calls = attempts.failed();
        let (written, outcome) = match attempts.outcome {
            Ok(answer) => self.store(answer).await,
            Err(last) => self.nothing_fetched(calls, last),
        };
        let duration = begun.elapsed();
        let (outcome, newest) = match outcome {
            Ok(()) => {
                let noted = self.note_success(started_at, duration, &written).await;
                (noted, written.newest)
            }
            Err(error) => {
                let newest = self.note_failure(started_at, &error).await;
                (Err(error), newest)
            }
        };
        Report {
            provider: self.provider.name(),
            calls,
            failed_calls,
            stored: written.stored,
            skipped: written.skipped,
            duration,
            price_age: newest.map(|newest| age(newest, (self.clock)())),
            outcome,
        }
    }

    fn nothing_fetched(&self, calls: u32, last: AttemptError) -> (Written, Result<(), RunError>) {
        let written = Written {
            skipped: match &last {
                AttemptError::InvalidAnswer(InvalidAnswer::NoPrices(skipped)) => skipped.clone(),
                _ => Vec::new(),
            },
            ..Written::default()
        };
        let error = RunError::Provider {
            provider: self.provider.name(),
            endpoint: self.provider.endpoint().to_string(),
            calls,
            last,
        };
        (written, Err(error))
    }

    /// Stores every price of an answer; one that fails does not stop the others.
    async fn store(&self, answer: Answer) -> (Written, Result<(), RunError>) {
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
        while let Some((price, refused)) = writes.next().await {
            let symbol = price.symbol;
            if let Some(reason) = refused {
                written.skipped.push(Skipped { symbol, reason });
            } else {
                written.stored.push(symbol);
                written.newest = written.newest.max(Some(price.last_updated));
            }
        }
        let outcome = match written.skipped.last() {
            Some(example) if written.stored.is_empty() => Err(RunError::NothingStored {
                brought,
                example: example.to_string(),
            }),
            _ => Ok(()),
        };
        (written, outcome)
    }

    /// Notes the run. Prices without a note look like an outage to the health
    /// check, so a failure here must not pass in silence; running again, as
    /// Lambda then does, is harmless.
    async fn note_success(
        &self,
        started_at: Timestamp,
        duration: Duration,
        written: &Written,
    ) -> Result<(), RunError> {
        let success = UpdateSuccess {
            started_at,
            finished_at: (self.clock)(),
            stored: count(written.stored.len()),
            skipped: count(written.skipped.len()),
            provider: self.provider.name().to_owned(),
            duration_ms: duration.as_millis().try_into().unwrap_or(u64::MAX),
        };
        in_time(self.store.record_success(&success))
            .await
            .map_err(|reason| RunError::NotNoted {
                stored: written.stored.len(),
                reason,
            })
    }

    /// Notes the failure and returns when a price was last confirmed. The run
    /// fails for `error` in any case, so what goes wrong here is only logged.
    async fn note_failure(&self, started_at: Timestamp, error: &RunError) -> Option<Timestamp> {
        let failure = UpdateFailure {
            started_at,
            error_code: error.code().to_owned(),
        };
        let (noted, last) = tokio::join!(
            in_time(self.store.record_failure(&failure)),
            in_time(self.store.last_update()),
        );
        if let Err(error) = noted {
            tracing::error!(error, "the failed run could not be noted");
        }
        match last {
            Ok(status) => status?.last_success,
            Err(error) => {
                tracing::error!(error, "the time of the last update is unknown");
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
    /// The time of the newest price that was stored.
    newest: Option<Timestamp>,
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

/// Seconds between two times; zero where a clock went back.
fn age(of: Timestamp, now: Timestamp) -> u32 {
    u32::try_from(now.seconds_since(of).max(0)).unwrap_or(u32::MAX)
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
