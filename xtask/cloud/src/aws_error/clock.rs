//! The difference between this machine's clock and AWS's, read from a refusal.

use aws_sdk_cloudformation::primitives::{DateTime, DateTimeFormat};

/// The clocks agree if they differ by less than this, because a response may travel for some seconds.
const AGREEMENT_SECONDS: u64 = 10;

/// Computes the seconds by which this machine's clock is ahead of AWS's clock; negative if this machine's clock
/// is behind. Returns `None` if the response has no time.
///
/// A message of Signature Version 4 begins with the request's time and ends with AWS's time: `Signature
/// expired: 20260115T103000Z is now earlier than 20260115T104500Z (20260115T105000Z - 5 min.)`
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>).
/// Every other response has AWS's time in its `Date` header.
pub(super) fn seconds_ahead(message: &str, date: Option<&str>, now: i64) -> Option<i64> {
    let mut times = message.split(|end: char| !end.is_ascii_alphanumeric());
    let mut times = times.by_ref().filter_map(parse_compact);
    if let Some(sent) = times.next()
        && let Some(server) = times.last()
    {
        return sent.checked_sub(server);
    }
    let date = DateTime::from_str(date?, DateTimeFormat::HttpDate).ok()?;
    now.checked_sub(date.secs())
}

/// Parses a time such as `20260115T103000Z` into seconds since 1970.
fn parse_compact(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let part = |text: &'_ str, from: usize, to: usize| text.get(from..to).map(str::to_owned);
    let (year, month, day) = (part(date, 0, 4)?, part(date, 4, 6)?, part(date, 6, 8)?);
    let (hour, minute, second) = (part(time, 0, 2)?, part(time, 2, 4)?, part(time, 4, 6)?);
    let text = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z");
    let time = DateTime::from_str(&text, DateTimeFormat::DateTime).ok()?;
    Some(time.secs())
}

/// Describes the difference as a clause.
pub(super) fn describe(ahead: i64) -> String {
    let difference = ahead.unsigned_abs();
    if difference < AGREEMENT_SECONDS {
        return "this machine's clock agrees with AWS's".to_owned();
    }
    let (hours, minutes, seconds) = (difference / 3600, difference / 60 % 60, difference % 60);
    let length = match (hours, minutes) {
        (0, 0) => format!("{seconds} s"),
        (0, _) => format!("{minutes} min {seconds} s"),
        _ => format!("{hours} h {minutes} min"),
    };
    let side = if ahead < 0 { "behind" } else { "ahead of" };
    format!("this machine's clock is {length} {side} AWS's")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_difference_is_read_from_a_signature_error() {
        let expired = "Signature expired: 20260115T103000Z is now earlier than 20260115T104500Z (20260115T105000Z - 5 min.)";
        let behind = seconds_ahead(expired, Some("Thu, 15 Jan 2026 10:30:00 GMT"), 0);
        assert_eq!(behind, Some(-20 * 60));
        let early = "Signature not yet current: 20260115T113003Z is still later than 20260115T103500Z (20260115T103000Z + 5 min.)";
        assert_eq!(seconds_ahead(early, None, 0), Some(3603));
    }

    #[test]
    fn without_times_in_the_message_the_date_header_is_compared() {
        let date = Some("Thu, 15 Jan 2026 10:30:00 GMT");
        let now = 1_768_473_000 + 843;
        let found = seconds_ahead("The difference is too large.", date, now);
        assert_eq!(found, Some(843));
        assert_eq!(seconds_ahead("", Some("yesterday"), now), None);
        assert_eq!(seconds_ahead("", None, now), None);
    }

    #[test]
    fn a_difference_is_written_in_suitable_units() {
        for (ahead, expected) in [
            (0, "agrees with AWS's"),
            (-9, "agrees with AWS's"),
            (10, "is 10 s ahead of AWS's"),
            (-843, "is 14 min 3 s behind AWS's"),
            (7290, "is 2 h 1 min ahead of AWS's"),
            (i64::MIN, "is 2562047788015215 h 30 min behind AWS's"),
        ] {
            assert_eq!(describe(ahead), format!("this machine's clock {expected}"));
        }
    }
}
