//! Errors of the store.

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::http::{innermost, was_not_sent};

/// The codes with which DynamoDB throttles a request. With status 400, they prove that the request
/// had no effect. With a status of 500 or more, they do not.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html#Programming.Errors.MessagesAndCodes>
const THROTTLING: [&str; 3] = [
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
];

/// The reason why a call to the table failed. The text is for our logs; the response to a client
/// only says that the service is unavailable. `operation` is DynamoDB's action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The response did not arrive in time. The call may have taken effect.
    #[error("{operation}: no response in time")]
    Timeout { operation: &'static str },
    /// The name resolution, the TCP connection or the TLS handshake failed. Nothing was sent.
    #[error("{operation}: could not connect to DynamoDB: {reason}")]
    NotConnected {
        operation: &'static str,
        reason: String,
    },
    /// The connection broke, or the response is unreadable. The call may have taken effect.
    #[error("{operation}: DynamoDB could not be reached: {reason}")]
    Unreachable {
        operation: &'static str,
        reason: String,
    },
    /// DynamoDB rejected the request, because the capacity of the table or the account is used up.
    #[error("{operation}: throttled")]
    Throttled { operation: &'static str },
    #[error("{operation}: the table does not exist")]
    TableNotFound { operation: &'static str },
    /// DynamoDB refused the call for any other reason.
    #[error("{operation}: {code}: {message} (request id {request_id})")]
    Refused {
        operation: &'static str,
        code: String,
        message: String,
        request_id: String,
    },
    /// The attribute is missing, or its value has another type or form than expected.
    #[error("the {item} item has no usable attribute {attribute}")]
    MalformedItem {
        item: &'static str,
        attribute: &'static str,
    },
}

impl StoreError {
    /// Returns true if the call certainly had no effect: nothing was sent, or DynamoDB throttled
    /// the request. After any other failure, the caller must assume an effect.
    pub(crate) fn had_no_effect(&self) -> bool {
        matches!(self, Self::NotConnected { .. } | Self::Throttled { .. })
    }

    pub(crate) fn from_sdk<E>(operation: &'static str, error: &SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        match error {
            SdkError::TimeoutError(_) => Self::Timeout { operation },
            SdkError::DispatchFailure(_) if was_not_sent(error) => Self::NotConnected {
                operation,
                reason: innermost(error),
            },
            SdkError::DispatchFailure(failure) if failure.is_timeout() => {
                Self::Timeout { operation }
            }
            SdkError::ServiceError(service) => {
                Self::from_service(operation, service.err(), service.raw())
            }
            other => Self::Unreachable {
                operation,
                reason: innermost(other),
            },
        }
    }

    fn from_service(
        operation: &'static str,
        error: &impl ProvideErrorMetadata,
        response: &HttpResponse,
    ) -> Self {
        match error.code() {
            Some("ResourceNotFoundException") => Self::TableNotFound { operation },
            Some(code) if THROTTLING.contains(&code) && response.status().is_client_error() => {
                Self::Throttled { operation }
            }
            code => Self::Refused {
                operation,
                code: code.unwrap_or("unknown").to_owned(),
                message: error.message().unwrap_or_default().to_owned(),
                request_id: response
                    .headers()
                    .get("x-amzn-requestid")
                    .unwrap_or("unknown")
                    .to_owned(),
            },
        }
    }
}
