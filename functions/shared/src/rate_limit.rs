//! The rate limit's window, which is one minute of UTC, and the limiter's answer to a request.

use crate::timestamp::Timestamp;

const WINDOW_SECONDS: u32 = 60;
/// Seconds for which a counter is kept, from the start of its window.
const KEEP_SECONDS: u32 = 60 * 60;

/// One minute of UTC, in which a key's requests are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    start: Timestamp,
}

impl Window {
    /// Returns the window that contains a time.
    pub fn at(now: Timestamp) -> Self {
        let start = now.floor(WINDOW_SECONDS.into());
        Self { start }
    }

    /// Returns the name of the window in the table: `YYYYMMDDHHMM`.
    pub fn minute(self) -> String {
        let start = self.start.to_string();
        let digits = start.chars().filter(char::is_ascii_digit);
        digits.take("YYYYMMDDHHMM".len()).collect()
    }

    pub fn start(self) -> Timestamp {
        self.start
    }

    /// Returns the seconds until the next window: 60 at the start, 1 in the last second.
    pub fn seconds_left(self, now: Timestamp) -> u32 {
        let end = self.start.plus_seconds(WINDOW_SECONDS);
        u32::try_from(end.seconds_since(now))
            .unwrap_or(0)
            .clamp(1, WINDOW_SECONDS)
    }

    /// Returns the time from which DynamoDB may delete the window's counter.
    pub fn expires_at(self) -> Timestamp {
        self.start.plus_seconds(KEEP_SECONDS)
    }
}

/// The limiter's answer to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    Admitted {
        /// Number of requests in the window, this one included.
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
