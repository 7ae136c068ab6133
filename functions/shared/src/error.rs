//! Errors of the store.

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::http::{innermost, was_not_sent};

/// The errors with which DynamoDB rejects a request because of the rate of requests, all with
/// status 400. The request had no effect. A response with a status of 500 or more does not prove
/// that, even with one of these codes.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html#Programming.Errors.MessagesAndCodes>
const THROTTLING: [&str; 3] = [
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
];

/// The reason why a call to the store failed. The text is for our logs; the response to a client
/// only says that the service is unavailable. `operation` is the API action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The response did not arrive in time. The call may have taken effect.
    #[error("{operation}: no response in time")]
    Timeout { operation: &'static str },
    /// The connection could not be made (name, TCP, TLS). Nothing was sent.
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
    /// The table or the account has no capacity left, after retries. DynamoDB rejected the
    /// request.
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
    /// An item lacks an attribute, or has one of another type or form.
    #[error("the {item} item has no usable attribute {attribute}")]
    MalformedItem {
        item: &'static str,
        attribute: &'static str,
    },
}

impl StoreError {
    /// Returns true if the call certainly had no effect: nothing was sent, or DynamoDB rejected
    /// the request for its rate. After every other failure the call may have taken effect.
    pub(crate) fn had_no_effect(&self) -> bool {
        matches!(self, Self::NotConnected { .. } | Self::Throttled { .. })
    }

    /// Converts an error of the SDK in a call of the named API action.
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
