//! Errors of AWS: their explanation for the operator, with a way out, and their kind for code
//! that acts on them.

mod clock;
mod codes;

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_cloudformation::config::http::HttpResponse;
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use shared::timestamp::Timestamp;
use xtask::failure::Failure;

use crate::aws::network::NoAnswer;
use crate::error_chain::{find, in_one_line, innermost};
pub(crate) use codes::Kind;

pub(crate) const CHECK_NETWORK: &str =
    "check the network, --region and --endpoint-url, then try again";

/// Explains an error of the SDK to the operator; `attempted` completes "could not ...".
pub(crate) fn explain<E>(attempted: &str, error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let failure = Failure::new(format!("could not {attempted}: {}", reason(error)));
    match hint_for(error) {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// The reason of an error in one line, without the way out.
pub(crate) fn reason<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(_) => {
            error_response(error).map_or_else(String::new, |it| it.reason())
        }
        SdkError::TimeoutError(_) => "AWS could not be reached: no answer in time".to_owned(),
        SdkError::DispatchFailure(failure) => {
            if let Some(credentials) = find::<CredentialsError>(error) {
                format!("no usable credentials: {}", innermost(credentials))
            } else if let Some(no_answer) = find::<NoAnswer>(error) {
                no_answer.to_string()
            } else if failure.is_timeout() {
                "AWS could not be reached: no connection in time".to_owned()
            } else {
                format!("AWS could not be reached: {}", innermost(error))
            }
        }
        SdkError::ResponseError(_) => {
            format!("the answer is not one of AWS: {}", innermost(error))
        }
        other => innermost(other),
    }
}

fn hint_for<E>(error: &SdkError<E, HttpResponse>) -> Option<String>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(_) => error_response(error)?.hint(),
        SdkError::DispatchFailure(_) if find::<CredentialsError>(error).is_some() => {
            Some(Kind::ExpiredSession.hint().to_owned())
        }
        SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) => {
            let no_answer = find::<NoAnswer>(error);
            Some(no_answer.map_or(CHECK_NETWORK, NoAnswer::hint).to_owned())
        }
        SdkError::ResponseError(_) => {
            Some("if --endpoint-url is given, check that an AWS emulator listens there".to_owned())
        }
        _ => None,
    }
}

/// The kind of an error of the SDK. `None` if the table of codes does not have the code, or
/// AWS did not answer. Credentials that can no longer be refreshed are an expired session.
pub(crate) fn kind<E>(error: &SdkError<E, HttpResponse>) -> Option<Kind>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(_) => error_response(error)?.kind(),
        SdkError::DispatchFailure(_) if find::<CredentialsError>(error).is_some() => {
            Some(Kind::ExpiredSession)
        }
        _ => None,
    }
}

/// A response of AWS that is an error.
pub(crate) struct ErrorResponse<'a> {
    pub(crate) code: Option<&'a str>,
    pub(crate) message: Option<&'a str>,
    /// The HTTP status.
    pub(crate) status: u16,
    /// The `Date` header.
    pub(crate) date: Option<&'a str>,
}

fn error_response<E: ProvideErrorMetadata>(
    error: &SdkError<E, HttpResponse>,
) -> Option<ErrorResponse<'_>> {
    let SdkError::ServiceError(service) = error else {
        return None;
    };
    let response = service.raw();
    Some(ErrorResponse {
        code: service.err().code(),
        message: service.err().message(),
        status: response.status().as_u16(),
        date: response.headers().get("date"),
    })
}

impl ErrorResponse<'_> {
    /// Explains the response, as [`explain`] does.
    pub(crate) fn explain(&self, attempted: &str) -> Failure {
        let failure = Failure::new(format!("could not {attempted}: {}", self.reason()));
        match self.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }

    fn reason(&self) -> String {
        in_one_line(&match (self.code, self.message) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.to_owned(),
            // S3's answers to HEAD have no body.
            (None, _) => format!("HTTP status {}", self.status),
        })
    }

    /// The hint of the table, with the difference of the clocks where that is the cause.
    fn hint(&self) -> Option<String> {
        let kind = self.kind()?;
        let message = self.message.unwrap_or_default();
        let ahead = match kind {
            Kind::Clock | Kind::Signature => {
                clock::ahead(message, self.date, Timestamp::now().unix_seconds())
            }
            _ => None,
        };
        Some(match ahead {
            Some(ahead) => format!("{}; {}", kind.hint(), clock::words(ahead)),
            None => kind.hint().to_owned(),
        })
    }

    fn kind(&self) -> Option<Kind> {
        let message = self.message.unwrap_or_default();
        match self.code {
            Some(code) => codes::kind(code, message),
            None => codes::kind(&format!("HTTP {}", self.status), message),
        }
    }
}

/// The prospects of a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// Throttling, a lost connection or a failure of AWS: the same call may succeed later.
    Transient,
    /// The session has expired, or AWS does not accept its credentials: the operator has to
    /// sign in.
    SessionExpired,
    /// AWS refuses the call, and will refuse it again.
    Permanent,
}

impl FailureKind {
    fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        match (kind(error), error) {
            (Some(kind), _) => FailureKind::of_kind(kind),
            (None, SdkError::ServiceError(service)) if service.raw().status().is_server_error() => {
                FailureKind::Transient
            }
            (
                None,
                SdkError::TimeoutError(_)
                | SdkError::DispatchFailure(_)
                | SdkError::ResponseError(_),
            ) => FailureKind::Transient,
            (None, _) => FailureKind::Permanent,
        }
    }

    fn of_kind(kind: Kind) -> Self {
        match kind {
            Kind::Throttled | Kind::Fault => FailureKind::Transient,
            Kind::ExpiredSession | Kind::Credentials | Kind::Account => FailureKind::SessionExpired,
            _ => FailureKind::Permanent,
        }
    }
}

/// A failed call: its explanation and its prospects.
#[derive(Debug)]
pub(crate) struct FailedCall {
    pub(crate) kind: FailureKind,
    pub(crate) failure: Failure,
}

impl FailedCall {
    /// Explains an error of the SDK, as [`explain`] does.
    pub(crate) fn new<E>(attempted: &str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        FailedCall {
            kind: FailureKind::of(error),
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

    fn words(code: &str, message: &str) -> (String, Option<String>) {
        let refusal = ErrorResponse {
            code: Some(code),
            message: Some(message),
            status: 400,
            date: None,
        };
        let failure = refusal.explain("read the stack s");
        let hint = failure.hint_text().map(str::to_owned);
        (failure.to_string(), hint)
    }

    #[test]
    fn a_refusal_has_the_words_of_aws_and_the_hint_of_the_table() {
        let (error, hint) = words("ChangeSetNotFound", "ChangeSet [x] does not exist");
        assert_eq!(
            error,
            "could not read the stack s: ChangeSetNotFound: ChangeSet [x] does not exist"
        );
        let expected = "another deploy was faster: rerun, which makes a new plan";
        assert_eq!(hint.as_deref(), Some(expected));
        let (error, hint) = words("ValidationError", "a first line\nanother");
        assert_eq!(
            (error.as_str(), hint),
            (
                "could not read the stack s: ValidationError: a first line another",
                None
            )
        );
    }

    #[test]
    fn a_response_without_a_code_is_explained_by_its_status() {
        let refusal = |status| ErrorResponse {
            code: None,
            message: None,
            status,
            date: None,
        };
        let failure = refusal(403).explain("look for k");
        assert_eq!(failure.to_string(), "could not look for k: HTTP status 403");
        let hint = failure.hint_text().unwrap_or_default();
        assert!(
            hint.starts_with("this identity lacks a permission"),
            "{hint}"
        );
        assert!(refusal(418).hint().is_none());
    }

    #[test]
    fn a_wrong_clock_is_named_with_the_difference() {
        let message = "Signature expired: 20260115T103000Z is now earlier than 20260115T104500Z (20260115T105000Z - 5 min.)";
        for code in ["InvalidSignatureException", "SignatureDoesNotMatch"] {
            let (_, hint) = words(code, message);
            let hint = hint.unwrap_or_default();
            assert!(hint.contains("set the clock"), "{hint}");
            let difference = "; this machine's clock is 20 min 0 s behind AWS's";
            assert!(hint.ends_with(difference), "{hint}");
        }
    }

    #[test]
    fn throttling_is_transient_and_an_expired_session_needs_a_sign_in() {
        for (kind, expected) in [
            (Kind::Throttled, FailureKind::Transient),
            (Kind::Fault, FailureKind::Transient),
            (Kind::ExpiredSession, FailureKind::SessionExpired),
            (Kind::Permission, FailureKind::Permanent),
            (Kind::Clock, FailureKind::Permanent),
        ] {
            assert_eq!(FailureKind::of_kind(kind), expected, "{kind:?}");
        }
    }

    mod properties {
        use proptest::prelude::*;

        use super::*;

        proptest! {
            #[test]
            fn any_refusal_is_one_line_in_words(
                code in prop::option::of(any::<String>()),
                message in prop::option::of(any::<String>()),
                status in any::<u16>(),
                date in prop::option::of(any::<String>()),
            ) {
                let refusal = ErrorResponse {
                    code: code.as_deref(),
                    message: message.as_deref(),
                    status,
                    date: date.as_deref(),
                };
                let failure = refusal.explain("read");
                let hint = failure.hint_text().unwrap_or_default();
                for line in [&failure.to_string(), hint] {
                    prop_assert!(!line.contains(['\n', '\r']), "{line:?}");
                }
            }

            #[test]
            fn any_time_in_a_refusal_is_read_without_a_panic(
                message in "(Signature expired: )?([0-9]{0,9}T[0-9]{0,7}Z[ ().é]{0,2}){0,4}",
                date in any::<String>(),
                now in any::<i64>(),
            ) {
                if let Some(ahead) = clock::ahead(&message, Some(&date), now) {
                    prop_assert!(clock::words(ahead).starts_with("this machine's clock"));
                }
            }
        }
    }
}
