//! The choice of the version to which a rollback returns.

use xtask::failure::Failure;

use crate::alias::{LiveAlias, PublishedVersion, RolledBack};

/// The number of versions that a hint lists.
const LISTED: usize = 10;

/// The versions between which a rollback moves the alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    /// The version that the rollback replaces; `$LATEST` if the alias was pointed at it by hand.
    pub(super) from: String,
    pub(super) to: u64,
}

impl Choice {
    pub(super) fn note(&self) -> RolledBack {
        RolledBack {
            from: self.from.clone(),
            to: self.to.to_string(),
        }
    }
}

/// Chooses the `requested` version. If it is `None`, chooses the version before the newest version that
/// serves requests. `published` is sorted with the oldest first.
pub(super) fn choose(
    alias: &LiveAlias,
    published: &[PublishedVersion],
    requested: Option<u64>,
) -> Result<Choice, Failure> {
    let newest = alias.serving().max();
    let exists = |number: u64| published.iter().any(|version| version.number == number);
    let to = match (requested, newest) {
        (Some(requested), _) if !exists(requested) => {
            return Err(Failure::new(format!(
                "nothing was rolled back: there is no version {requested}"
            ))
            .hint(format!("there are {}", list(published))));
        }
        (Some(requested), _) => requested,
        (None, Some(newest)) => previous(newest, alias.replaced_by_rollback, published)
            .ok_or_else(|| {
                Failure::new(format!(
                    "nothing was rolled back: there is no version before version {newest}"
                ))
                .hint("check out the revision that worked, and deploy it")
            })?,
        (None, None) => {
            return Err(Failure::new(format!(
                "nothing was rolled back: the alias points at {}, which has no version before it",
                alias.version
            ))
            .hint(format!("pass --to-version; there are {}", list(published))));
        }
    };
    let replaced = alias.serving().filter(|number| *number != to).max();
    let from = match replaced {
        Some(replaced) => replaced.to_string(),
        None if alias.version == to.to_string() => {
            return Err(Failure::new(format!(
                "nothing was rolled back: version {to} is live already"
            ))
            .hint("rerun without --to-version and --to: the rollback then chooses the version before it"));
        }
        None => alias.version.clone(),
    };
    Ok(Choice { from, to })
}

/// Finds the highest published number below `newest`, except the version that the last rollback
/// replaced.
fn previous(newest: u64, replaced: Option<u64>, published: &[PublishedVersion]) -> Option<u64> {
    published
        .iter()
        .map(|version| version.number)
        .filter(|number| *number < newest && Some(*number) != replaced)
        .max()
}

/// Lists the newest versions for a hint.
fn list(published: &[PublishedVersion]) -> String {
    if published.is_empty() {
        return "no versions".to_owned();
    }
    let newest = published.iter().rev().take(LISTED);
    let numbers: Vec<String> = newest.map(|version| version.number.to_string()).collect();
    let more = published.len().saturating_sub(LISTED);
    let tail = if more > 0 {
        format!(" and {more} older ones")
    } else {
        String::new()
    };
    format!("the versions {}{tail}", numbers.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alias::TrafficShare;

    fn chosen(
        live: &LiveAlias,
        published: &[u64],
        requested: Option<u64>,
    ) -> Result<(String, u64), String> {
        choose(live, &PublishedVersion::for_tests(published), requested)
            .map(|choice| (choice.from, choice.to))
            .map_err(|failure| failure.to_string())
    }

    fn from_to(from: &str, to: u64) -> (String, u64) {
        (from.to_owned(), to)
    }

    fn with_weight(version: &str, weighted: &str) -> LiveAlias {
        let mut live = LiveAlias::for_tests(version);
        live.weights.push(TrafficShare {
            version: weighted.to_owned(),
            percent: 10.0,
        });
        live
    }

    #[test]
    fn the_default_is_the_highest_lower_version_that_still_exists() {
        let live = LiveAlias::for_tests("8");
        assert_eq!(chosen(&live, &[3, 5, 8, 9], None), Ok(from_to("8", 5)));
        assert_eq!(chosen(&live, &[3, 5, 8, 9], Some(9)), Ok(from_to("8", 9)));
    }

    #[test]
    fn by_default_the_version_that_the_last_rollback_replaced_is_skipped() {
        let mut live = LiveAlias::for_tests("9");
        live.replaced_by_rollback = Some(8);
        assert_eq!(chosen(&live, &[7, 8, 9], None), Ok(from_to("9", 7)));
        assert_eq!(chosen(&live, &[7, 8, 9], Some(8)), Ok(from_to("9", 8)));
    }

    #[test]
    fn the_newest_serving_version_is_rolled_back_unless_it_is_requested() {
        let live = with_weight("7", "8");
        assert_eq!(chosen(&live, &[6, 7, 8], None), Ok(from_to("8", 7)));
        assert_eq!(chosen(&live, &[6, 7, 8], Some(7)), Ok(from_to("8", 7)));
        let live = with_weight("8", "7");
        assert_eq!(chosen(&live, &[6, 7, 8], None), Ok(from_to("8", 7)));
        assert_eq!(chosen(&live, &[6, 7, 8], Some(8)), Ok(from_to("7", 8)));
    }

    #[test]
    fn a_version_that_is_missing_or_live_is_refused() {
        let live = LiveAlias::for_tests("3");
        for (published, requested, words) in [
            (vec![3, 4], None, "no version before version 3"),
            (vec![2, 3], Some(1), "there is no version 1"),
            (vec![2, 3], Some(3), "version 3 is live already"),
        ] {
            let refused = chosen(&live, &published, requested)
                .err()
                .unwrap_or_default();
            assert!(refused.contains(words), "{refused}");
        }
        let latest = LiveAlias::for_tests("$LATEST");
        assert!(chosen(&latest, &[1, 2], None).is_err());
        assert_eq!(chosen(&latest, &[1, 2], Some(2)), Ok(from_to("$LATEST", 2)));
    }

    #[test]
    fn a_hint_lists_the_newest_versions_only() {
        let many: Vec<u64> = (1..=25).collect();
        assert_eq!(
            list(&PublishedVersion::for_tests(&many)),
            "the versions 25, 24, 23, 22, 21, 20, 19, 18, 17, 16 and 15 older ones"
        );
    }

    mod properties {
        use std::collections::BTreeSet;

        use proptest::prelude::*;

        use super::*;

        proptest! {
            #[test]
            fn the_choice_is_published_and_not_live_and_by_default_the_next_lower_version(
                numbers in prop::collection::btree_set(1_u64..40, 0..20),
                live in 1_u64..40,
                requested in prop::option::of(1_u64..40),
            ) {
                let published: Vec<u64> = numbers.iter().copied().collect();
                let alias = LiveAlias::for_tests(&live.to_string());
                let choice = choose(&alias, &PublishedVersion::for_tests(&published), requested);
                let possible = match requested {
                    Some(requested) => numbers.contains(&requested) && requested != live,
                    None => numbers.range(..live).next().is_some(),
                };
                prop_assert_eq!(choice.is_ok(), possible);
                if let Ok(choice) = choice {
                    prop_assert!(numbers.contains(&choice.to));
                    prop_assert_ne!(choice.to, live);
                    prop_assert_eq!(choice.from, live.to_string());
                    if requested.is_none() {
                        let between: BTreeSet<u64> =
                            numbers.range(choice.to + 1..live).copied().collect();
                        prop_assert_eq!(between, BTreeSet::new());
                    }
                }
            }
        }
    }
}
