//! A function's `live` alias, and the versions at which it can point.

use std::collections::HashMap;
use std::fmt;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::get_alias::GetAliasError;
use aws_sdk_lambda::operation::update_alias::UpdateAliasError;
use aws_sdk_lambda::types::AliasRoutingConfiguration;
use contract::LIVE_ALIAS;
use shared::timestamp::Timestamp;
use xtask::failure::Failure;

use crate::aws_error::explain;

/// What a description begins with that this program gave to an alias which it
/// moved back; the next deploy knows it by that.
const ROLLED_BACK: &str = "rolled back from version ";

/// Where the alias points.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Live {
    /// The version that serves; a number, unless somebody chose `$LATEST`.
    pub(crate) version: String,
    /// The versions that serve a part of the requests beside it, and which.
    pub(crate) weights: Vec<Weight>,
    /// What the last rollback noted, if nothing has moved the alias since.
    pub(crate) rolled_back: Option<RolledBack>,
    /// The version that the last rollback took out of service, wherever the alias
    /// has gone since.
    pub(crate) taken_out: Option<u64>,
    revision_id: Option<String>,
}

/// A further version that serves a part of the requests.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Weight {
    pub(crate) version: String,
    /// From 0 to 100.
    pub(crate) percent: f64,
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the dust of a multiplication: 0.07 * 100.0 is more than 7.
        let percent = (self.percent * 100.0).round() / 100.0;
        write!(f, "{percent} % on version {}", self.version)
    }
}

/// That an alias was moved back, as its description says it.
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

impl Live {
    /// The numbers of the versions that serve requests.
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

/// A version that was published and not deleted since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) number: u64,
    /// RFC 3339.
    pub(crate) at: String,
    /// The size of its zip.
    pub(crate) bytes: u64,
}

impl fmt::Display for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "version {}, published {}", self.number, self.at)
    }
}

/// Reads where the alias points.
///
/// # Errors
///
/// Also where there is no alias.
pub(crate) async fn read(client: &Client, function: &str) -> anyhow::Result<Live> {
    find(client, function).await?.ok_or_else(|| {
        Failure::new(format!("{function} has no alias {LIVE_ALIAS}"))
            .hint("a deploy makes the function and its alias")
            .into()
    })
}

/// Reads where the alias points; `None` where there is no alias.
pub(crate) async fn find(client: &Client, function: &str) -> anyhow::Result<Option<Live>> {
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
        Err(error) => return Err(explain(&format!("read where {function} is live"), &error).into()),
    };
    let version = alias.function_version.unwrap_or_default();
    let weights = alias
        .routing_config
        .and_then(|routing| routing.additional_version_weights);
    let mut weights: Vec<Weight> = weights
        .unwrap_or_default()
        .into_iter()
        .map(|(version, weight)| Weight {
            version,
            percent: weight * 100.0,
        })
        .collect();
    weights.sort_by(|a, b| a.version.cmp(&b.version));
    // A description outlives the deploy that moves the alias on.
    let rolled_back = alias.description.as_deref().and_then(RolledBack::parse);
    let taken_out = rolled_back.as_ref().map(|note| note.from.parse());
    Ok(Some(Live {
        taken_out: taken_out.and_then(Result::ok),
        rolled_back: rolled_back.filter(|note| note.to == version),
        version,
        weights,
        revision_id: alias.revision_id,
    }))
}

/// The pages of versions that are read, of 50 versions each: more than fit into the
/// region's code storage, so that only an endpoint that repeats itself has more.
const MAX_PAGES: usize = 1_000;

/// Reads the published versions, the oldest first.
pub(crate) async fn published(client: &Client, function: &str) -> anyhow::Result<Vec<Published>> {
    let mut versions = Vec::new();
    let mut pages = client
        .list_versions_by_function()
        .function_name(function)
        .into_paginator()
        .send();
    let mut read = 0;
    while let Some(page) = pages.next().await {
        read += 1;
        if read > MAX_PAGES {
            return Err(Failure::new(format!(
                "could not list the versions of {function}: there are more than {MAX_PAGES} pages"
            ))
            .into());
        }
        let page =
            page.map_err(|error| explain(&format!("list the versions of {function}"), &error))?;
        for version in page.versions.unwrap_or_default() {
            // The first one is $LATEST, which is no version yet.
            if let Some(Ok(number)) = version.version.map(|number| number.parse()) {
                versions.push(Published {
                    number,
                    at: rfc_3339(version.last_modified.unwrap_or_default()),
                    bytes: u64::try_from(version.code_size).unwrap_or_default(),
                });
            }
        }
    }
    versions.sort_by_key(|version| version.number);
    Ok(versions)
}

/// Lambda writes the offset without its colon: `2026-01-15T10:30:00.123+0000`.
fn rfc_3339(time: String) -> String {
    let with_colon = time.strip_suffix("+0000").map(|local| format!("{local}Z"));
    Timestamp::parse(with_colon.as_ref().unwrap_or(&time)).map_or(time, |time| time.to_string())
}

/// Points the alias at a version, with all requests and with the note of a
/// rollback where it is one, unless somebody has moved it since `live` was read;
/// then reads it back.
///
/// # Errors
///
/// When it was not moved, or when it does not stay there.
pub(crate) async fn move_to(
    client: &Client,
    function: &str,
    live: &Live,
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
        // Without a note, one that is there has to go.
        .description(description.unwrap_or_default())
        .routing_config(no_weights)
        .set_revision_id(live.revision_id.clone())
        .send()
        .await;
    // Whatever the answer was: one that was lost on its way is tried again by the
    // SDK, and then finds the alias moved, by its own first attempt.
    let now = read(client, function).await;
    match (answer, now) {
        (_, Ok(now)) if now.version == to && now.weights.is_empty() && now.rolled_back == note => {
            Ok(())
        }
        (Err(error), _) => {
            let failure = explain(&format!("move {function} to version {to}"), &error);
            let meanwhile = error
                .as_service_error()
                .is_some_and(UpdateAliasError::is_precondition_failed_exception);
            Err(if meanwhile {
                failure.hint("somebody has moved the alias meanwhile: look (`cargo xtask status`), then run the command again")
            } else {
                failure
            }
            .into())
        }
        (Ok(_), Err(error)) => Err(error.context(format!(
            "{function} was moved to version {to}, which cannot be verified"
        ))),
        (Ok(_), Ok(now)) => Err(Failure::new(format!(
            "{function} was moved to version {to}, and is at version {} again",
            now.version
        ))
        .hint("somebody else moves the alias, too: find out who before the next attempt")
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Live {
        /// An alias that points at a version.
        pub(crate) fn for_tests(version: &str) -> Self {
            Live {
                version: version.to_owned(),
                weights: Vec::new(),
                rolled_back: None,
                taken_out: None,
                revision_id: None,
            }
        }
    }

    impl Published {
        /// Versions of these numbers.
        pub(crate) fn for_tests(numbers: &[u64]) -> Vec<Self> {
            let published = |number: &u64| Published {
                number: *number,
                at: "2026-01-15T10:30:00Z".to_owned(),
                bytes: 2_000_000,
            };
            numbers.iter().map(published).collect()
        }
    }

    #[test]
    fn a_time_is_the_same_whoever_wrote_it() {
        for (theirs, ours) in [
            ("2026-01-15T10:30:00.123+0000", "2026-01-15T10:30:00Z"),
            ("2026-01-15T10:30:00Z", "2026-01-15T10:30:00Z"),
            ("yesterday", "yesterday"),
        ] {
            assert_eq!(rfc_3339(theirs.to_owned()), ours);
        }
    }

    #[test]
    fn a_weight_is_read_as_percent() {
        let weight = Weight {
            version: "7".to_owned(),
            percent: 0.07 * 100.0,
        };
        assert_eq!(weight.to_string(), "7 % on version 7");
    }

    #[test]
    fn a_rollback_is_noted_in_words_that_a_deploy_knows() {
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
            fn a_note_reads_back_as_itself(from in 1..=u64::MAX, to in 1..=u64::MAX) {
                let note = RolledBack { from: from.to_string(), to: to.to_string() };
                prop_assert_eq!(RolledBack::parse(&note.to_string()), Some(note));
            }
        }
    }
}
