//! Why one call to a provider brought no usable answer, and when another may.

use std::time::Duration;

use reqwest::StatusCode;
use shared::timestamp::Timestamp;
use time::PrimitiveDateTime;
use time::macros::format_description;

use crate::provider::InvalidAnswer;

/// Why one call brought no usable answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttemptError {
    /// The answer was not complete in time.
    #[error("no complete answer within {0:?}")]
    Timeout(Duration),
    /// The connection was not made, or broke; what the transport said.
    #[error("{0}")]
    Transport(String),
    /// Any status but success.
    #[error("it answered {status}{}", advice(*.status))]
    Status {
        /// The status code.
        status: StatusCode,
        /// How long the provider asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// The body is longer than is read.
    #[error("its answer is longer than {0} bytes")]
    TooLong(usize),
    /// The body holds no price.
    #[error("its answer is not usable: {0}")]
    InvalidAnswer(#[from] InvalidAnswer),
}

/// What whoever reads about a status can do.
fn advice(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            " (does the key, if there is one, fit the host?)"
        }
        status if status.is_redirection() => " (redirects are not followed)",
        _ => "",
    }
}

impl AttemptError {
    /// Whether the same call may bring an answer a little later: yes for what
    /// the network or the provider's load may have done, no for statuses that
    /// blame the request.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Status { status, .. } => {
                matches!(
                    *status,
                    StatusCode::REQUEST_TIMEOUT
                        | StatusCode::TOO_EARLY
                        | StatusCode::TOO_MANY_REQUESTS
                ) || status.is_server_error()
            }
            Self::Timeout(_) | Self::Transport(_) | Self::TooLong(_) | Self::InvalidAnswer(_) => {
                true
            }
        }
    }

    /// How long the provider asks to be left alone, where it does.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Reads a `Retry-After` header: seconds, or a date in the form that servers
/// must send (RFC 9110, sections 5.6.7 and 10.2.3). A date that has passed is no
/// wait at all; anything unreadable is no header.
pub fn retry_after(header: &str, now: Timestamp) -> Option<Duration> {
    let header = header.trim();
    if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(header.parse().unwrap_or(u64::MAX)));
    }
    let format = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let date = PrimitiveDateTime::parse(header, format).ok()?.assume_utc();
    let seconds = date.unix_timestamp() - now.unix_seconds();
    Some(Duration::from_secs(seconds.try_into().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = Timestamp::parse("1994-11-06T08:49:00Z").unwrap();
        for (header, expected) in [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 7 ", Some(7)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sun, 06 Nov 1994 08:48:00 GMT", Some(0)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("Sun, 31 Feb 1994 08:49:37 GMT", None),
        ] {
            let expected = expected.map(Duration::from_secs);
            assert_eq!(retry_after(header, now), expected, "{header:?}");
        }
    }

    mod properties {
        use super::*;
        use proptest::prelude::*;

        proptest! {
            #[test]
            fn no_header_ever_panics(header in ".*", digits in "[0-9]{0,40}", now in 0_i64..253_402_300_799) {
                let now = Timestamp::from_unix_seconds(now).unwrap();
                let _ = retry_after(&header, now);
                let _ = retry_after(&digits, now);
            }
        }
    }
}
