//! Failover: calls the providers in order until one of them has fresh prices.
//!
//! A fresh response is used alone, so that the prices of a run are comparable. A coin without a
//! price in a fresh response is not requested from the next provider: it keeps its stored price,
//! which turns stale if the provider goes on without the coin. The same holds for currencies and
//! their rates. If no response is fresh, the newer price of each coin and the newer rate of each
//! currency are used.

use shared::symbol::Symbol;
use shared::timestamp::Timestamp;

use crate::fetch::{AttemptError, Source, fetch};
use crate::prices::FetchedPrices;
use crate::provider::{InvalidResponse, Skipped};

/// The calls of one run to one provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderCalls {
    /// The provider's name.
    pub provider: &'static str,
    /// The number of calls.
    pub calls: u32,
    /// The number of calls without a usable response.
    pub failed: u32,
    /// The number of the provider's prices that the run stored.
    pub stored: usize,
}

/// The failure of a provider that sent no usable price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{provider} sent no usable price: {calls} calls to {endpoint}, the last failed: {last}")]
pub struct ProviderFailure {
    /// The provider's name.
    pub provider: &'static str,
    /// The URL without its query.
    pub endpoint: String,
    /// The number of calls.
    pub calls: u32,
    /// The error of the last call.
    pub last: AttemptError,
}

impl ProviderFailure {
    /// Returns the coins that the last response contained without a usable price.
    pub fn skipped(&self) -> &[Skipped<Symbol>] {
        match &self.last {
            AttemptError::InvalidResponse(InvalidResponse::NoPrices(skipped)) => skipped,
            _ => &[],
        }
    }
}

/// Fetches the prices of all `symbols`, and the rates, from the first source with fresh prices. If
/// no source has fresh prices, returns the old ones, even if a later provider fails. Also returns
/// the calls to each provider.
///
/// # Errors
///
/// The failure of every provider.
pub async fn fetch_prices(
    sources: &[Source],
    symbols: &[Symbol],
    clock: fn() -> Timestamp,
) -> (
    Vec<ProviderCalls>,
    Result<FetchedPrices, Vec<ProviderFailure>>,
) {
    let mut all_calls = Vec::new();
    let mut failures = Vec::new();
    let mut old: Option<FetchedPrices> = None;
    for source in sources {
        let provider = source.provider.name();
        let (calls, result) = fetch(source, symbols, clock).await;
        all_calls.push(ProviderCalls {
            provider,
            calls,
            failed: calls - u32::from(result.is_ok()),
            stored: 0,
        });
        match result {
            Ok(response) => {
                let prices = FetchedPrices::new(provider, response, clock());
                let are_old = prices.are_old();
                let newest = prices.newest();
                let merged = match old.take() {
                    Some(old) => old.merge(prices),
                    None => prices,
                };
                if !are_old {
                    return (all_calls, Ok(merged));
                }
                tracing::warn!(provider, ?newest, "a provider has old prices only");
                old = Some(merged);
            }
            Err(last) => {
                let failure = ProviderFailure {
                    provider,
                    endpoint: source.provider.endpoint().to_string(),
                    calls,
                    last,
                };
                tracing::warn!(provider, reason = %failure, "a provider failed");
                failures.push(failure);
            }
        }
    }
    (all_calls, old.ok_or(failures))
}
