//! What a client can be told instead of what it asked for.

use std::collections::BTreeMap;

use lambda_http::http::StatusCode;
use serde::Serialize;
use shared::symbol::{MAX_SYMBOLS, SymbolListError, Unsupported};
use shared::timestamp::Timestamp;

use crate::parameters::{COMPACT, FORMAT, INCLUDE, JSON, MARKET_CAP, SYMBOLS, TIME};

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
    #[error("The parameter format must be {JSON} or {COMPACT}.")]
    UnknownFormat,
    #[error("The parameter include takes {MARKET_CAP} and {TIME}.")]
    UnknownInclude,
    #[error("The parameter {0} is not supported; there are {SYMBOLS}, {FORMAT} and {INCLUDE}.")]
    UnsupportedParameter(String),
    #[error("The HTTP method is malformed.")]
    MalformedMethod,
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
    pub(crate) const fn code(&self) -> Code {
        match self {
            Self::NoSymbols
            | Self::TooManySymbols(_)
            | Self::UnknownFormat
            | Self::UnknownInclude
            | Self::UnsupportedParameter(_)
            | Self::MalformedMethod
            | Self::UnsupportedSymbols(_) => Code::ValidationError,
            Self::Unauthorized => Code::Unauthorized,
            Self::UnknownPath | Self::UnsupportedSymbol(_) => Code::NotFound,
            Self::MethodNotAllowed => Code::MethodNotAllowed,
            Self::RateLimitExceeded { .. } => Code::RateLimitExceeded,
            Self::NoPrice => Code::NoPrice,
            Self::StoreUnavailable => Code::ServiceUnavailable,
            Self::Internal => Code::InternalError,
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
    fn details(&self) -> Option<ErrorDetails> {
        let (Self::UnsupportedSymbols(unsupported) | Self::UnsupportedSymbol(unsupported)) = self
        else {
            return None;
        };
        Some(ErrorDetails {
            unsupported_symbols: unsupported.symbols.clone(),
            migrated: unsupported.migrated.iter().cloned().collect(),
        })
    }

    /// The answer's body.
    pub(crate) fn body(&self, request_id: &str, now: Timestamp) -> ErrorBody {
        ErrorBody {
            error: self.to_string(),
            code: self.code(),
            timestamp: now,
            request_id: request_id.to_owned(),
            details: self.details(),
            retry_after: self.retry_after(),
        }
    }
}

/// The stable word of an error, which a program can go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema, serde::Deserialize),
    schemars(rename = "ErrorCode")
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Code {
    ValidationError,
    Unauthorized,
    NotFound,
    MethodNotAllowed,
    RateLimitExceeded,
    InternalError,
    // The store or the limiter fails.
    ServiceUnavailable,
    // None of the requested symbols has a price yet.
    NoPrice,
}

impl Code {
    /// The status of every response with this code.
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::ValidationError => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RateLimitExceeded => StatusCode::TOO_MANY_REQUESTS,
            Self::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::ServiceUnavailable | Self::NoPrice => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// What a client is told instead of what it asked for.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Error"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorBody {
    /// For a person; the text may change.
    error: String,
    code: Code,
    /// When the answer was made.
    timestamp: Timestamp,
    /// What the request is called in the service's log.
    request_id: String,
    /// There where symbols are not supported.
    #[cfg_attr(test, schemars(with = "ErrorDetails"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<ErrorDetails>,
    /// Seconds after which to ask again; the same as the header Retry-After.
    #[cfg_attr(test, schemars(with = "u32"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u32>,
}

/// What to change in the request.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct ErrorDetails {
    /// As asked, trimmed and in upper case.
    unsupported_symbols: Vec<String>,
    /// Those of them that were replaced by another coin, with its symbol.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    migrated: BTreeMap<String, &'static str>,
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
