//! The fixed window of the rate limit: one minute of UTC.

use crate::timestamp::Timestamp;

const WINDOW_SECONDS: u32 = 60;
/// Seconds after the window's start for which its counter is kept.
const KEEP_SECONDS: u32 = 60 * 60;

/// One minute of UTC, in which a key's requests are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    start: Timestamp,
}

impl Window {
    /// The minute that a time lies in.
    pub fn at(now: Timestamp) -> Self {
        let into = now.unix_seconds() % i64::from(WINDOW_SECONDS);
        let start = Timestamp::from_unix_seconds(now.unix_seconds() - into).unwrap_or(now);
        Self { start }
    }

    /// The minute's name in the table: `YYYYMMDDHHMM`.
    pub fn minute(self) -> String {
        let start = self.start.date_time();
        let (year, month, day) = start.to_calendar_date();
        let month = u8::from(month);
        let (hour, minute, _) = start.to_hms();
        format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}")
    }

    /// The minute's first second.
    pub fn start(self) -> Timestamp {
        self.start
    }

    /// Seconds until the next window: 60 at the minute's start, 1 in its last
    /// second. A client that waits for so long is counted anew.
    pub fn seconds_left(self, now: Timestamp) -> u32 {
        let end = self.start.plus_seconds(WINDOW_SECONDS);
        u32::try_from(end.seconds_since(now))
            .unwrap_or(0)
            .clamp(1, WINDOW_SECONDS)
    }

    /// When DynamoDB may delete the minute's counter.
    pub fn expires_at(self) -> Timestamp {
        self.start.plus_seconds(KEEP_SECONDS)
    }
}

/// What the limiter says of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// The request is within the limit.
    Admitted {
        /// Requests of the window so far, this one included.
        count: u32,
    },
    /// The window's limit was reached before this request.
    Refused,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn a_window_is_named_by_its_minute() {
        let now = at("2026-01-05T09:08:59Z");
        let window = Window::at(now);
        assert_eq!(window.minute(), "202601050908");
        assert_eq!(window.start(), at("2026-01-05T09:08:00Z"));
        assert_eq!(window.expires_at(), at("2026-01-05T10:08:00Z"));
    }

    #[test]
    fn the_seconds_left_count_down_to_the_next_minute() {
        for (now, left) in [
            ("2026-01-05T09:08:00Z", 60),
            ("2026-01-05T09:08:01Z", 59),
            ("2026-01-05T09:08:59Z", 1),
        ] {
            assert_eq!(Window::at(at(now)).seconds_left(at(now)), left, "{now}");
        }
    }

    mod properties {
        use super::*;
        use proptest::prelude::*;

        proptest! {
            #[test]
            fn waiting_for_the_seconds_left_opens_the_next_window(seconds in 0_i64..253_402_300_000) {
                let now = Timestamp::from_unix_seconds(seconds).unwrap();
                let window = Window::at(now);
                let left = window.seconds_left(now);
                prop_assert!((1..=60).contains(&left));
                prop_assert_eq!(Window::at(now.plus_seconds(left - 1)), window);
                prop_assert!(Window::at(now.plus_seconds(left)) > window);
            }
        }
    }
}
