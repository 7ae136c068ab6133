//! Failover: calls the providers in order until one of them has fresh prices.
//!
//! If the first response is fresh, it is used alone, so that the prices of a run are comparable. A
//! coin that a fresh response lacks is not requested from the next provider. The coin keeps its
//! stored price, which becomes stale if later responses lack the coin, too. The same holds for
//! currencies and their rates. If the first response is old, the newer price of each coin and the
//! newer rate of each currency are used.

use shared::symbol::Symbol;
use shared::timestamp::Timestamp;

use crate::fetch::{AttemptError, Source, fetch};
use crate::prices::FetchedPrices;
use crate::provider::{InvalidResponse, Skipped};

/// The calls of one run to one provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderCalls {
    pub provider: &'static str,
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
    pub provider: &'static str,
    /// The URL without its query.
    pub endpoint: String,
    pub calls: u32,
    /// The error of the last call.
    pub last: AttemptError,
}

impl ProviderFailure {
    /// Returns every requested coin with the reason why it has no usable price. Empty if the last
    /// response could not be parsed.
    pub fn skipped(&self) -> &[Skipped<Symbol>] {
        match &self.last {
            AttemptError::InvalidResponse(InvalidResponse::NoPrices(skipped)) => skipped,
            _ => &[],
        }
    }
}

/// Fetches the prices of all `symbols` and the rates. Calls the sources in order until one has
/// fresh prices, and merges the responses. Also returns the calls to each provider.
///
/// # Errors
///
/// The failures of all providers, if none has sent a usable price.
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
