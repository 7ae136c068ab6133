//! The errors of AWS: an explanation and a hint for the operator, and a kind for the code that handles
//! the error.

mod clock;
mod codes;

use std::error::Error;
use std::fmt::Display;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_cloudformation::config::http::HttpResponse;
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use shared::timestamp::Timestamp;
use xtask::failure::Failure;

use crate::aws::network::NoAnswer;
use crate::aws::renewal::Renewal;
use crate::error_chain::{find, in_one_line, innermost};
pub(crate) use codes::Kind;

/// Explains an error of the SDK to the operator; `attempted` completes "could not ...".
pub(crate) fn explain<E>(attempted: impl Display, error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    Explanation::of(error).failure(attempted)
}

/// The explanation of an error in the result of a call.
pub(crate) trait Explained<T> {
    /// Explains the error, as [`explain`] does.
    fn explained(self, attempted: impl Display) -> Result<T, Failure>;
}

impl<T, E> Explained<T> for Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    fn explained(self, attempted: impl Display) -> Result<T, Failure> {
        self.map_err(|error| explain(attempted, &error))
    }
}

/// The explanation of an error.
pub(crate) struct Explanation {
    /// The reason in one line, without the hint.
    pub(crate) reason: String,
    /// `None` if the table of error codes has no row for the error. For credentials that can no longer be
    /// renewed, the kind is [`Kind::ExpiredSession`].
    pub(crate) kind: Option<Kind>,
    pub(crate) hint: Option<String>,
}

impl Explanation {
    pub(crate) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let no_answer = find::<NoAnswer>(error);
        let (reason, kind) = match error {
            SdkError::ServiceError(service) => {
                let response = service.raw();
                return ErrorResponse {
                    code: service.err().code(),
                    message: service.err().message(),
                    status: response.status().as_u16(),
                    date: response.headers().get("date"),
                    renewal: response.extension(),
                }
                .explanation();
            }
            SdkError::ResponseError(_) => (
                format!("the response is not from AWS: {}", innermost(error)),
                Some(Kind::NotAws),
            ),
            SdkError::TimeoutError(_) => (
                "AWS could not be reached: no answer in time".to_owned(),
                Some(Kind::Unreachable),
            ),
            SdkError::DispatchFailure(failure) => {
                // If the renewal got no answer, a later renewal may succeed, so this is not an expired session.
                if let (None, Some(credentials)) = (no_answer, find::<CredentialsError>(error)) {
                    let reason = innermost(credentials);
                    (
                        format!("no usable credentials: {reason}"),
                        Some(Kind::ExpiredSession),
                    )
                } else {
                    let reason = match no_answer {
                        Some(no_answer) => no_answer.to_string(),
                        None if failure.is_timeout() => {
                            "AWS could not be reached: no connection in time".to_owned()
                        }
                        None => format!("AWS could not be reached: {}", innermost(error)),
                    };
                    (reason, Some(Kind::Unreachable))
                }
            }
            other => (innermost(other), None),
        };
        let renewal = find::<Failure>(error).and_then(Failure::hint_text);
        let hint = match (kind, no_answer) {
            (Some(Kind::Unreachable), Some(no_answer)) => Some(no_answer.hint()),
            (Some(Kind::ExpiredSession), _) if renewal.is_some() => renewal,
            _ => kind.map(Kind::hint),
        };
        Explanation {
            reason,
            kind,
            hint: hint.map(str::to_owned),
        }
    }

    fn failure(self, attempted: impl Display) -> Failure {
        let failure = Failure::new(format!("could not {attempted}: {}", self.reason));
        match self.hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

/// An error response of AWS.
pub(crate) struct ErrorResponse<'a> {
    pub(crate) code: Option<&'a str>,
    pub(crate) message: Option<&'a str>,
    /// The HTTP status.
    pub(crate) status: u16,
    /// The `Date` header.
    pub(crate) date: Option<&'a str>,
    /// The step that renews the credentials; `None` for the placeholder credentials of an emulator.
    pub(crate) renewal: Option<&'a Renewal>,
}

impl ErrorResponse<'_> {
    /// Explains the response, as [`explain`] does.
    pub(crate) fn explain(&self, attempted: &str) -> Failure {
        self.explanation().failure(attempted)
    }

    /// Explains the response with the hint of its kind. If this machine's clock may be the cause, the hint
    /// names the difference from AWS's clock.
    fn explanation(&self) -> Explanation {
        let message = self.message.unwrap_or_default();
        let reason = match (self.code, self.message) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.to_owned(),
            // S3's responses to HEAD requests have no body, and therefore no code.
            (None, _) => format!("HTTP status {}", self.status),
        };
        let known = match self.code {
            Some(code) => codes::kind(code, message),
            None => codes::kind(&format!("HTTP-{}", self.status), message),
        };
        let kind = known.or((500..600).contains(&self.status).then_some(Kind::Fault));
        let ahead = match kind {
            Some(Kind::Clock | Kind::Signature) => {
                clock::seconds_ahead(message, self.date, Timestamp::now().unix_seconds())
            }
            _ => None,
        };
        let hint = kind.map(|kind| match (ahead, kind, self.renewal) {
            (Some(ahead), ..) => format!("{}; {}", kind.hint(), clock::describe(ahead)),
            (None, Kind::ExpiredSession, Some(renewal)) => renewal.hint(),
            _ => kind.hint().to_owned(),
        });
        Explanation {
            reason: in_one_line(&reason),
            kind,
            hint,
        }
    }
}

/// The kind of a failed call, which says if the same call can succeed later.
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

impl From<Option<Kind>> for FailureKind {
    fn from(kind: Option<Kind>) -> Self {
        match kind {
            Some(Kind::Throttled | Kind::Fault | Kind::Unreachable | Kind::NotAws) => {
                FailureKind::Transient
            }
            Some(Kind::ExpiredSession | Kind::Credentials | Kind::Account) => {
                FailureKind::SessionExpired
            }
            _ => FailureKind::Permanent,
        }
    }
}

/// A failed call: its explanation and its kind.
#[derive(Debug)]
pub(crate) struct FailedCall {
    pub(crate) kind: FailureKind,
    pub(crate) failure: Failure,
}

impl FailedCall {
    /// Explains an error of the SDK, as [`explain`] does.
    pub(crate) fn new<E>(attempted: impl Display, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let explanation = Explanation::of(error);
        FailedCall {
            kind: FailureKind::from(explanation.kind),
            failure: explanation.failure(attempted),
        }
    }
}

impl From<anyhow::Error> for FailedCall {
    /// Treats the error as permanent, because it arose on this machine and not at AWS.
    fn from(error: anyhow::Error) -> Self {
        FailedCall {
            kind: FailureKind::Permanent,
            failure: Failure::new(format!("{error:#}")),
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

    fn message_and_hint(code: &str, message: &str) -> (String, Option<String>) {
        let refusal = ErrorResponse {
            code: Some(code),
            message: Some(message),
            status: 400,
            date: None,
            renewal: None,
        };
        let failure = refusal.explain("read the stack s");
        let hint = failure.hint_text().map(str::to_owned);
        (failure.to_string(), hint)
    }

    #[test]
    fn a_refusal_has_the_words_of_aws_and_the_hint_of_the_table() {
        let (error, hint) = message_and_hint("ChangeSetNotFound", "ChangeSet [x] does not exist");
        assert_eq!(
            error,
            "could not read the stack s: ChangeSetNotFound: ChangeSet [x] does not exist"
        );
        let expected = "another deploy was faster: rerun, which makes a new plan";
        assert_eq!(hint.as_deref(), Some(expected));
        let (error, hint) = message_and_hint("ValidationError", "a first line\nanother");
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
            renewal: None,
        };
        let failure = refusal(403).explain("look for k");
        assert_eq!(failure.to_string(), "could not look for k: HTTP status 403");
        let hint = failure.hint_text().unwrap_or_default();
        assert!(
            hint.starts_with("this identity lacks a permission"),
            "{hint}"
        );
        assert!(refusal(418).explain("look for k").hint_text().is_none());
    }

    #[test]
    fn a_wrong_clock_is_named_with_the_difference() {
        let message = "Signature expired: 20260115T103000Z is now earlier than 20260115T104500Z (20260115T105000Z - 5 min.)";
        for code in ["InvalidSignatureException", "SignatureDoesNotMatch"] {
            let (_, hint) = message_and_hint(code, message);
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
            assert_eq!(FailureKind::from(Some(kind)), expected, "{kind:?}");
        }
    }

    mod properties {
        use proptest::prelude::*;

        use super::*;

        proptest! {
            #[test]
            fn any_refusal_is_one_line(
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
                    renewal: None,
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
                if let Some(ahead) = clock::seconds_ahead(&message, Some(&date), now) {
                    prop_assert!(clock::describe(ahead).starts_with("this machine's clock"));
                }
            }
        }
    }
}
