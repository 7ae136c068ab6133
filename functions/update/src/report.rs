//! What a run did, as it is logged, measured and answered.

use std::time::Duration;

use contract::metrics;
use lambda_runtime::Diagnostic;
use serde::Serialize;
use shared::symbol::Symbol;
use shared::telemetry::{MetricLine, Unit};

use crate::provider::Skipped;
use crate::run::RunError;

/// What one run did.
#[derive(Debug)]
pub struct Report {
    /// Who was asked.
    pub provider: &'static str,
    /// How many calls were made.
    pub calls: u32,
    /// How many of them brought no usable answer.
    pub failed_calls: u32,
    /// The coins whose price is confirmed and stored.
    pub stored: Vec<Symbol>,
    /// The others, where the provider answered at all.
    pub skipped: Vec<Skipped>,
    /// How long fetching and storing took.
    pub duration: Duration,
    /// Seconds since the newest confirmed price; none before the first, and
    /// where neither this run nor the store can tell.
    pub price_age: Option<u32>,
    /// Whether the run failed, and why.
    pub outcome: Result<(), RunError>,
}

/// What a successful invocation answers.
#[derive(Debug, Serialize)]
pub struct Summary {
    provider: &'static str,
    stored: Vec<Symbol>,
    skipped: Vec<String>,
}

impl Report {
    /// Writes one line for each skipped coin and one for the run.
    pub fn log(&self) {
        for skipped in &self.skipped {
            tracing::warn!(symbol = %skipped.symbol, reason = %skipped.reason, "coin skipped");
        }
        let provider = self.provider;
        let attempts = self.calls;
        let stored = self.stored.len();
        let skipped = self.skipped.len();
        let reasons = self.reasons().join("; ");
        let duration_ms = u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX);
        match &self.outcome {
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

    /// The run's metrics, which a failed run has too.
    pub fn metrics(&self, environment: &'static str) -> MetricLine {
        let count = |items: usize| f64::from(u32::try_from(items).unwrap_or(u32::MAX));
        let line = MetricLine::new(environment)
            .metric(metrics::PROVIDER_CALLS, Unit::Count, f64::from(self.calls))
            .metric(
                metrics::PROVIDER_FAILURES,
                Unit::Count,
                f64::from(self.failed_calls),
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

    /// What the invocation answers, or its failure.
    pub fn into_answer(self) -> Result<Summary, RunError> {
        let skipped = self.reasons();
        self.outcome.map(|()| Summary {
            provider: self.provider,
            stored: self.stored,
            skipped,
        })
    }

    fn reasons(&self) -> Vec<String> {
        self.skipped.iter().map(ToString::to_string).collect()
    }
}

impl From<RunError> for Diagnostic {
    /// What Lambda logs, and hands to the failure destination.
    fn from(error: RunError) -> Self {
        Self {
            error_type: error.code().to_owned(),
            error_message: error.to_string(),
        }
    }
}
