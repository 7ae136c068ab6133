//! AWS's errors in words, with a way out.

use std::error::Error;

use aws_sdk_cloudformation::config::http::HttpResponse;
use aws_sdk_cloudformation::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use xtask::failure::Failure;

/// What an error of the SDK means to the operator; `attempted` completes "could
/// not ...".
pub(crate) fn explain<E>(attempted: &str, error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(service) => refused(
            attempted,
            service.err().code(),
            service.err().message(),
            service.raw().status().as_u16(),
        ),
        SdkError::TimeoutError(_) => unreachable(attempted, "no answer in time"),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            unreachable(attempted, "no connection in time")
        }
        SdkError::DispatchFailure(failure) if failure.is_io() => {
            unreachable(attempted, &innermost(error))
        }
        SdkError::ResponseError(_) => Failure::new(format!(
            "could not {attempted}: the answer is not one of AWS: {}",
            innermost(error)
        ))
        .hint("if --endpoint-url is given, check that an AWS emulator listens there"),
        other => Failure::new(format!(
            "could not {attempted}: {}",
            DisplayErrorContext(other)
        )),
    }
}

fn unreachable(attempted: &str, reason: &str) -> Failure {
    Failure::new(format!(
        "could not {attempted}: AWS could not be reached: {reason}"
    ))
    .hint("check the network, --region and --endpoint-url, then try again")
}

/// The codes are those of the services' lists of common errors, such as
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/CommonErrors.html>,
/// and their variants in the JSON protocols and in S3.
fn refused(attempted: &str, code: Option<&str>, message: Option<&str>, status: u16) -> Failure {
    let text = match (code, message) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        // S3's answers to HEAD have no body.
        (None, _) => format!("HTTP status {status}"),
    };
    let failure = Failure::new(format!("could not {attempted}: {text}"));
    match code {
        Some(
            "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "TokenRefreshRequired",
        ) => {
            failure.hint("the AWS session has expired: sign in again, such as with `aws sso login`")
        }
        Some(
            "InvalidClientTokenId"
            | "UnrecognizedClientException"
            | "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "AuthFailure",
        ) => failure
            .hint("AWS does not accept these credentials: check --profile and the AWS_* variables"),
        Some(
            "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" | "NotAuthorized",
        ) => failure
            .hint("this identity lacks a permission: ask for it, or choose another --profile"),
        Some(
            "Throttling"
            | "ThrottlingException"
            | "RequestLimitExceeded"
            | "TooManyRequestsException"
            | "SlowDown",
        ) => failure.hint("AWS is throttling this account: wait a minute and try again"),
        None if status == 403 => failure
            .hint("this identity lacks a permission: ask for it, or choose another --profile"),
        _ => failure,
    }
}

/// The cause at the bottom, which is the one that says something.
pub(crate) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
