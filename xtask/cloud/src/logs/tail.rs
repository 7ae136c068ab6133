//! The events of a log that were not printed yet. CloudWatch Logs stores events late and out of order.
//! Therefore each search covers a part of the previous search's time range, and finds some events again.

use std::collections::HashMap;

use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;

/// The longest delay, in milliseconds, with which an event can arrive after a newer event. Lambda
/// delivers logs within seconds.
const OVERLAP_MS: i64 = 30_000;
/// The most milliseconds between the beginning of a search's time range and the previous search. AWS
/// refuses the requests of a machine whose clock is wrong by more, so a wrong clock hides no event.
const LONGEST_WINDOW_MS: i64 = 300_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LogEvent {
    /// Milliseconds since 1970.
    pub(super) time_ms: i64,
    pub(super) stream: String,
    pub(super) message: String,
    /// `None` from an emulator without ids.
    id: Option<String>,
}

impl From<FilteredLogEvent> for LogEvent {
    fn from(event: FilteredLogEvent) -> Self {
        LogEvent {
            time_ms: event.timestamp.unwrap_or_default(),
            stream: event.log_stream_name.unwrap_or_default(),
            message: event.message.unwrap_or_default(),
            id: event.event_id,
        }
    }
}

impl LogEvent {
    fn identity(&self) -> String {
        match &self.id {
            Some(id) => id.clone(),
            None => format!("{} {} {}", self.time_ms, self.stream, self.message),
        }
    }
}

/// The state between two searches of a log.
pub(super) struct Tail {
    /// The beginning of the next search's time range.
    begins_ms: i64,
    newest_ms: Option<i64>,
    /// The time of the last search.
    searched_ms: Option<i64>,
    /// The times of the printed events that the next search can find again, by identity.
    seen: HashMap<String, i64>,
}

impl Tail {
    /// Creates a tail that begins with the events of this time.
    pub(super) fn new(begins_ms: i64) -> Self {
        Tail {
            begins_ms,
            newest_ms: None,
            searched_ms: None,
            seen: HashMap::new(),
        }
    }

    pub(super) fn begins_ms(&self) -> i64 {
        self.begins_ms
    }

    /// Moves the beginning forward for a search at this time, and forgets events before the beginning.
    pub(super) fn prepare_search(&mut self, now_ms: i64) {
        let behind_newest = self.newest_ms.map(|newest| newest - OVERLAP_MS);
        let behind_search = self
            .searched_ms
            .map(|searched| searched.saturating_sub(LONGEST_WINDOW_MS));
        let begins = behind_newest.max(behind_search).unwrap_or(i64::MIN);
        self.begins_ms = self.begins_ms.max(begins);
        self.searched_ms = Some(now_ms);
        let begins_ms = self.begins_ms;
        self.seen.retain(|_, time_ms| *time_ms >= begins_ms);
    }

    /// Returns the events of a page that were on no earlier page, sorted by time.
    pub(super) fn unseen(&mut self, events: impl Iterator<Item = LogEvent>) -> Vec<LogEvent> {
        let mut unseen = Vec::new();
        for event in events {
            let is_new = self.seen.insert(event.identity(), event.time_ms).is_none();
            if is_new {
                self.newest_ms = self.newest_ms.max(Some(event.time_ms));
                unseen.push(event);
            }
        }
        unseen.sort_by_key(|event| event.time_ms);
        unseen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, time_ms: i64) -> LogEvent {
        LogEvent {
            time_ms,
            stream: "stream".to_owned(),
            message: format!("message of {id}"),
            id: Some(id.to_owned()),
        }
    }

    #[test]
    fn equal_lines_without_ids_are_one_event_only_if_their_times_are_equal() {
        let without_id = |time_ms| LogEvent {
            id: None,
            ..event("a", time_ms)
        };
        let mut tail = Tail::new(0);
        let events = [without_id(1), without_id(2), without_id(1)];
        assert_eq!(tail.unseen(events.into_iter()).len(), 2);
    }

    #[test]
    fn searches_that_find_nothing_also_move_the_beginning_forward() {
        let mut tail = Tail::new(0);
        tail.prepare_search(10_000_000);
        assert_eq!(tail.begins_ms(), 0);
        tail.prepare_search(20_000_000);
        assert_eq!(tail.begins_ms(), 10_000_000 - LONGEST_WINDOW_MS);
    }

    mod properties {
        use std::collections::BTreeSet;

        use proptest::prelude::*;

        use super::*;

        proptest! {
            /// Each event arrives with a delay, and a search finds only the events that have arrived.
            #[test]
            fn every_event_that_arrives_within_the_overlap_is_printed_once(
                events in prop::collection::vec((0_i64..200_000, 0_i64..=OVERLAP_MS), 0..60),
                searches in prop::collection::btree_set(0_i64..200_000, 0..30),
            ) {
                let mut tail = Tail::new(0);
                let mut printed = Vec::new();
                let end = 400_000;
                for now in searches.into_iter().chain([end]) {
                    tail.prepare_search(now);
                    let found = events.iter().enumerate().filter(|(_, (time, delay))| {
                        *time >= tail.begins_ms() && time + delay <= now
                    });
                    let found: Vec<LogEvent> = found
                        .map(|(id, (time, _))| event(&id.to_string(), *time))
                        .collect();
                    let new = tail.unseen(found.into_iter());
                    prop_assert!(new.is_sorted_by_key(|event| event.time_ms));
                    printed.extend(new.into_iter().map(|event| event.message));
                }
                let once: BTreeSet<&String> = printed.iter().collect();
                prop_assert_eq!(once.len(), printed.len());
                prop_assert_eq!(printed.len(), events.len());
            }
        }
    }
}
