//! Whether a limit was exact in every minute, by what its clients were told.

use std::collections::BTreeMap;

use serde::Serialize;

/// An answer to a client of the limited key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    /// The UTC minute by which the function has counted the request, as the
    /// answer's own time says it.
    pub(super) minute: String,
    /// How many were left by then; none where the request was refused.
    pub(super) left: Option<u32>,
}

/// What passed in one minute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Minute {
    /// Its first moment, without the seconds.
    pub(super) begins: String,
    pub(super) passed: usize,
    pub(super) refused: usize,
    /// At most the limit passed, each with a count of its own, and exactly the
    /// limit where any was refused.
    pub(super) exact: bool,
}

/// The minutes in their order.
pub(super) fn minutes(told: &[Told], limit: u32) -> Vec<Minute> {
    let mut minutes: BTreeMap<&str, Vec<Option<u32>>> = BTreeMap::new();
    for answer in told {
        minutes.entry(&answer.minute).or_default().push(answer.left);
    }
    let judge = |(minute, answers): (&str, Vec<Option<u32>>)| {
        let mut left: Vec<u32> = answers.iter().copied().flatten().collect();
        let refused = answers.len() - left.len();
        left.sort_unstable_by(|a, b| b.cmp(a));
        let counted_once = left.iter().copied().eq((0..limit).rev().take(left.len()));
        let reached = left.last() == Some(&0);
        Minute {
            begins: minute.to_owned(),
            passed: left.len(),
            refused,
            exact: counted_once && (reached || refused == 0),
        }
    };
    minutes.into_iter().map(judge).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(left: &[Option<u32>]) -> (usize, usize, bool) {
        let told: Vec<_> = left
            .iter()
            .map(|left| Told {
                minute: "2026-01-15T10:30".to_owned(),
                left: *left,
            })
            .collect();
        match minutes(&told, 3).as_slice() {
            [one] => (one.passed, one.refused, one.exact),
            more => panic!("{more:?}"),
        }
    }

    #[test]
    fn a_minute_is_exact_by_its_counts_in_any_order() {
        assert_eq!(judged(&[Some(1), Some(2), Some(0), None]), (3, 1, true));
        assert_eq!(judged(&[Some(2), Some(1)]), (2, 0, true));
        // One too many, one counted twice, one refused too early, one lost.
        assert!(!judged(&[Some(2), Some(1), Some(0), Some(0)]).2);
        assert!(!judged(&[Some(2), Some(2)]).2);
        assert!(!judged(&[Some(2), None]).2);
        assert!(!judged(&[Some(2), Some(0), None]).2);
        assert!(!judged(&[None]).2);
    }

    #[test]
    fn each_minute_has_its_own_limit() {
        let told = |minute: &str, left| Told {
            minute: minute.to_owned(),
            left,
        };
        let minutes = minutes(
            &[told("b", Some(0)), told("a", Some(0)), told("b", None)],
            1,
        );
        let names: Vec<_> = minutes.iter().map(|minute| &*minute.begins).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(minutes.iter().all(|minute| minute.exact));
    }
}
