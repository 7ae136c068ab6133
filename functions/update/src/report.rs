//! What a run did, as it is logged, measured and answered.

use std::time::Duration;

use contract::metrics;
use serde::Serialize;
use shared::symbol::Symbol;
use shared::telemetry::{MetricLine, Unit};
use shared::timestamp::Timestamp;

use crate::error::RunError;
use crate::provider::Skipped;
use crate::sources::Asked;

/// The outcome of one run: every step adds its part.
#[derive(Debug)]
pub struct Report {
    /// The calls to each provider, in the order in which the providers were asked.
    pub asked: Vec<Asked>,
    /// The providers whose prices the run used; none if no provider had any.
    pub served: Vec<Served>,
    /// The coins whose price is confirmed and stored.
    pub stored: Vec<Symbol>,
    /// The others, where the provider answered at all.
    pub skipped: Vec<Skipped>,
    /// The coins whose provider's time was replaced by our own, each with the reason.
    pub replaced_times: Vec<String>,
    /// The provider's time of the newest stored price.
    pub newest: Option<Timestamp>,
    /// The duration of fetching and storing.
    pub duration: Duration,
    /// Seconds since the newest price that any run has confirmed, by the
    /// provider's time; none before the first, and where nobody can tell.
    pub price_age: Option<u32>,
    /// The reason why the run failed, if it did.
    pub outcome: Result<(), RunError>,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            asked: Vec::new(),
            served: Vec::new(),
            stored: Vec::new(),
            skipped: Vec::new(),
            replaced_times: Vec::new(),
            newest: None,
            duration: Duration::ZERO,
            price_age: None,
            outcome: Ok(()),
        }
    }
}

/// A provider whose prices a run used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// The provider's name.
    pub provider: &'static str,
    /// The number of its prices that are stored.
    pub stored: usize,
}

/// The names of the providers in one line.
pub fn names(served: &[Served]) -> String {
    let names: Vec<_> = served.iter().map(|served| served.provider).collect();
    names.join(", ")
}

/// The response of a successful invocation.
#[derive(Debug, Serialize)]
pub struct Summary {
    provider: Option<String>,
    stored: Vec<Symbol>,
    skipped: Vec<String>,
}

impl Report {
    /// Writes one line for each skipped coin, one for all replaced times and one for the
    /// run.
    pub fn log(&self) {
        if !self.replaced_times.is_empty() {
            tracing::warn!(
                count = self.replaced_times.len(),
                coins = self.replaced_times.join("; "),
                "provider times replaced by our own"
            );
        }
        for skipped in &self.skipped {
            tracing::warn!(symbol = %skipped.symbol, reason = %skipped.reason, "coin skipped");
        }
        let provider = self.provider().unwrap_or_else(|| "none".to_owned());
        let attempts = self.calls();
        let stored = self.stored.len();
        let skipped = self.skipped.len();
        let reasons = self.reasons().join("; ");
        let duration_ms = u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX);
        match &self.outcome {
            // Not for every run: while it stays so, prices age, and turn stale.
            Ok(()) if self.stored.is_empty() => tracing::warn!(
                provider,
                attempts,
                stored,
                skipped,
                reasons,
                duration_ms,
                "update brought nothing newer"
            ),
            Ok(()) => tracing::info!(
                provider,
                attempts,
                stored,
                skipped,
                reasons,
                duration_ms,
                "update done"
            ),
            Err(error) => tracing::error!(
                provider,
                attempts,
                stored,
                skipped,
                reasons,
                duration_ms,
                code = error.code(),
                %error,
                "update failed"
            ),
        }
    }

    /// Returns the names of the providers whose prices the run used.
    pub fn provider(&self) -> Option<String> {
        (!self.served.is_empty()).then(|| names(&self.served))
    }

    /// How many calls were made to all providers.
    pub fn calls(&self) -> u32 {
        self.asked.iter().map(|asked| asked.calls).sum()
    }

    /// How many of them brought no usable answer.
    pub fn failed_calls(&self) -> u32 {
        self.asked.iter().map(|asked| asked.failed_calls).sum()
    }

    /// The run's metrics, which a failed run has too.
    pub fn metrics(&self, environment: &'static str) -> MetricLine {
        let line = MetricLine::new(environment)
            .metric(
                metrics::PROVIDER_CALLS,
                Unit::Count,
                f64::from(self.calls()),
            )
            .metric(
                metrics::PROVIDER_FAILURES,
                Unit::Count,
                f64::from(self.failed_calls()),
            )
            .metric(
                metrics::SYMBOLS_STORED,
                Unit::Count,
                count(self.stored.len()),
            )
            .metric(
                metrics::SYMBOLS_SKIPPED,
                Unit::Count,
                count(self.skipped.len()),
            );
        match self.price_age {
            Some(age) => line.metric(metrics::PRICE_AGE, Unit::Seconds, f64::from(age)),
            None => line,
        }
    }

    /// The metrics of each provider that was asked, a line each.
    pub fn provider_metrics(&self, environment: &'static str) -> Vec<MetricLine> {
        let line = |asked: &Asked| {
            let mut served = self.served.iter();
            let served = served.find(|served| served.provider == asked.provider);
            let stored = served.map_or(0, |served| served.stored);
            MetricLine::new(environment)
                .of_provider(asked.provider)
                .metric(metrics::PROVIDER_CALLS, Unit::Count, f64::from(asked.calls))
                .metric(
                    metrics::PROVIDER_FAILURES,
                    Unit::Count,
                    f64::from(asked.failed_calls),
                )
                .metric(metrics::SYMBOLS_STORED, Unit::Count, count(stored))
        };
        self.asked.iter().map(line).collect()
    }

    /// What the invocation answers, or its failure.
    pub fn into_answer(self) -> Result<Summary, RunError> {
        let skipped = self.reasons();
        let provider = self.provider();
        self.outcome.map(|()| Summary {
            provider,
            stored: self.stored,
            skipped,
        })
    }

    fn reasons(&self) -> Vec<String> {
        self.skipped.iter().map(ToString::to_string).collect()
    }
}

fn count(items: usize) -> f64 {
    f64::from(u32::try_from(items).unwrap_or(u32::MAX))
}
