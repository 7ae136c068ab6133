//! The share of the traffic that a new version serves, read from the alias and its events.

use std::collections::HashMap;

use super::events::ResourceEvent;
use crate::alias::LiveAlias;

/// The new version and its share of the traffic, rounded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewVersionShare {
    pub(super) version: String,
    pub(super) percent: u8,
}

/// Finds the new version and its share. `before` is the version that served before the update
/// of the stack; `seen` is the new version, if an earlier call returned it. `None` before
/// traffic moves, and if neither version is known.
///
/// While traffic moves, the alias points at the previous version and gives the new one a
/// weight. At the end, the alias points at the new version.
pub(super) fn new_version_share(
    before: Option<&str>,
    seen: Option<&str>,
    alias: &LiveAlias,
) -> Option<NewVersionShare> {
    let (version, percent) = match alias.weights.first() {
        Some(weight) => (weight.version.as_str(), rounded(weight.percent)),
        None if seen == Some(&alias.version) => (alias.version.as_str(), 100),
        None if before.is_some_and(|before| before != alias.version) => {
            (alias.version.as_str(), 100)
        }
        // The traffic has returned to the previous version.
        None => (seen?, 0),
    };
    let version = version.to_owned();
    Some(NewVersionShare { version, percent })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value is clamped to 0 to 100"
)]
fn rounded(percent: f64) -> u8 {
    percent.round().clamp(0.0, 100.0) as u8
}

/// Returns true if the stack is updating an alias.
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
    use crate::alias::TrafficShare;

    fn alias(version: &str, weights: &[(&str, f64)]) -> LiveAlias {
        let mut live = LiveAlias::for_tests(version);
        live.weights
            .extend(weights.iter().map(|(version, part)| TrafficShare {
                version: (*version).to_owned(),
                percent: part * 100.0,
            }));
        live
    }

    fn at(version: &str, percent: u8) -> NewVersionShare {
        let version = version.to_owned();
        NewVersionShare { version, percent }
    }

    #[test]
    fn the_new_version_is_the_weighted_one_and_at_the_end_the_only_one() {
        let share = |before, alias| new_version_share(before, None, &alias);
        assert_eq!(share(Some("6"), alias("6", &[])), None);
        assert_eq!(
            share(Some("6"), alias("6", &[("7", 0.3)])),
            Some(at("7", 30))
        );
        assert_eq!(share(Some("6"), alias("7", &[])), Some(at("7", 100)));
        assert_eq!(share(None, alias("7", &[])), None);
        assert_eq!(share(None, alias("6", &[("7", 0.999)])), Some(at("7", 100)));
    }

    #[test]
    fn a_version_has_no_traffic_after_it_returned_to_the_previous_version() {
        let seen = Some("7");
        assert_eq!(
            new_version_share(Some("6"), seen, &alias("6", &[])),
            Some(at("7", 0))
        );
        assert_eq!(
            new_version_share(None, seen, &alias("6", &[])),
            Some(at("7", 0))
        );
        assert_eq!(
            new_version_share(None, seen, &alias("7", &[])),
            Some(at("7", 100))
        );
    }

    mod properties {
        use proptest::prelude::*;

        use super::*;

        proptest! {
            #[test]
            fn no_weight_gives_more_than_all_of_the_traffic(weight in any::<f64>()) {
                prop_assert!(rounded(weight) <= 100);
            }

            #[test]
            fn rounding_changes_a_share_by_at_most_half_a_percent(part in 0.0..=100.0f64) {
                prop_assert!((f64::from(rounded(part)) - part).abs() <= 0.5);
            }

            #[test]
            fn traffic_moves_while_the_last_event_of_the_alias_is_in_progress(
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
