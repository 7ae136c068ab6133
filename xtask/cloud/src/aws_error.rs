//! AWS's errors in words, with a way out.
//!
//! [`explain`] turns an error of the SDK into the failure that a command ends with;
//! [`kind`] is for code that acts on one.

mod clock;
mod codes;

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_cloudformation::config::http::HttpResponse;
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
pub(crate) use codes::Kind;
use codes::Row;
use xtask::failure::Failure;

use crate::aws::network::NoAnswer;

/// Explains an error of the SDK to the operator; `attempted` completes "could not ...".
pub(crate) fn explain<E>(attempted: &str, error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(service) => {
            let response = service.raw();
            Refusal {
                code: service.err().code(),
                message: service.err().message(),
                status: response.status().as_u16(),
                date: response.headers().get("date"),
            }
            .explain(attempted)
        }
        SdkError::TimeoutError(_) => unreachable(attempted, "no answer in time"),
        SdkError::DispatchFailure(failure) => {
            if let Some(credentials) = find::<CredentialsError>(error) {
                let reason = innermost(credentials);
                Failure::new(format!(
                    "could not {attempted}: no usable credentials: {reason}"
                ))
                .hint(hint(Kind::ExpiredSession))
            } else if let Some(no_answer) = find::<NoAnswer>(error) {
                Failure::new(format!("could not {attempted}: {no_answer}")).hint(no_answer.hint())
            } else if failure.is_timeout() {
                unreachable(attempted, "no connection in time")
            } else {
                unreachable(attempted, &innermost(error))
            }
        }
        SdkError::ResponseError(_) => Failure::new(format!(
            "could not {attempted}: the answer is not one of AWS: {}",
            innermost(error)
        ))
        .hint("if --endpoint-url is given, check that an AWS emulator listens there"),
        other => Failure::new(format!("could not {attempted}: {}", innermost(other))),
    }
}

/// The kind of an error of the SDK; `None` if the table of codes does not have it, or AWS
/// did not answer. Credentials that can no longer be refreshed are an expired session.
pub(crate) fn kind<E>(error: &SdkError<E, HttpResponse>) -> Option<Kind>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(service) => {
            let refusal = Refusal {
                code: service.err().code(),
                message: service.err().message(),
                status: service.raw().status().as_u16(),
                date: None,
            };
            refusal.row().map(|row| row.kind)
        }
        SdkError::DispatchFailure(_) if find::<CredentialsError>(error).is_some() => {
            Some(Kind::ExpiredSession)
        }
        _ => None,
    }
}

/// A response of AWS that is an error.
pub(crate) struct Refusal<'a> {
    pub(crate) code: Option<&'a str>,
    pub(crate) message: Option<&'a str>,
    /// The HTTP status.
    pub(crate) status: u16,
    /// The `Date` header.
    pub(crate) date: Option<&'a str>,
}

impl Refusal<'_> {
    /// As [`explain`].
    pub(crate) fn explain(&self, attempted: &str) -> Failure {
        let text = match (self.code, self.message) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.to_owned(),
            // S3's answers to HEAD have no body.
            (None, _) => format!("HTTP status {}", self.status),
        };
        let failure = Failure::new(format!("could not {attempted}: {}", one_line(&text)));
        match self.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }

    /// The way out of the table, with the clocks' difference where that matters.
    pub(crate) fn hint(&self) -> Option<String> {
        let row = self.row()?;
        let message = self.message.unwrap_or_default();
        let ahead = match row.kind {
            Kind::Clock | Kind::Signature => clock::ahead(message, self.date, unix_seconds()),
            _ => None,
        };
        Some(match ahead {
            Some(ahead) => format!("{}; {}", row.hint(), clock::words(ahead)),
            None => row.hint(),
        })
    }

    fn row(&self) -> Option<&'static Row> {
        let message = self.message.unwrap_or_default();
        match self.code {
            Some(code) => codes::find(code, message),
            None => codes::find(&format!("HTTP {}", self.status), message),
        }
    }
}

/// The hint for any error of a kind.
pub(crate) fn hint(kind: Kind) -> String {
    codes::of(kind).map_or_else(String::new, Row::hint)
}

fn unreachable(attempted: &str, reason: &str) -> Failure {
    Failure::new(format!(
        "could not {attempted}: AWS could not be reached: {reason}"
    ))
    .hint("check the network, --region and --endpoint-url, then try again")
}

/// An error's message is one line, whatever AWS sent.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn unix_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

/// The first cause of a type.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// The cause at the bottom, which is the one that says something.
pub(crate) fn innermost(error: &(dyn Error + 'static)) -> String {
    one_line(&causes(error).last().unwrap_or(error).to_string())
}

/// An error and its causes, the outermost first.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(code: &str, message: &str) -> (String, Option<String>) {
        let refusal = Refusal {
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
    fn a_refusal_has_awss_words_and_the_tables_way_out() {
        let (error, hint) = words("ChangeSetNotFound", "ChangeSet [x] does not exist");
        assert_eq!(
            error,
            "could not read the stack s: ChangeSetNotFound: ChangeSet [x] does not exist"
        );
        let expected = "another deploy was faster: run the command again, which plans anew";
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
        let refusal = |status| Refusal {
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
                let refusal = Refusal {
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
