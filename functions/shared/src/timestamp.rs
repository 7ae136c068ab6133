//! Times in whole seconds, as the table and the API write them.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The last second of the last year with four digits: 9999-12-31T23:59:59Z.
const LAST: i64 = 253_402_300_799;

/// The reason why a value is not a [`Timestamp`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    #[error("not an RFC 3339 time")]
    Malformed,
    #[error("a time before 1970 or after 9999")]
    OutOfRange,
}

/// A point in time, UTC, in whole seconds from 1970 to 9999.
///
/// [`fmt::Display`] writes RFC 3339 without a fraction (`2026-01-15T10:30:00Z`). All texts have
/// the same length because of the range, so that texts sort like times: the table's conditions
/// compare them as strings.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    pub fn now() -> Self {
        Self(OffsetDateTime::now_utc().unix_timestamp().clamp(0, LAST))
    }

    /// Converts seconds since 1970-01-01T00:00:00Z.
    pub fn from_unix_seconds(seconds: i64) -> Result<Self, TimestampError> {
        if (0..=LAST).contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err(TimestampError::OutOfRange)
        }
    }

    /// Parses RFC 3339 with any offset, and drops the fraction of the second.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| TimestampError::Malformed)?;
        Self::from_unix_seconds(time.unix_timestamp())
    }

    /// Returns the seconds since 1970-01-01T00:00:00Z.
    pub const fn unix_seconds(self) -> i64 {
        self.0
    }

    /// Returns the seconds from `earlier` to this time; negative if `earlier` is later.
    pub const fn seconds_since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    /// Returns the last multiple of `seconds` since 1970 that is not later than this time.
    #[must_use]
    pub const fn floor(self, seconds: i64) -> Self {
        Self(self.0 - self.0 % seconds)
    }

    /// Adds seconds, up to the end of 9999.
    #[must_use]
    pub fn plus_seconds(self, seconds: u32) -> Self {
        Self((self.0 + i64::from(seconds)).min(LAST))
    }

    /// Subtracts seconds, down to the beginning of 1970.
    #[must_use]
    pub fn minus_seconds(self, seconds: u32) -> Self {
        Self((self.0 - i64::from(seconds)).max(0))
    }
}

/// Returns the present time of the system clock in milliseconds since 1970-01-01T00:00:00Z.
pub fn unix_millis() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since_1970.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // This never fails, because `OffsetDateTime` covers the range of `Timestamp`.
        let time = OffsetDateTime::from_unix_timestamp(self.0).map_err(|_| fmt::Error)?;
        let (year, month, day) = time.to_calendar_date();
        let (hour, minute, second) = time.to_hms();
        let month = u8::from(month);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_whole_seconds_of_utc() {
        let time = Timestamp::from_unix_seconds(1_768_473_000).unwrap();
        assert_eq!(time.to_string(), "2026-01-15T10:30:00Z");
        assert_eq!(
            serde_json::to_string(&time).unwrap(),
            "\"2026-01-15T10:30:00Z\""
        );
    }

    #[test]
    fn offsets_are_applied_and_fractions_dropped() {
        let expected = Timestamp::parse("2026-01-15T10:30:00Z").unwrap();
        for text in [
            "2026-01-15T10:30:00.999Z",
            "2026-01-15T10:30:00.123456789Z",
            "2026-01-15T12:30:00+02:00",
        ] {
            assert_eq!(Timestamp::parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn malformed_texts_and_times_out_of_range_are_refused() {
        for text in ["", "yesterday", "2026-01-15", "2026-02-30T00:00:00Z"] {
            assert_eq!(
                Timestamp::parse(text),
                Err(TimestampError::Malformed),
                "{text}"
            );
        }
        assert_eq!(
            Timestamp::parse("1969-12-31T23:59:59Z"),
            Err(TimestampError::OutOfRange)
        );
        assert_eq!(
            Timestamp::from_unix_seconds(LAST + 1),
            Err(TimestampError::OutOfRange)
        );
    }

    #[test]
    fn adding_seconds_stops_at_the_end_of_the_range() {
        let last = Timestamp::from_unix_seconds(LAST).unwrap();
        assert_eq!(last.plus_seconds(u32::MAX), last);
    }

    #[test]
    fn subtracting_seconds_stops_at_the_beginning_of_the_range() {
        let time = Timestamp::from_unix_seconds(900).unwrap();
        assert_eq!(time.minus_seconds(899).unix_seconds(), 1);
        assert_eq!(time.minus_seconds(901).unix_seconds(), 0);
    }

    mod properties {
        use super::*;
        use proptest::prelude::*;

        proptest! {
            #[test]
            fn every_time_reads_back_unchanged(seconds in 0..=LAST) {
                let time = Timestamp::from_unix_seconds(seconds).unwrap();
                prop_assert_eq!(Timestamp::parse(&time.to_string()), Ok(time));
            }

            #[test]
            fn texts_sort_like_times(a in 0..=LAST, b in 0..=LAST) {
                let a = Timestamp::from_unix_seconds(a).unwrap();
                let b = Timestamp::from_unix_seconds(b).unwrap();
                prop_assert_eq!(a.to_string().cmp(&b.to_string()), a.cmp(&b));
            }

            #[test]
            fn no_text_causes_a_panic(text in any::<String>()) {
                let _ = Timestamp::parse(&text);
            }
        }
    }
}
