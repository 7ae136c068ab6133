//! Failed calls of AWS, for code that decides what to do about them.

use std::error::Error;

use aws_sdk_cloudformation::config::http::HttpResponse;
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use xtask::failure::Failure;

use crate::aws_error::{self, Kind, explain};

/// The kind of a failure, by what can be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Throttling, a lost connection or a failure of AWS: the same call may succeed later.
    Passing,
    /// The session has expired, or AWS does not accept its credentials: only signing in
    /// helps.
    SessionOver,
    /// AWS refuses the call, and will refuse it again.
    Refused,
}

impl Trouble {
    fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        match (aws_error::kind(error), error) {
            (Some(kind), _) => Trouble::of_kind(kind),
            (None, SdkError::ServiceError(service)) if service.raw().status().is_server_error() => {
                Trouble::Passing
            }
            (
                None,
                SdkError::TimeoutError(_)
                | SdkError::DispatchFailure(_)
                | SdkError::ResponseError(_),
            ) => Trouble::Passing,
            (None, _) => Trouble::Refused,
        }
    }

    fn of_kind(kind: Kind) -> Self {
        match kind {
            Kind::Throttled | Kind::Fault => Trouble::Passing,
            Kind::ExpiredSession | Kind::Credentials => Trouble::SessionOver,
            _ => Trouble::Refused,
        }
    }
}

/// A failed call: the failure in words, and its kind.
#[derive(Debug)]
pub(crate) struct FailedCall {
    pub(crate) trouble: Trouble,
    pub(crate) failure: Failure,
}

impl FailedCall {
    /// Explains an error of the SDK; `attempted` completes "could not ...".
    pub(crate) fn new<E>(attempted: &str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        FailedCall {
            trouble: Trouble::of(error),
            failure: explain(attempted, error),
        }
    }
}

impl From<FailedCall> for anyhow::Error {
    fn from(failed: FailedCall) -> Self {
        failed.failure.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_time_helps_against_throttling_and_only_signing_in_against_an_expired_session() {
        for (kind, expected) in [
            (Kind::Throttled, Trouble::Passing),
            (Kind::Fault, Trouble::Passing),
            (Kind::ExpiredSession, Trouble::SessionOver),
            (Kind::Permission, Trouble::Refused),
            (Kind::Clock, Trouble::Refused),
        ] {
            assert_eq!(Trouble::of_kind(kind), expected, "{kind:?}");
        }
    }
}
