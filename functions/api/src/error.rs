//! Errors: the code, the status and the body of each error response.

use std::collections::BTreeMap;

use lambda_http::http::StatusCode;
use serde::Serialize;
use shared::symbol::{MAX_SYMBOLS, SymbolListError, Unsupported};
use shared::timestamp::Timestamp;

/// Seconds until a retry after a failure of the store. The store can recover in this time, and a
/// person can wait for it.
const STORE_RETRY_AFTER: u32 = 5;
/// Seconds until a retry if a price or a rate does not exist yet or is too old. One of the next update
/// runs stores a new one.
const UPDATE_RETRY_AFTER: u32 = 60;

/// The error of a request. Its text is for the client; internal causes are only in the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("The parameter symbols contains no symbol.")]
    NoSymbols,
    #[error("At most {MAX_SYMBOLS} different symbols are allowed, not {0}.")]
    TooManySymbols(usize),
    #[error("Not every symbol is supported.")]
    UnsupportedSymbols(Unsupported),
    #[error("The symbol is not supported.")]
    UnsupportedSymbol(Unsupported),
    #[error("The allowed values of the parameter {parameter} are {}.", .allowed.join(", "))]
    UnknownValue {
        parameter: &'static str,
        allowed: Vec<&'static str>,
    },
    #[error("The parameter {name} is not supported. The supported parameters are {}.", .supported.join(", "))]
    UnsupportedParameter {
        name: String,
        supported: &'static [&'static str],
    },
    #[error("The HTTP method is malformed.")]
    MalformedMethod,
    // One message for all reasons, so that the response does not reveal whether a key exists.
    #[error("A valid API key is required in the X-API-Key header.")]
    Unauthorized,
    #[error("The path does not exist.")]
    UnknownPath,
    #[error("Only GET and HEAD are allowed.")]
    MethodNotAllowed,
    #[error("The limit of requests per minute is reached.")]
    RateLimitExceeded { retry_after: u32 },
    #[error("No price is available yet.")]
    NoPrice,
    #[error("No rate of the currency is available.")]
    NoRate,
    #[error("The service is temporarily unavailable.")]
    StoreUnavailable,
    #[error("An internal error occurred.")]
    Internal,
}

impl ApiError {
    pub(crate) const fn code(&self) -> ErrorCode {
        match self {
            Self::NoSymbols
            | Self::TooManySymbols(_)
            | Self::UnsupportedSymbols(_)
            | Self::UnknownValue { .. }
            | Self::UnsupportedParameter { .. }
            | Self::MalformedMethod => ErrorCode::ValidationError,
            Self::Unauthorized => ErrorCode::Unauthorized,
            Self::UnknownPath | Self::UnsupportedSymbol(_) => ErrorCode::NotFound,
            Self::MethodNotAllowed => ErrorCode::MethodNotAllowed,
            Self::RateLimitExceeded { .. } => ErrorCode::RateLimitExceeded,
            Self::NoPrice => ErrorCode::NoPrice,
            Self::NoRate => ErrorCode::NoRate,
            Self::StoreUnavailable => ErrorCode::ServiceUnavailable,
            Self::Internal => ErrorCode::InternalError,
        }
    }

    /// Returns the seconds after which a retry is useful.
    pub(crate) const fn retry_after(&self) -> Option<u32> {
        match self {
            Self::RateLimitExceeded { retry_after } => Some(*retry_after),
            Self::NoPrice | Self::NoRate => Some(UPDATE_RETRY_AFTER),
            Self::StoreUnavailable => Some(STORE_RETRY_AFTER),
            _ => None,
        }
    }

    pub(crate) fn body(&self, request_id: &str, now: Timestamp) -> ErrorBody {
        let details = match self {
            Self::UnsupportedSymbols(unsupported) | Self::UnsupportedSymbol(unsupported) => {
                Some(ErrorDetails {
                    unsupported_symbols: unsupported.symbols.clone(),
                    migrated: unsupported.migrated.iter().cloned().collect(),
                })
            }
            _ => None,
        };
        ErrorBody {
            error: self.to_string(),
            code: self.code(),
            timestamp: now,
            request_id: request_id.to_owned(),
            details,
            retry_after: self.retry_after(),
        }
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

/// The stable code of an error, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Deserialize))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ErrorCode {
    ValidationError,
    Unauthorized,
    NotFound,
    MethodNotAllowed,
    RateLimitExceeded,
    InternalError,
    // The store or the limiter fails.
    ServiceUnavailable,
    // None of the requested symbols has a price from the last 24 hours.
    NoPrice,
    // The requested currency has no rate from the last 24 hours.
    NoRate,
}

impl ErrorCode {
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::ValidationError => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RateLimitExceeded => StatusCode::TOO_MANY_REQUESTS,
            Self::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::ServiceUnavailable | Self::NoPrice | Self::NoRate => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }
}

/// The body of every error response.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Error"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorBody {
    /// A message for people. Later versions can have another text.
    error: String,
    code: ErrorCode,
    /// The time of the response.
    timestamp: Timestamp,
    /// The id of the request in the service's log.
    request_id: String,
    /// Present only if a requested symbol is not supported.
    #[cfg_attr(test, schemars(with = "ErrorDetails"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<ErrorDetails>,
    /// Seconds until a retry is useful; equal to the header Retry-After.
    #[cfg_attr(test, schemars(with = "u32"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u32>,
}

/// The symbols of the request that are not supported.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct ErrorDetails {
    /// The symbols as requested, trimmed and in upper case.
    unsupported_symbols: Vec<String>,
    /// The unsupported symbols whose coin was replaced by another coin, each with the new coin's symbol.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    migrated: BTreeMap<String, &'static str>,
}
