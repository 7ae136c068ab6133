//! The providers in the order in which they are asked: each further one only if those
//! before it have failed their budgets or have old prices only.
//!
//! A fresh response is used alone, so that the prices of a run can be compared with each
//! other. A coin that it skips is not asked of the next provider: it keeps the stored price,
//! which turns stale if that goes on. Of old responses the newer price of each coin is used.

use std::fmt;

use reqwest::Client;
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;

use crate::fetch::{AttemptError, Limits, fetch};
use crate::prices::FetchedPrices;
use crate::provider::{InvalidAnswer, Provider, Skipped};

/// A provider, and the means to ask it.
pub struct Source {
    pub provider: Box<dyn Provider>,
    pub client: Client,
    /// The time for its calls.
    pub limits: Limits,
}

/// The calls to one provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The provider's name.
    pub provider: &'static str,
    /// The number of calls.
    pub calls: u32,
    /// The number of calls without a usable answer.
    pub failed_calls: u32,
}

/// The failure of a provider that brought no price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderFailure {
    /// The provider's name.
    pub provider: &'static str,
    /// The URL that was called.
    pub endpoint: String,
    /// The number of calls.
    pub calls: u32,
    /// The failure of the last call.
    pub last: AttemptError,
}

impl ProviderFailure {
    /// The coins that the last answer named without a usable price.
    pub fn skipped(&self) -> &[Skipped] {
        match &self.last {
            AttemptError::InvalidAnswer(InvalidAnswer::NoPrices(skipped)) => skipped,
            _ => &[],
        }
    }
}

impl fmt::Display for ProviderFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            provider,
            endpoint,
            calls,
            last,
        } = self;
        write!(
            f,
            "{provider} brought no price: {calls} calls to {endpoint}, the last failed: {last}"
        )
    }
}

/// Asks the `sources` for all `symbols` until one of them has fresh prices, and adds the calls
/// to `asked`. If none has, returns the old prices, even if a provider after them fails.
///
/// # Errors
///
/// The failure of every provider.
pub async fn fetch_from(
    sources: &[Source],
    symbols: &[Symbol],
    clock: fn() -> Timestamp,
    asked: &mut Vec<Asked>,
) -> Result<FetchedPrices, Vec<ProviderFailure>> {
    let mut failures = Vec::new();
    let mut old: Option<FetchedPrices> = None;
    for source in sources {
        let provider = source.provider.name();
        let attempts = fetch(
            &source.client,
            source.provider.as_ref(),
            symbols,
            &source.limits,
            clock,
        )
        .await;
        asked.push(Asked {
            provider,
            calls: attempts.made,
            failed_calls: attempts.failed(),
        });
        match attempts.outcome {
            Ok(answer) => {
                let prices = FetchedPrices::new(provider, answer, clock());
                let are_old = prices.are_old();
                let newest = prices.newest();
                let merged = match old.take() {
                    Some(old) => old.merge(prices),
                    None => prices,
                };
                if !are_old {
                    return Ok(merged);
                }
                tracing::warn!(provider, ?newest, "a provider has old prices only");
                old = Some(merged);
            }
            Err(last) => {
                let failure = ProviderFailure {
                    provider,
                    endpoint: source.provider.endpoint().to_string(),
                    calls: attempts.made,
                    last,
                };
                tracing::warn!(provider, reason = %failure, "a provider failed");
                failures.push(failure);
            }
        }
    }
    old.ok_or(failures)
}
