//! A function's alias `live`, and the versions to which the alias can point.

use std::collections::HashMap;
use std::fmt;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::get_alias::GetAliasError;
use aws_sdk_lambda::operation::update_alias::UpdateAliasError;
use aws_sdk_lambda::types::AliasRoutingConfiguration;
use contract::LIVE_ALIAS;
use serde::Serialize;
use xtask::failure::Failure;

use crate::aws_error::{Explained as _, explain};
use crate::times;

/// The first words of the description that a rollback gives to an alias. By these words, the next
/// deploy recognises the rollback.
const ROLLED_BACK: &str = "rolled back from version ";

/// The state of the alias.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LiveAlias {
    /// The version to which the alias points: a number, or `$LATEST` after a change by hand.
    pub(crate) version: String,
    /// The other versions that serve a part of the requests.
    pub(crate) weights: Vec<TrafficShare>,
    /// The note of the last rollback; `None` if the alias has moved since.
    pub(crate) rolled_back: Option<RolledBack>,
    /// The version that the last rollback replaced, even if the alias has moved since.
    pub(crate) replaced_by_rollback: Option<u64>,
    revision_id: Option<String>,
}

/// A version and its share of the requests.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct TrafficShare {
    pub(crate) version: String,
    /// The share of the requests, 0 to 100.
    pub(crate) percent: f64,
}

impl fmt::Display for TrafficShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // In binary, 0.07 * 100.0 is a little more than 7.
        let percent = (self.percent * 100.0).round() / 100.0;
        write!(f, "{percent} % on version {}", self.version)
    }
}

/// The note of a rollback, which is the description of the alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RolledBack {
    pub(crate) from: String,
    pub(crate) to: String,
}

impl fmt::Display for RolledBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ROLLED_BACK}{} to version {}", self.from, self.to)
    }
}

impl LiveAlias {
    /// Returns the numbers of the versions that serve requests. `$LATEST` has no number.
    pub(crate) fn serving(&self) -> impl Iterator<Item = u64> {
        let weighted = self.weights.iter().map(|weight| &weight.version);
        std::iter::once(&self.version)
            .chain(weighted)
            .filter_map(|version| version.parse().ok())
    }
}

impl RolledBack {
    fn parse(description: &str) -> Option<Self> {
        let (from, to) = description
            .strip_prefix(ROLLED_BACK)?
            .split_once(" to version ")?;
        Some(RolledBack {
            from: from.to_owned(),
            to: to.to_owned(),
        })
    }
}

/// A published version that still exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublishedVersion {
    pub(crate) number: u64,
    /// RFC 3339.
    pub(crate) at: String,
    /// The size of the zip.
    pub(crate) bytes: u64,
}

impl fmt::Display for PublishedVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "version {}, published {}", self.number, self.at)
    }
}

/// Reads the alias, which must exist.
pub(crate) async fn read(client: &Client, function: &str) -> anyhow::Result<LiveAlias> {
    find(client, function).await?.ok_or_else(|| {
        Failure::new(format!("{function} has no alias {LIVE_ALIAS}"))
            .hint("deploy first: a deploy creates the function and its alias")
            .into()
    })
}

/// Reads the alias; `None` if it does not exist.
pub(crate) async fn find(client: &Client, function: &str) -> anyhow::Result<Option<LiveAlias>> {
    let answer = client
        .get_alias()
        .function_name(function)
        .name(LIVE_ALIAS)
        .send()
        .await;
    let alias = match answer {
        Ok(alias) => alias,
        Err(error)
            if error
                .as_service_error()
                .is_some_and(GetAliasError::is_resource_not_found_exception) =>
        {
            return Ok(None);
        }
        Err(error) => {
            return Err(explain(format_args!("read the alias of {function}"), &error).into());
        }
    };
    let version = alias.function_version.unwrap_or_default();
    let weights = alias
        .routing_config
        .and_then(|routing| routing.additional_version_weights);
    let mut weights: Vec<TrafficShare> = weights
        .unwrap_or_default()
        .into_iter()
        .map(|(version, weight)| TrafficShare {
            version,
            percent: weight * 100.0,
        })
        .collect();
    weights.sort_by(|a, b| a.version.cmp(&b.version));
    // A deploy moves the alias and keeps the description.
    let rolled_back = alias.description.as_deref().and_then(RolledBack::parse);
    let replaced = rolled_back.as_ref().map(|note| note.from.parse());
    Ok(Some(LiveAlias {
        replaced_by_rollback: replaced.and_then(Result::ok),
        rolled_back: rolled_back.filter(|note| note.to == version),
        version,
        weights,
        revision_id: alias.revision_id,
    }))
}

/// Lists the published versions, the oldest first.
pub(crate) async fn list_versions(
    client: &Client,
    function: &str,
) -> anyhow::Result<Vec<PublishedVersion>> {
    let all = client
        .list_versions_by_function()
        .function_name(function)
        .into_paginator()
        .items()
        .send()
        .try_collect()
        .await
        .explained(format_args!("list the versions of {function}"))?;
    let published = all.into_iter().filter_map(|version| {
        Some(PublishedVersion {
            // `$LATEST` is not a published version.
            number: version.version?.parse().ok()?,
            at: times::from_lambda(version.last_modified.unwrap_or_default()),
            bytes: u64::try_from(version.code_size).unwrap_or_default(),
        })
    });
    let mut versions: Vec<PublishedVersion> = published.collect();
    versions.sort_by_key(|version| version.number);
    Ok(versions)
}

/// Points the alias at a version for all requests, sets or removes the note of a rollback, and
/// reads the alias again.
///
/// # Errors
///
/// If the alias is not in the wanted state afterwards, for example because something else has moved the
/// alias since `alias` was read. Also if the state cannot be read.
pub(crate) async fn move_to(
    client: &Client,
    function: &str,
    alias: &LiveAlias,
    to: &str,
    note: Option<RolledBack>,
) -> anyhow::Result<()> {
    let description = note.as_ref().map(ToString::to_string);
    let no_weights = AliasRoutingConfiguration::builder()
        .set_additional_version_weights(Some(HashMap::new()))
        .build();
    let answer = client
        .update_alias()
        .function_name(function)
        .name(LIVE_ALIAS)
        .function_version(to)
        // An empty description removes an earlier note.
        .description(description.unwrap_or_default())
        .routing_config(no_weights)
        .set_revision_id(alias.revision_id.clone())
        .send()
        .await;
    // A failed call may have moved the alias: if the response to the SDK's first attempt is lost, the
    // second attempt fails, because the first attempt has changed the revision.
    let now = read(client, function).await;
    match (answer, now) {
        (_, Ok(now)) if now.version == to && now.weights.is_empty() && now.rolled_back == note => {
            Ok(())
        }
        (Err(error), _) => {
            let failure = explain(format_args!("move {function} to version {to}"), &error);
            let was_moved = error
                .as_service_error()
                .is_some_and(UpdateAliasError::is_precondition_failed_exception);
            Err(if was_moved {
                failure.hint("something else has moved the alias meanwhile: check `cargo xtask status`, then rerun")
            } else {
                failure
            }
            .into())
        }
        (Ok(_), Err(error)) => Err(error.context(format!(
            "{function} was moved to version {to}, but this could not be verified"
        ))),
        (Ok(_), Ok(now)) => Err(Failure::new(format!(
            "{function} was moved to version {to}, but its alias has changed since then and points at version {}",
            now.version
        ))
        .hint("find out what else moves the alias, then rerun")
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl LiveAlias {
        pub(crate) fn for_tests(version: &str) -> Self {
            LiveAlias {
                version: version.to_owned(),
                weights: Vec::new(),
                rolled_back: None,
                replaced_by_rollback: None,
                revision_id: None,
            }
        }
    }

    impl PublishedVersion {
        pub(crate) fn for_tests(numbers: &[u64]) -> Vec<Self> {
            let published = |number: &u64| PublishedVersion {
                number: *number,
                at: "2026-01-15T10:30:00Z".to_owned(),
                bytes: 2_000_000,
            };
            numbers.iter().map(published).collect()
        }
    }

    #[test]
    fn a_share_is_shown_in_percent() {
        let share = TrafficShare {
            version: "7".to_owned(),
            percent: 0.07 * 100.0,
        };
        assert_eq!(share.to_string(), "7 % on version 7");
    }

    #[test]
    fn the_note_of_a_rollback_names_both_versions_and_other_text_is_not_a_note() {
        let note = RolledBack {
            from: "8".to_owned(),
            to: "7".to_owned(),
        };
        assert_eq!(note.to_string(), "rolled back from version 8 to version 7");
        assert_eq!(RolledBack::parse("the one that works"), None);
    }

    mod properties {
        use proptest::prelude::*;

        use super::*;

        proptest! {
            #[test]
            fn a_written_note_is_parsed_unchanged(from in 1..=u64::MAX, to in 1..=u64::MAX) {
                let note = RolledBack { from: from.to_string(), to: to.to_string() };
                prop_assert_eq!(RolledBack::parse(&note.to_string()), Some(note));
            }
        }
    }
}
