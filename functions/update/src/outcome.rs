//! The outcome of one run: its log lines, its metrics and the function's response.

use std::collections::BTreeMap;

use contract::metrics;
use lambda_runtime::Diagnostic;
use serde::Serialize;
use shared::currency::ListedCurrency;
use shared::symbol::Symbol;
use shared::telemetry::{MetricLine, Unit};
use shared::timestamp::Timestamp;

use crate::excerpt::Excerpt;
use crate::failover::{ProviderCalls, ProviderFailure};
use crate::provider::Skipped;

/// The outcome of one run, to which every step adds its part. The serialised outcome is the
/// response of a successful invocation.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunOutcome {
    /// The names of the providers whose prices the run used; `None` if there are no prices.
    pub provider: Option<String>,
    /// The coins whose price is confirmed: the run stored the price, or renewed the `fetchedAt` of
    /// the same price.
    pub stored: Vec<Symbol>,
    /// The other coins, each with the reason. Empty if no response could be parsed.
    pub skipped: Vec<Skipped<Symbol>>,
    /// The confirmed rates: the code of each currency, with the provider's time of the rate.
    pub rates: BTreeMap<&'static str, Timestamp>,
    /// The other currencies, each with the reason. Empty if no provider sent a usable price.
    pub skipped_rates: Vec<Skipped<ListedCurrency>>,
    /// The calls to each provider, in order.
    #[serde(skip)]
    pub calls: Vec<ProviderCalls>,
    /// The coins whose provider's time was replaced by our own, each with the reason.
    #[serde(skip)]
    pub replaced_times: Vec<String>,
    /// The provider's time of the newest stored price.
    #[serde(skip)]
    pub newest: Option<Timestamp>,
    /// Milliseconds for fetching and storing.
    #[serde(skip)]
    pub duration_ms: u64,
    /// Seconds since the provider's time of the newest price that any run has confirmed. `None`
    /// before the first price, or if the status cannot be read and the run stored no price.
    #[serde(skip)]
    pub price_age: Option<u32>,
    /// Seconds since the provider's time of the oldest rate in the table. `None` if there is no
    /// rate, or if the rates cannot be read and the run stored none.
    #[serde(skip)]
    pub rate_age: Option<u32>,
    #[serde(skip)]
    pub error: Option<RunError>,
}

/// The reason why a run fails, which is also the error of the invocation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// No provider sent a usable price.
    #[error("{}", join(.0, "; "))]
    Provider(Vec<ProviderFailure>),
    /// No price is stored, and at least one write has failed.
    #[error("none of the {fetched} fetched prices could be stored; {example}")]
    NothingStored {
        /// The number of prices that the providers sent.
        fetched: usize,
        /// One of the coins whose write failed.
        example: Skipped<Symbol>,
    },
    #[error("{stored} prices are stored, but the status of the run could not be written: {reason}")]
    NotRecorded { stored: usize, reason: Excerpt },
}

impl RunError {
    /// Returns the error's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Provider(_) => "PROVIDER_FAILED",
            Self::NothingStored { .. } => "NOTHING_STORED",
            Self::NotRecorded { .. } => "RUN_NOT_NOTED",
        }
    }
}

impl From<RunError> for Diagnostic {
    /// Converts to the text that Lambda logs and sends to the failure destination.
    fn from(error: RunError) -> Self {
        Self {
            error_type: error.code().to_owned(),
            error_message: error.to_string(),
        }
    }
}

impl RunOutcome {
    /// Returns the number of calls to all providers.
    pub fn calls(&self) -> u32 {
        self.calls.iter().map(|calls| calls.calls).sum()
    }

    /// Returns the number of calls without a usable response.
    pub fn failed_calls(&self) -> u32 {
        self.calls.iter().map(|calls| calls.failed).sum()
    }

    /// Writes one line for each skipped coin and currency, one for all replaced times and one for
    /// the run.
    pub fn log(&self) {
        if !self.replaced_times.is_empty() {
            tracing::warn!(
                count = self.replaced_times.len(),
                coins = self.replaced_times.join("; "),
                "provider times replaced by our own"
            );
        }
        for skipped in &self.skipped {
            tracing::warn!(symbol = %skipped.subject, reason = %skipped.reason, "coin skipped");
        }
        for skipped in &self.skipped_rates {
            let Skipped { subject, reason } = skipped;
            tracing::warn!(currency = %subject, %reason, "currency skipped");
        }
        let provider = self.provider.as_deref().unwrap_or("none");
        let attempts = self.calls();
        let stored = self.stored.len();
        let rates = self.rates.len();
        let skipped = self.skipped.len();
        let reasons = join(&self.skipped, "; ");
        let duration_ms = self.duration_ms;
        match &self.error {
            // A warning: if every run brings nothing newer, the prices become stale.
            None if self.stored.is_empty() => tracing::warn!(
                provider,
                attempts,
                stored,
                rates,
                skipped,
                reasons,
                duration_ms,
                "update brought nothing newer"
            ),
            None => tracing::info!(
                provider,
                attempts,
                stored,
                rates,
                skipped,
                reasons,
                duration_ms,
                "update done"
            ),
            Some(error) => tracing::error!(
                provider,
                attempts,
                stored,
                rates,
                skipped,
                reasons,
                duration_ms,
                code = error.code(),
                %error,
                "update failed"
            ),
        }
    }

    pub fn metrics(&self, environment: &'static str) -> MetricLine {
        let line = MetricLine::new(environment);
        let line = call_metrics(line, self.calls(), self.failed_calls(), self.stored.len()).metric(
            metrics::SYMBOLS_SKIPPED,
            Unit::Count,
            count(self.skipped.len()),
        );
        let rates = count(self.rates.len());
        let mut line = line.metric(metrics::RATES_STORED, Unit::Count, rates);
        for (name, age) in [
            (metrics::PRICE_AGE, self.price_age),
            (metrics::RATE_AGE, self.rate_age),
        ] {
            if let Some(age) = age {
                line = line.metric(name, Unit::Seconds, f64::from(age));
            }
        }
        line
    }

    pub fn provider_metrics(&self, environment: &'static str) -> Vec<MetricLine> {
        let line = |calls: &ProviderCalls| {
            let line = MetricLine::new(environment).of_provider(calls.provider);
            call_metrics(line, calls.calls, calls.failed, calls.stored)
        };
        self.calls.iter().map(line).collect()
    }
}

/// Adds the metrics that exist both for a run and for each provider.
fn call_metrics(line: MetricLine, calls: u32, failed: u32, stored: usize) -> MetricLine {
    line.metric(metrics::PROVIDER_CALLS, Unit::Count, f64::from(calls))
        .metric(metrics::PROVIDER_FAILURES, Unit::Count, f64::from(failed))
        .metric(metrics::SYMBOLS_STORED, Unit::Count, count(stored))
}

fn count(items: usize) -> f64 {
    f64::from(u32::try_from(items).unwrap_or(u32::MAX))
}

fn join(items: &[impl ToString], separator: &str) -> String {
    let texts: Vec<_> = items.iter().map(ToString::to_string).collect();
    texts.join(separator)
}
