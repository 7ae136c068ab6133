//! Conversion of the times that AWS services return to RFC 3339.

use aws_sdk_cloudformation::primitives::{DateTime, DateTimeFormat};
use shared::timestamp::Timestamp;

/// Formats a time of the SDK, with a fraction if the time has one. `None` for a year after 9999.
pub(crate) fn rfc3339(time: DateTime) -> Option<String> {
    time.fmt(DateTimeFormat::DateTime).ok()
}

/// Formats a time of the SDK in whole seconds.
pub(crate) fn in_seconds(time: DateTime) -> Option<String> {
    rfc3339(DateTime::from_secs(time.secs()))
}

/// Formats a time of Lambda in whole seconds. Lambda writes the offset without a colon:
/// `2026-01-15T10:30:00.123+0000`. A text that is not a time is returned unchanged.
pub(crate) fn from_lambda(text: String) -> String {
    let with_offset = text.strip_suffix("+0000").map(|local| format!("{local}Z"));
    Timestamp::parse(with_offset.as_ref().unwrap_or(&text)).map_or(text, |time| time.to_string())
}

/// Formats milliseconds since 1970 as RFC 3339 with three decimals, so that the lines of a log are
/// aligned. A time before 1970 stays a number.
pub(crate) fn from_milliseconds(ms: i64) -> String {
    match Timestamp::from_unix_seconds(ms.div_euclid(1000)) {
        Ok(seconds) => {
            let seconds = seconds.to_string();
            let seconds = seconds.trim_end_matches('Z');
            format!("{seconds}.{:03}Z", ms.rem_euclid(1000))
        }
        Err(_) => ms.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_lambda_becomes_rfc_3339_in_whole_seconds() {
        for (theirs, ours) in [
            ("2026-01-15T10:30:00.123+0000", "2026-01-15T10:30:00Z"),
            ("2026-01-15T10:30:00Z", "2026-01-15T10:30:00Z"),
            ("yesterday", "yesterday"),
        ] {
            assert_eq!(from_lambda(theirs.to_owned()), ours);
        }
    }

    #[test]
    fn a_time_of_a_log_event_has_milliseconds() {
        assert_eq!(
            from_milliseconds(1_768_473_000_007),
            "2026-01-15T10:30:00.007Z"
        );
        assert_eq!(from_milliseconds(-1), "-1");
    }
}
