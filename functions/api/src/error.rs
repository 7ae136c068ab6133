//! What a client can be told instead of what it asked for.

use lambda_http::http::StatusCode;
use serde_json::{Map, Value, json};
use shared::symbol::{MAX_SYMBOLS, SymbolListError, Unsupported};

/// Seconds after which a client may ask again when the store fails: long
/// enough to let it recover, short enough for a person to wait.
const STORE_RETRY_AFTER: u32 = 5;
/// Seconds after which a client may ask again for a price that was never
/// there: the first update run brings it.
const PRICE_RETRY_AFTER: u32 = 60;

/// A request that is not answered as asked. The text is for the client: what
/// went wrong inside is for the log only.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("The parameter symbols names no symbol.")]
    NoSymbols,
    #[error("At most {MAX_SYMBOLS} different symbols can be asked for at once, not {0}.")]
    TooManySymbols(usize),
    #[error("The parameter format has an unknown value; json is known.")]
    UnknownFormat,
    #[error("Not every symbol is supported.")]
    UnsupportedSymbols(Unsupported),
    // One message for every reason, so that nothing can be found out.
    #[error("A valid API key is required in the X-API-Key header.")]
    Unauthorized,
    #[error("There is nothing at this path.")]
    UnknownPath,
    #[error("The symbol is not supported.")]
    UnsupportedSymbol(Unsupported),
    #[error("Only GET and HEAD are allowed.")]
    MethodNotAllowed,
    #[error("The limit of requests in this minute is reached.")]
    RateLimitExceeded { retry_after: u32 },
    #[error("No price is available yet.")]
    NoPrice,
    #[error("The service is temporarily unavailable.")]
    StoreUnavailable,
    #[error("Something went wrong.")]
    Internal,
}

impl ApiError {
    pub(crate) const fn status(&self) -> StatusCode {
        match self {
            Self::NoSymbols
            | Self::TooManySymbols(_)
            | Self::UnknownFormat
            | Self::UnsupportedSymbols(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::UnknownPath | Self::UnsupportedSymbol(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RateLimitExceeded { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::NoPrice | Self::StoreUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The stable word that a program can go by.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::NoSymbols
            | Self::TooManySymbols(_)
            | Self::UnknownFormat
            | Self::UnsupportedSymbols(_) => "VALIDATION_ERROR",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::UnknownPath | Self::UnsupportedSymbol(_) => "NOT_FOUND",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::RateLimitExceeded { .. } => "RATE_LIMIT_EXCEEDED",
            Self::NoPrice | Self::StoreUnavailable => "SERVICE_UNAVAILABLE",
            Self::Internal => "INTERNAL_ERROR",
        }
    }

    /// Seconds after which asking again makes sense.
    pub(crate) const fn retry_after(&self) -> Option<u32> {
        match self {
            Self::RateLimitExceeded { retry_after } => Some(*retry_after),
            Self::NoPrice => Some(PRICE_RETRY_AFTER),
            Self::StoreUnavailable => Some(STORE_RETRY_AFTER),
            _ => None,
        }
    }

    /// What a program needs to tell a person what to change.
    pub(crate) fn details(&self) -> Option<Value> {
        let (Self::UnsupportedSymbols(unsupported) | Self::UnsupportedSymbol(unsupported)) = self
        else {
            return None;
        };
        let mut details = json!({ "unsupportedSymbols": unsupported.symbols });
        if !unsupported.migrated.is_empty() {
            let migrated: Map<_, _> = unsupported
                .migrated
                .iter()
                .map(|(from, to)| (from.clone(), json!(to)))
                .collect();
            details["migrated"] = Value::Object(migrated);
        }
        Some(details)
    }
}

impl From<SymbolListError> for ApiError {
    fn from(error: SymbolListError) -> Self {
        match error {
            SymbolListError::Empty => Self::NoSymbols,
            SymbolListError::TooMany(count) => Self::TooManySymbols(count),
            SymbolListError::Unsupported(unsupported) => Self::UnsupportedSymbols(unsupported),
        }
    }
}
