//! Where the traffic is, by what an alias says.

use std::collections::HashMap;

use super::ResourceEvent;
use crate::alias::Live;

/// How much of the traffic is where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shift {
    /// The new version.
    pub(super) version: String,
    /// Its part of the traffic.
    pub(super) percent: u8,
}

/// Where the traffic is, by the version that served `before` and the new one
/// that was `seen` already. `None` while it has not begun to move, or where
/// that cannot be known.
///
/// While traffic moves, the alias points at the version before and gives the
/// new one a weight; with all of it, the alias points at the new one.
pub(super) fn shift(before: Option<&str>, seen: Option<&str>, alias: &Live) -> Option<Shift> {
    let (version, percent) = match alias.weights.first() {
        Some(weight) => (weight.version.as_str(), percent(weight.percent)),
        None if seen == Some(&alias.version) => (alias.version.as_str(), 100),
        None if before.is_some_and(|before| before != alias.version) => {
            (alias.version.as_str(), 100)
        }
        // It went back.
        None => (seen?, 0),
    };
    let version = version.to_owned();
    Some(Shift { version, percent })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is between 0 and 100"
)]
fn percent(weight: f64) -> u8 {
    weight.round().clamp(0.0, 100.0) as u8
}

/// Whether an alias is being updated.
pub(super) fn is_moving(events: &[ResourceEvent]) -> bool {
    let aliases = events
        .iter()
        .filter(|event| event.resource_type == "AWS::Lambda::Alias");
    let mut last = HashMap::new();
    for alias in aliases {
        last.insert(&alias.logical_id, alias.status.as_str());
    }
    last.values().any(|status| *status == "UPDATE_IN_PROGRESS")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alias::Weight;

    fn alias(version: &str, weights: &[(&str, f64)]) -> Live {
        let mut live = Live::for_tests(version);
        live.weights
            .extend(weights.iter().map(|(version, part)| Weight {
                version: (*version).to_owned(),
                percent: part * 100.0,
            }));
        live
    }

    fn at(version: &str, percent: u8) -> Shift {
        let version = version.to_owned();
        Shift { version, percent }
    }

    #[test]
    fn the_new_version_is_the_weighted_one_and_at_the_end_the_only_one() {
        let shift = |before, alias| shift(before, None, &alias);
        assert_eq!(shift(Some("6"), alias("6", &[])), None);
        assert_eq!(
            shift(Some("6"), alias("6", &[("7", 0.3)])),
            Some(at("7", 30))
        );
        assert_eq!(shift(Some("6"), alias("7", &[])), Some(at("7", 100)));
        assert_eq!(shift(None, alias("7", &[])), None);
        assert_eq!(shift(None, alias("6", &[("7", 0.999)])), Some(at("7", 100)));
    }

    #[test]
    fn traffic_that_went_back_is_not_on_the_version_that_was_seen() {
        let seen = Some("7");
        assert_eq!(shift(Some("6"), seen, &alias("6", &[])), Some(at("7", 0)));
        assert_eq!(shift(None, seen, &alias("6", &[])), Some(at("7", 0)));
        assert_eq!(shift(None, seen, &alias("7", &[])), Some(at("7", 100)));
    }

    mod properties {
        use proptest::prelude::*;

        use super::*;

        proptest! {
            #[test]
            fn no_weight_gives_more_than_all_of_the_traffic(weight in any::<f64>()) {
                prop_assert!(percent(weight) <= 100);
            }

            #[test]
            fn a_part_is_within_half_a_percent(part in 0.0..=100.0f64) {
                prop_assert!((f64::from(percent(part)) - part).abs() <= 0.5);
            }

            #[test]
            fn traffic_moves_from_an_aliass_beginning_to_its_end(
                statuses in prop::collection::vec(prop::sample::select(vec![
                    "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE", "UPDATE_FAILED",
                ]), 0..10)
            ) {
                let events: Vec<ResourceEvent> = statuses.iter().map(|status| ResourceEvent {
                    time: String::new(),
                    elapsed_ms: 0,
                    logical_id: "ApiLiveAlias".to_owned(),
                    resource_type: "AWS::Lambda::Alias".to_owned(),
                    status: (*status).to_owned(),
                    reason: None,
                    operation_id: None,
                }).collect();
                prop_assert_eq!(is_moving(&events), statuses.last() == Some(&"UPDATE_IN_PROGRESS"));
            }
        }
    }
}
