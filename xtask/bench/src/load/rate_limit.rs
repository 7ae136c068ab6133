//! Checks that a rate limit was exact in every minute, from the responses to the clients.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;

/// The rate limit of the limited key in requests per minute. Its clients send more.
pub(super) const LIMIT: NonZeroU32 = NonZeroU32::new(1_000).expect("1,000 is not zero");

/// A response to a client of the limited key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LimitedResponse {
    /// The UTC minute in the response's timestamp, in which the function counted the request.
    pub(super) minute: String,
    /// The remaining requests of the minute; `None` if the request was refused.
    pub(super) remaining: Option<u32>,
}

/// The requests of one minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Minute {
    /// The beginning of the minute, such as `2026-01-15T10:30`.
    begins: String,
    limit: u32,
    /// The `remaining` of every request that passed, in descending order.
    remaining: Vec<u32>,
    pub(super) refused: usize,
}

/// Groups the responses by minute, in order of time.
pub(super) fn minutes(responses: &[LimitedResponse], limit: u32) -> Vec<Minute> {
    let mut minutes: BTreeMap<&str, Minute> = BTreeMap::new();
    for response in responses {
        let minute = minutes.entry(&response.minute).or_insert_with(|| Minute {
            begins: response.minute.clone(),
            limit,
            remaining: Vec::new(),
            refused: 0,
        });
        match response.remaining {
            Some(remaining) => minute.remaining.push(remaining),
            None => minute.refused += 1,
        }
    }
    let mut minutes: Vec<_> = minutes.into_values().collect();
    for minute in &mut minutes {
        minute.remaining.sort_unstable_by(|a, b| b.cmp(a));
    }
    minutes
}

impl Minute {
    /// Returns true if `remaining` counts down from the limit without a gap or a repetition. If a
    /// request was refused, the count must also have reached 0.
    pub(super) fn is_exact(&self) -> bool {
        let passed = self.remaining.len();
        let expected = (0..self.limit).rev().take(passed);
        let is_reached = self.remaining.last() == Some(&0);
        expected.eq(self.remaining.iter().copied()) && (is_reached || self.refused == 0)
    }
}

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (begins, limit, refused) = (&self.begins, self.limit, self.refused);
        let passed = self.remaining.len();
        let verdict = if self.is_exact() {
            "exact"
        } else {
            "NOT EXACT"
        };
        write!(
            f,
            "{begins}: {passed} of {limit} passed, {refused} refused: {verdict}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(minute: &str, remaining: Option<u32>) -> LimitedResponse {
        LimitedResponse {
            minute: minute.to_owned(),
            remaining,
        }
    }

    /// Returns the numbers of passed and refused requests in a minute with the limit 3, and whether
    /// the minute is exact.
    fn judge(remaining: &[Option<u32>]) -> (usize, usize, bool) {
        let responses: Vec<_> = remaining
            .iter()
            .map(|remaining| response("2026-01-15T10:30", *remaining))
            .collect();
        match minutes(&responses, 3).as_slice() {
            [one] => (one.remaining.len(), one.refused, one.is_exact()),
            more => panic!("{more:?}"),
        }
    }

    #[test]
    fn a_minute_is_exact_if_each_count_comes_once_in_any_order() {
        assert_eq!(judge(&[Some(1), Some(2), Some(0), None]), (3, 1, true));
        assert_eq!(judge(&[Some(2), Some(1)]), (2, 0, true));
        // More requests passed than the limit.
        assert!(!judge(&[Some(2), Some(1), Some(0), Some(0)]).2);
        // Two requests got the same count.
        assert!(!judge(&[Some(2), Some(2)]).2);
        // A request was refused before the limit was reached.
        assert!(!judge(&[Some(2), None]).2);
        assert!(!judge(&[None]).2);
        // A count is missing.
        assert!(!judge(&[Some(2), Some(0), None]).2);
    }

    #[test]
    fn each_minute_has_its_own_limit() {
        let responses = [
            response("b", Some(0)),
            response("a", Some(0)),
            response("b", None),
        ];
        let minutes = minutes(&responses, 1);
        let names: Vec<_> = minutes.iter().map(|minute| &*minute.begins).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(minutes.iter().all(Minute::is_exact));
    }
}
