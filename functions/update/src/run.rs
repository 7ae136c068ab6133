//! One run: fetches prices and rates, stores them and records the run. Each step has a time limit.
//!
//! During the fetch, the run reads the status of earlier runs and the times of the stored rates. In
//! a new process, this also opens the connection to the table before the provider has responded.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::history::Slot;
use shared::store::{UpdateFailure, UpdateStore, UpdateSuccess};
use shared::symbol::SupportedSymbols;
use shared::timestamp::Timestamp;
use tokio::time::Instant;

use crate::event::planned_slot;
use crate::excerpt::Excerpt;
use crate::failover::{ProviderFailure, fetch_prices};
use crate::fetch::Source;
use crate::outcome::{RunError, RunOutcome};
use crate::prices::{Fetched, FetchedPrices};
use crate::provider::{SkipReason, Skipped};
use crate::store::put_all;

/// The longest time for reading or writing the status of the update function.
const STATUS_BUDGET: Duration = Duration::from_secs(3);

pub struct Updater<S> {
    /// The environment's name, a dimension of the metrics.
    pub environment: &'static str,
    pub symbols: SupportedSymbols,
    /// The providers, in the order in which they are called.
    pub sources: Vec<Source>,
    pub store: S,
    pub clock: fn() -> Timestamp,
}

impl<S: UpdateStore> Updater<S> {
    /// Handles an event, which is any JSON: runs once, and logs and measures the run.
    ///
    /// # Errors
    ///
    /// The error of the run.
    pub async fn handle(&self, event: &str) -> Result<RunOutcome, RunError> {
        let mut outcome = self.run(event).await;
        outcome.log();
        outcome.metrics(self.environment).write();
        for line in outcome.provider_metrics(self.environment) {
            line.write();
        }
        match outcome.error.take() {
            Some(error) => Err(error),
            None => Ok(outcome),
        }
    }

    /// Fetches and stores prices and rates once. The run fails if no provider sends a usable price,
    /// if no price can be stored, or if the status cannot be written. It does not fail if all
    /// fetched prices are older than the stored prices, because the table then needs none of them.
    /// No problem with a rate fails the run.
    pub async fn run(&self, event: &str) -> RunOutcome {
        let (mut outcome, known) = tokio::join!(self.fetch_and_store(event), self.known_times());
        let (known_price, mut rates) = known;
        rates.extend(&outcome.rates);
        let age = |time| age(time, (self.clock)());
        outcome.price_age = known_price.max(outcome.newest).map(age);
        outcome.rate_age = rates.into_values().min().map(age);
        outcome
    }

    async fn fetch_and_store(&self, event: &str) -> RunOutcome {
        let begun = Instant::now();
        let started_at = (self.clock)();
        let slot = planned_slot(event, started_at);
        let symbols = self.symbols.as_slice();
        let (calls, fetched) = fetch_prices(&self.sources, symbols, self.clock).await;
        let mut outcome = RunOutcome {
            calls,
            ..RunOutcome::default()
        };
        let result = match fetched {
            Ok(fetched) => self.store(fetched, slot, &mut outcome).await,
            Err(failures) => {
                // Only the longest list, because two providers usually skip the same coins.
                let lists = failures.iter().map(ProviderFailure::skipped);
                let longest = lists.max_by_key(|skipped| skipped.len());
                outcome.skipped = longest.unwrap_or_default().to_vec();
                Err(RunError::Provider(failures))
            }
        };
        outcome.duration_ms = begun.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
        outcome.error = match result {
            Ok(()) => self.record_success(started_at, &outcome).await.err(),
            Err(error) => {
                self.record_failure(started_at, &error).await;
                Some(error)
            }
        };
        outcome
    }

    /// Stores every price and every rate, each with a sample for the planned slot or, without a
    /// planned slot, for the current slot. Fails if no price is stored and a write has failed.
    async fn store(
        &self,
        fetched: FetchedPrices,
        planned: Option<Slot>,
        outcome: &mut RunOutcome,
    ) -> Result<(), RunError> {
        outcome.provider = Some(fetched.providers().join(", "));
        outcome.replaced_times = fetched.replaced_times();
        outcome.skipped = fetched.skipped;
        outcome.skipped_rates = fetched.skipped_rates;
        let (prices, providers) = unzip(fetched.prices);
        let (rates, _) = unzip(fetched.rates);
        let slot = planned.unwrap_or_else(|| Slot::of((self.clock)()));
        let (results, rate_results) = put_all(&self.store, &prices, &rates, slot).await;
        for (rate, result) in rates.iter().zip(rate_results) {
            let subject = rate.currency;
            match result {
                Ok(()) => drop(outcome.rates.insert(subject.code(), rate.last_updated)),
                Err(reason) => outcome.skipped_rates.push(Skipped { subject, reason }),
            }
        }
        let mut not_stored = None;
        for ((price, provider), result) in prices.iter().zip(providers).zip(results) {
            let subject = price.symbol;
            match result {
                Ok(()) => {
                    outcome.stored.push(subject);
                    outcome.newest = outcome.newest.max(Some(price.last_updated));
                    for calls in &mut outcome.calls {
                        calls.stored += usize::from(calls.provider == provider);
                    }
                }
                Err(reason) => {
                    let skipped = Skipped { subject, reason };
                    if matches!(skipped.reason, SkipReason::NotStored(_)) {
                        not_stored = Some(skipped.clone());
                    }
                    outcome.skipped.push(skipped);
                }
            }
        }
        match not_stored {
            Some(example) if outcome.stored.is_empty() => Err(RunError::NothingStored {
                fetched: prices.len(),
                example,
            }),
            _ => Ok(()),
        }
    }

    /// Records a run that did not fail. If the record cannot be written, the run fails, because
    /// `/health` would report an outage. Lambda then repeats the run, which does no harm.
    async fn record_success(
        &self,
        started_at: Timestamp,
        outcome: &RunOutcome,
    ) -> Result<(), RunError> {
        let store = self.store_for_status();
        let recorded = if let Some(newest_price) = outcome.newest {
            let success = UpdateSuccess {
                started_at,
                finished_at: (self.clock)(),
                newest_price,
                stored: count(outcome.stored.len()),
                skipped: count(outcome.skipped.len()),
                provider: outcome.provider.clone().unwrap_or_default(),
                duration_ms: outcome.duration_ms,
            };
            store.record_success(&success).await
        } else {
            store.record_superseded(started_at).await
        };
        recorded.map_err(|error| RunError::NotRecorded {
            stored: outcome.stored.len(),
            reason: Excerpt::of_store(error),
        })
    }

    /// Records a failed run. A failure to write the record is only logged, because the run fails
    /// with its own error.
    async fn record_failure(&self, started_at: Timestamp, error: &RunError) {
        let failure = UpdateFailure {
            started_at,
            error_code: error.code().to_owned(),
        };
        if let Err(error) = self.store_for_status().record_failure(&failure).await {
            let error = Excerpt::of_store(error);
            tracing::error!(%error, "the status of the failed run could not be written");
        }
    }

    /// Reads the provider's times of all stored rates, and of the newest price that any earlier run
    /// has confirmed. Makes two calls one after the other, so that one connection is enough.
    async fn known_times(&self) -> (Option<Timestamp>, BTreeMap<&'static str, Timestamp>) {
        let store = self.store_for_status();
        let newest = match store.update_status().await {
            Ok(status) => status.and_then(|status| status.newest_price),
            Err(error) => {
                let error = Excerpt::of_store(error);
                tracing::error!(%error, "the time of the newest price is unknown");
                None
            }
        };
        let rates = store.rates().await.unwrap_or_else(|error| {
            let error = Excerpt::of_store(error);
            tracing::error!(%error, "the times of the stored rates are unknown");
            Vec::new()
        });
        let rates = rates
            .into_iter()
            .map(|rate| (rate.currency.code(), rate.last_updated));
        (newest, rates.collect())
    }

    /// Returns a copy of the store, all of whose calls end within [`STATUS_BUDGET`] from now.
    fn store_for_status(&self) -> S {
        self.store.until(Instant::now() + STATUS_BUDGET)
    }
}

/// Separates the values from the names of their providers.
fn unzip<T>(fetched: Vec<Fetched<T>>) -> (Vec<T>, Vec<&'static str>) {
    let pairs = fetched
        .into_iter()
        .map(|fetched| (fetched.value, fetched.provider));
    pairs.unzip()
}

/// Returns the seconds since `time`; 0 if `time` is ahead of `now`.
fn age(time: Timestamp, now: Timestamp) -> u32 {
    u32::try_from(now.seconds_since(time).max(0)).unwrap_or(u32::MAX)
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
