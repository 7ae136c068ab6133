//! The error of a run.

use lambda_runtime::Diagnostic;

use crate::excerpt::Excerpt;
use crate::provider::Skipped;
use crate::sources::ProviderFailure;

/// The reason why a run is a failed invocation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// No provider brought a price; the failure of each.
    #[error("{}", all(.0))]
    Provider(Vec<ProviderFailure>),
    /// The provider brought prices that the store should have taken, and the store took
    /// none of them.
    #[error("the provider brought {brought} prices and none could be stored; {example}")]
    NothingStored {
        /// The number of prices that the provider brought.
        brought: usize,
        /// One of the coins, with the reason.
        example: Skipped,
    },
    /// The prices are dealt with, but the run could not be noted.
    #[error("{stored} prices are stored, but the run could not be noted: {reason}")]
    NotNoted {
        /// The number of stored prices.
        stored: usize,
        /// The reason why there is no note.
        reason: Excerpt,
    },
}

impl RunError {
    /// Returns a short, stable word for the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Provider(_) => "PROVIDER_FAILED",
            Self::NothingStored { .. } => "NOTHING_STORED",
            Self::NotNoted { .. } => "RUN_NOT_NOTED",
        }
    }
}

impl From<RunError> for Diagnostic {
    /// Makes the text that Lambda logs and sends to the failure destination.
    fn from(error: RunError) -> Self {
        Self {
            error_type: error.code().to_owned(),
            error_message: error.to_string(),
        }
    }
}

/// Every provider's failure in one line.
fn all(failures: &[ProviderFailure]) -> String {
    let lines: Vec<_> = failures.iter().map(ToString::to_string).collect();
    lines.join("; ")
}
