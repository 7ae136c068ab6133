//! The event that starts a run. Only the time for which `EventBridge` Scheduler planned the run is
//! read.

use shared::history::Slot;
use shared::timestamp::Timestamp;

use crate::provider::json;

/// The member with the planned time. Scheduler writes RFC 3339:
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html>.
const SCHEDULED_TIME: &str = "scheduledTime";

/// Maximum seconds from the planned time to the start of a run. The last retry starts earlier:
/// Lambda drops an event after 300 seconds, and its two retries begin within 3 minutes.
const MAX_LATE_SECONDS: i64 = 15 * 60;

/// Maximum seconds by which Scheduler's clock may be ahead of ours.
const MAX_EARLY_SECONDS: i64 = 60;

/// Returns the history slot of the event's planned time, which all attempts at one event share.
/// Returns `None` if the event has no planned time, or if that time is far from the run's start,
/// `now`.
pub fn planned_slot(event: &str, now: Timestamp) -> Option<Slot> {
    let [planned] = json::object(event.as_bytes(), &[SCHEDULED_TIME])
        .ok()?
        .try_into()
        .ok()?;
    let planned = Timestamp::parse(&json::text(planned?)?).ok()?;
    let late = now.seconds_since(planned);
    (-MAX_EARLY_SECONDS..=MAX_LATE_SECONDS)
        .contains(&late)
        .then(|| Slot::of(planned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn all_attempts_at_one_event_have_the_slot_of_its_planned_time() {
        let event =
            r#"{"source":"aws.scheduler","scheduledTime":"2026-01-15T10:30:00Z","attempt":"1"}"#;
        let slot = Slot::of(at("2026-01-15T10:30:00Z"));
        for (now, expected) in [
            ("2026-01-15T10:28:59Z", None),
            ("2026-01-15T10:29:00Z", Some(slot)),
            ("2026-01-15T10:30:01Z", Some(slot)),
            ("2026-01-15T10:36:00Z", Some(slot)),
            ("2026-01-15T10:45:00Z", Some(slot)),
            ("2026-01-15T10:45:01Z", None),
        ] {
            assert_eq!(planned_slot(event, at(now)), expected, "{now}");
        }
    }

    #[test]
    fn an_event_without_a_usable_planned_time_has_no_slot() {
        let now = at("2026-01-15T10:30:00Z");
        let deep = "[".repeat(100_000);
        for event in [
            "null",
            "[]",
            r#"["2026-01-15T10:30:00Z"]"#,
            r#""2026-01-15T10:30:00Z""#,
            "{}",
            r#"{"scheduledTime":null}"#,
            r#"{"scheduledTime":1768473000}"#,
            r#"{"scheduledTime":"soon"}"#,
            r#"{"scheduledTime":"<aws.scheduler.scheduled-time>"}"#,
            r#"{"scheduledTime":["2026-01-15T10:30:00Z"]}"#,
            r#"{"scheduledTime":{"scheduledTime":"2026-01-15T10:30:00Z"}}"#,
            r#"{"scheduledTime":"9999-12-31T23:59:59Z"}"#,
            r#"{"scheduledTime":"0000-01-01T00:00:00Z"}"#,
            &deep,
        ] {
            assert_eq!(planned_slot(event, now), None, "{event:.80}");
        }
    }

    mod properties {
        use super::*;
        use proptest::prelude::*;

        proptest! {
            #[test]
            fn any_event_is_read_without_a_panic(
                event in ".*",
                text in ".*",
                now in 0_i64..253_402_300_799,
            ) {
                let now = Timestamp::from_unix_seconds(now).unwrap();
                let _ = planned_slot(&event, now);
                let text = serde_json::json!({ SCHEDULED_TIME: text }).to_string();
                let _ = planned_slot(&text, now);
            }
        }
    }
}
