//! The providers in the order in which they are asked: each further one only
//! when those before it have failed their budgets.
//!
//! All prices of a run come from one provider, so that they can be compared with
//! each other. A coin that it skips is not asked of the next: it keeps the price
//! that is stored, which turns stale, and is marked so, if that goes on.

use std::fmt;

use reqwest::Client;
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;

use crate::attempt::AttemptError;
use crate::fetch::fetch;
use crate::provider::{Answer, InvalidAnswer, Provider, Skipped};
use crate::retry::Limits;

/// A provider, and how it is asked.
pub struct Source {
    /// Who is asked.
    pub provider: Box<dyn Provider>,
    /// With what.
    pub client: Client,
    /// For how long.
    pub limits: Limits,
}

/// The calls to one provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Who was asked.
    pub provider: &'static str,
    /// How many calls were made.
    pub calls: u32,
    /// How many of them brought no usable answer.
    pub failed_calls: u32,
}

/// What asking one provider after the other came to.
#[derive(Debug)]
pub struct Fetched {
    /// Everyone who was asked, in that order.
    pub asked: Vec<Asked>,
    /// Who answered and what, or why nobody did.
    pub outcome: Result<(&'static str, Answer), Vec<ProviderFailure>>,
}

/// Why one provider brought no price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderFailure {
    /// Who was asked.
    pub provider: &'static str,
    /// What was called.
    pub endpoint: String,
    /// How often.
    pub calls: u32,
    /// Why the last call failed.
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

/// Asks the `sources` for all `symbols` until one of them has an answer.
pub async fn fetch_from(
    sources: &[Source],
    symbols: &[Symbol],
    clock: fn() -> Timestamp,
) -> Fetched {
    let mut asked = Vec::new();
    let mut failures = Vec::new();
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
                return Fetched {
                    asked,
                    outcome: Ok((provider, answer)),
                };
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
    Fetched {
        asked,
        outcome: Err(failures),
    }
}
