//! Failed calls to a provider: the reason, and whether another call may succeed.

use std::time::Duration;

use reqwest::StatusCode;
use shared::timestamp::Timestamp;
use time::PrimitiveDateTime;
use time::macros::format_description;

use crate::excerpt::Excerpt;
use crate::provider::{InvalidAnswer, Reason, hint};

/// The reason why one call brought no usable response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttemptError {
    /// The response was not complete in time.
    #[error("no complete response within {0:?}")]
    Timeout(Duration),
    /// The connection was not made, or broke, with this message of the transport.
    #[error("{0}")]
    Transport(Excerpt),
    /// Any status but success.
    #[error("the response is {status}{}{}", in_brackets(.reason.as_ref()), hint(*.advice))]
    Status {
        /// The status code.
        status: StatusCode,
        /// How long the provider asks to be left alone.
        retry_after: Option<Duration>,
        /// The provider's own words, if the body has any.
        reason: Option<Reason>,
        /// Advice for the operator.
        advice: Option<&'static str>,
    },
    /// The body is encoded, although `identity` was requested.
    #[error("the response has the content encoding {0}, which was not requested")]
    ContentEncoding(Excerpt),
    /// The body is longer than the limit.
    #[error("the response is longer than {0} bytes")]
    TooLong(usize),
    /// The body has no usable price.
    #[error("the response is not usable: {0}")]
    InvalidAnswer(#[from] InvalidAnswer),
}

fn in_brackets(reason: Option<&Reason>) -> String {
    reason.map_or_else(String::new, |reason| format!(" ({reason})"))
}

impl AttemptError {
    /// Returns true if the same call may bring a response a little later: yes for what
    /// the network or the provider's load may have done, no for statuses and error codes
    /// that blame the request.
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
            Self::InvalidAnswer(InvalidAnswer::Refused { reason, .. }) => !reason.is_permanent(),
            Self::Timeout(_)
            | Self::Transport(_)
            | Self::ContentEncoding(_)
            | Self::TooLong(_)
            | Self::InvalidAnswer(_) => true,
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
