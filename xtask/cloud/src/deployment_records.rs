//! The deployment records in an environment's artifact bucket, and the removal of unused objects: zips
//! and command-line binaries, which are copies of this program.
//!
//! The record of a deployment is an object `deployments/{time}-{change set}.json` that names the zips.
//! The record is written before the zips are uploaded, so that a concurrent deploy does not remove the
//! zips. The record is written again, with the outcome, at the end of the deployment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::Context as _;
use contract::Function;
use infra::names::{COMMAND_LINES_PREFIX, RECORDS_PREFIX};
use infra::{Environment, Sha256Digest};
use serde::{Deserialize, Serialize};
use shared::timestamp::Timestamp;
use xtask::failure::Failure;
use xtask::output;

use crate::artifact_bucket::{Bucket, StoredObject};
use crate::aws::Aws;
use crate::provenance::{Commit, Provenance};
use crate::report::Report;
use crate::stack::baseline::KnownDifference;
use crate::stack::template;

/// The number of deployments whose records, zips and command-line binaries are kept.
const KEPT_DEPLOYMENTS: usize = 10;

/// Seconds for which an object is kept after its last write, even if no record names it. This also
/// protects the objects of deploys that run at the same time.
const MIN_AGE_SECONDS: i64 = 3_600;

/// The most records that a search for a baseline or a version reads.
const MAX_READ: usize = 30;

/// The record of one deployment. Fields that older records lack have defaults.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    pub(crate) environment: String,
    pub(crate) change_set: String,
    /// RFC 3339.
    pub(crate) began_at: String,
    /// RFC 3339; absent until the outcome is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ended_at: Option<String>,
    #[serde(flatten)]
    pub(crate) provenance: Provenance,
    /// The keys of the zips.
    pub(crate) artifacts: Vec<String>,
    /// The command-line binary that made the deployment; absent if the binary is not in the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) command_line: Option<PinnedCommandLine>,
    #[serde(default)]
    pub(crate) outcome: RecordedOutcome,
    /// The published versions by function, such as `{"api": "8"}`; empty unless the stack was
    /// deployed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) versions: BTreeMap<String, String>,
    /// The baseline after this deployment ([`crate::stack::baseline`]); absent if the stack was not
    /// deployed, or if its drift was not detected afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) baseline: Option<Vec<KnownDifference>>,
}

/// A command-line binary in the bucket: a copy of this program, which the rollback workflow runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PinnedCommandLine {
    pub(crate) key: String,
    /// The SHA-256 of the object, in hexadecimal.
    pub(crate) sha256: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RecordedOutcome {
    /// The deployment is in progress, or its command was killed before the end was recorded.
    Begun,
    Deployed,
    RolledBack,
    Failed,
    Interrupted,
    /// An outcome that this program does not know. An older record has no outcome; a newer program may
    /// write other outcomes.
    #[default]
    #[serde(other)]
    Unknown,
}

impl fmt::Display for RecordedOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RecordedOutcome::Begun => "begun",
            RecordedOutcome::Deployed => "deployed",
            RecordedOutcome::RolledBack => "rolled back",
            RecordedOutcome::Failed => "failed",
            RecordedOutcome::Interrupted => "interrupted",
            // The record proves only that the deployment began.
            RecordedOutcome::Unknown => "recorded",
        })
    }
}

/// Zips and command-line binaries that were removed, because neither the deployed template nor the last
/// ten deployments use them.
#[derive(Serialize)]
#[serde(tag = "event", rename = "pruned")]
pub(crate) struct PrunedEvent<'a> {
    bucket: &'a str,
    /// The keys of the removed objects.
    keys: &'a [String],
}

/// The record of a deployment in progress.
pub(crate) struct Deployment {
    key: String,
    pub(crate) record: Record,
}

impl Deployment {
    pub(crate) async fn begin(bucket: &Bucket<'_>, record: Record) -> anyhow::Result<Self> {
        let began_at = Timestamp::now().to_string();
        // The S3 documentation advises against colons in keys. Keys still sort by time without them.
        let time = began_at.chars().filter(char::is_ascii_alphanumeric);
        let time: String = time.collect();
        let deployment = Deployment {
            key: format!("{RECORDS_PREFIX}{time}-{}.json", record.change_set),
            record: Record {
                began_at,
                outcome: RecordedOutcome::Begun,
                ..record
            },
        };
        deployment.write(bucket).await?;
        Ok(deployment)
    }

    /// Records the end of the deployment. If the record cannot be written, this is only a warning,
    /// because the deployment itself has ended.
    pub(crate) async fn close(
        mut self,
        outcome: RecordedOutcome,
        bucket: &Bucket<'_>,
        report: &Report,
    ) -> anyhow::Result<()> {
        self.record.outcome = outcome;
        self.record.ended_at = Some(Timestamp::now().to_string());
        match self.write(bucket).await {
            Ok(()) => Ok(()),
            Err(error) => report.warn(&format!(
                "the record of this deployment has no outcome: {error:#}"
            )),
        }
    }

    async fn write(&self, bucket: &Bucket<'_>) -> anyhow::Result<()> {
        let record = serde_json::to_vec(&self.record);
        let record = record.context("writing the record of the deployment")?;
        bucket.put(&self.key, "application/json", record).await
    }
}

/// Reads the record of the newest deployment that published this version of a function. If there is no
/// such record, or if `version` is `None`, reads the newest record with any versions. Searches at most
/// [`MAX_READ`] records.
pub(crate) async fn find_by_version_or_newest(
    bucket: &Bucket<'_>,
    function: Function,
    version: Option<&str>,
) -> anyhow::Result<Option<Record>> {
    let mut newest = None;
    for key in list_record_keys(bucket).await?.iter().rev().take(MAX_READ) {
        let record = read(bucket, key).await?;
        if record.versions.is_empty() {
            continue;
        }
        let recorded = record.versions.get(function.name()).map(String::as_str);
        if version.is_none() || recorded == version {
            return Ok(Some(record));
        }
        newest.get_or_insert(record);
    }
    Ok(newest)
}

/// Reads the newest `limit` records, the newest first.
pub(crate) async fn read_newest(bucket: &Bucket<'_>, limit: u16) -> anyhow::Result<Vec<Record>> {
    let mut records = Vec::new();
    for key in list_record_keys(bucket)
        .await?
        .iter()
        .rev()
        .take(limit.into())
    {
        records.push(read(bucket, key).await?);
    }
    Ok(records)
}

/// Finds a commit by the first digits of its id, and the version of a function that a deployment of
/// the commit published.
pub(crate) async fn find_by_commit(
    bucket: &Bucket<'_>,
    environment: Environment,
    function: Function,
    beginning: &str,
) -> anyhow::Result<(Commit, u64)> {
    let records = read_newest(bucket, u16::MAX).await?;
    choose_by_commit(records, environment, function, beginning).map_err(Into::into)
}

/// Chooses the newest deployment of the commit, preferably one without uncommitted changes. `records` are
/// sorted with the newest first.
fn choose_by_commit(
    records: Vec<Record>,
    environment: Environment,
    function: Function,
    beginning: &str,
) -> Result<(Commit, u64), Failure> {
    let candidates = records.into_iter().filter_map(|record| {
        let commit = record.provenance.commit?;
        let version = record.versions.get(function.name())?.parse().ok()?;
        commit
            .id
            .starts_with(beginning)
            .then_some((commit, version))
    });
    let mut candidates: Vec<(Commit, u64)> = candidates.collect();
    candidates.sort_by_key(|(commit, _)| commit.dirty);
    let ids: BTreeSet<&str> = candidates.iter().map(|(commit, _)| &*commit.id).collect();
    if ids.len() > 1 {
        let ids: Vec<&str> = ids.into_iter().collect();
        return Err(Failure::new(format!(
            "nothing was rolled back: several deployed commits begin with {beginning}: {}",
            ids.join(", ")
        ))
        .hint(format!(
            "pass more digits, or run `cargo xtask history --env {environment}` to list the commits"
        )));
    }
    candidates.into_iter().next().ok_or_else(|| {
        Failure::new(format!(
            "nothing was rolled back: no recorded deployment published a version of {} from a commit that begins with {beginning}",
            function.name()
        ))
        .hint(format!(
            "run `cargo xtask history --env {environment}` to list the commits, or pass --to-version"
        ))
    })
}

/// Finds the commit of the deployment that published this version of a function; `None` if there is no
/// such record, or if the records cannot be read.
pub(crate) async fn find_commit(
    bucket: &Bucket<'_>,
    function: Function,
    version: &str,
) -> Option<Commit> {
    let record = find_by_version_or_newest(bucket, function, Some(version))
        .await
        .ok()??;
    let recorded = record.versions.get(function.name())?;
    record.provenance.commit.filter(|_| recorded == version)
}

/// Reads the baseline of the newest record that has one; empty if no record has a baseline.
pub(crate) async fn read_baseline(bucket: &Bucket<'_>) -> anyhow::Result<Vec<KnownDifference>> {
    for key in list_record_keys(bucket).await?.iter().rev().take(MAX_READ) {
        if let Some(baseline) = read(bucket, key).await?.baseline {
            return Ok(baseline);
        }
    }
    Ok(Vec::new())
}

/// Lists the keys of all records, the oldest first.
async fn list_record_keys(bucket: &Bucket<'_>) -> anyhow::Result<Vec<String>> {
    let mut keys = bucket.keys(RECORDS_PREFIX).await?;
    keys.retain(|key| is_record(key));
    keys.sort_unstable();
    Ok(keys)
}

async fn read(bucket: &Bucket<'_>, key: &str) -> anyhow::Result<Record> {
    let record = bucket.get(key).await?;
    serde_json::from_slice(&record)
        .with_context(|| format!("reading {key} as a record of a deployment"))
}

/// Warns if zips of the deployed template are missing, because CloudFormation would need them for a
/// rollback. This is no error, because the operator may need the deploy to repair the environment.
pub(crate) async fn warn_of_missing_zips(
    aws: &Aws,
    bucket: &Bucket<'_>,
    environment: Environment,
    report: &Report,
) -> anyhow::Result<()> {
    let missing = async {
        let mut missing = Vec::new();
        for key in template::deployed_zips(&aws.cloudformation(), environment).await? {
            if !bucket.has(&key).await? {
                missing.push(key);
            }
        }
        anyhow::Ok(missing)
    };
    match missing.await {
        Ok(missing) if missing.is_empty() => Ok(()),
        Ok(missing) => report.warn(&format!(
            "if this deploy fails, CloudFormation cannot return to the deployed version: the bucket {} lacks {}; restore an earlier version of each object there",
            bucket.name,
            missing.join(", ")
        )),
        Err(error) => report.warn(&format!(
            "could not check the zips that a rollback needs: {error:#}"
        )),
    }
}

/// Removes the zips and command-line binaries that neither the deployed template nor the last
/// [`KEPT_DEPLOYMENTS`] deployments use, and the records of older deployments. A failure is only a
/// warning: the next deploy tries again.
pub(crate) async fn prune(
    aws: &Aws,
    bucket: &Bucket<'_>,
    environment: Environment,
    report: &Report,
) -> anyhow::Result<()> {
    match try_to_prune(aws, bucket, environment).await {
        Ok(removed) if removed.is_empty() => Ok(()),
        Ok(removed) => {
            output::progress(format_args!(
                "removed {} zips and command-line binaries that the last {KEPT_DEPLOYMENTS} deployments do not use; the versioned bucket keeps their last versions for a while",
                removed.len()
            ));
            report.emit(&PrunedEvent {
                bucket: &bucket.name,
                keys: &removed,
            })
        }
        Err(error) => report.warn(&format!(
            "could not remove old zips from the bucket: {error:#}; the next deploy tries again"
        )),
    }
}

/// Removes zips, command-line binaries and records that are older than [`MIN_AGE_SECONDS`] and not among
/// the keys of [`read_needed`]. Reads these keys twice, because another deploy may have begun after the
/// first read. Returns the keys of the removed zips and command-line binaries.
async fn try_to_prune(
    aws: &Aws,
    bucket: &Bucket<'_>,
    environment: Environment,
) -> anyhow::Result<Vec<String>> {
    let mut keys = keys_of_old_objects(bucket.objects("").await?, Timestamp::now().unix_seconds());
    keys.retain(|key| is_zip(key) || is_command_line(key) || is_record(key));
    for _ in 0..2 {
        if !keys.is_empty() {
            let needed = read_needed(aws, bucket, environment).await?;
            keys.retain(|key| !needed.contains(key));
        }
    }
    for key in &keys {
        bucket.remove(key).await?;
    }
    keys.retain(|key| !is_record(key));
    Ok(keys)
}

/// Returns the keys of objects whose last write was at least [`MIN_AGE_SECONDS`] before `now`.
fn keys_of_old_objects(objects: Vec<StoredObject>, now: i64) -> Vec<String> {
    let is_old = |object: &StoredObject| {
        object
            .modified
            .is_some_and(|modified| modified.saturating_add(MIN_AGE_SECONDS) <= now)
    };
    let old = objects.into_iter().filter(is_old);
    old.map(|object| object.key).collect()
}

/// Reads the keys of the objects that must stay: the zips of the deployed template, and the records,
/// zips and command-line binaries of the last [`KEPT_DEPLOYMENTS`] deployments.
async fn read_needed(
    aws: &Aws,
    bucket: &Bucket<'_>,
    environment: Environment,
) -> anyhow::Result<BTreeSet<String>> {
    let deployed = template::deployed_zips(&aws.cloudformation(), environment).await?;
    let mut needed: BTreeSet<String> = deployed.into_iter().collect();
    let mut records = Vec::new();
    for key in list_record_keys(bucket).await? {
        records.push((read(bucket, &key).await?, key));
    }
    let outcomes: Vec<RecordedOutcome> = records.iter().map(|(one, _)| one.outcome).collect();
    for (record, key) in records.into_iter().skip(count_outdated(&outcomes)) {
        needed.extend(record.artifacts);
        needed.extend(record.command_line.map(|pinned| pinned.key));
        needed.insert(key);
    }
    Ok(needed)
}

/// Returns the number of records that are older than the last [`KEPT_DEPLOYMENTS`] deployments. Failed
/// deployments are not counted among these, because no rollback returns to them. `outcomes` has the
/// outcome of every record, the oldest first.
fn count_outdated(outcomes: &[RecordedOutcome]) -> usize {
    let counts = |outcome: &RecordedOutcome| match outcome {
        RecordedOutcome::Deployed | RecordedOutcome::Begun | RecordedOutcome::Unknown => true,
        RecordedOutcome::RolledBack | RecordedOutcome::Failed | RecordedOutcome::Interrupted => {
            false
        }
    };
    let counted = outcomes.iter().enumerate().rev();
    let mut counted = counted.filter(|(_, outcome)| counts(outcome));
    counted
        .nth(KEPT_DEPLOYMENTS - 1)
        .map_or(0, |(index, _)| index)
}

/// Returns true if a key has the form that [`Deployment::begin`] gives to keys.
fn is_record(key: &str) -> bool {
    key.strip_prefix(RECORDS_PREFIX)
        .and_then(|name| name.strip_suffix(".json"))
        .is_some_and(|name| {
            name.starts_with(|first: char| first.is_ascii_digit()) && !name.contains('/')
        })
}

/// Returns true if a key has the form that [`infra::names::artifact_key`] gives to keys.
fn is_zip(key: &str) -> bool {
    let Some((function, digest)) = key.strip_suffix(".zip").and_then(|key| key.split_once('/'))
    else {
        return false;
    };
    let mut functions = Function::ALL.into_iter();
    functions.any(|known| known.name() == function) && is_digest(digest)
}

/// Returns true if a key has the form that [`infra::names::command_line_key`] gives to keys.
fn is_command_line(key: &str) -> bool {
    key.strip_prefix(COMMAND_LINES_PREFIX)
        .is_some_and(is_digest)
}

fn is_digest(text: &str) -> bool {
    text.parse::<Sha256Digest>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{Example, line};

    impl Example for PrunedEvent<'_> {
        fn examples() -> Vec<String> {
            vec![line(&PrunedEvent {
                bucket: "crypto-watch-artifacts-prod-111122223333-eu-central-1",
                keys: &[zip("api", 7)],
            })]
        }
    }

    /// Returns the key of a zip with this number as its digest.
    fn zip(function: &str, number: u8) -> String {
        format!("{function}/{number:064x}.zip")
    }

    #[test]
    fn only_keys_from_a_deploy_count_as_zips_or_command_lines() {
        assert!(is_zip(&zip("api", 1)));
        for other in ["api/x.zip", "other/1.zip", "api", "", "templates/a.json"] {
            assert!(!is_zip(other), "{other}");
        }
        assert!(!is_zip(&zip("other", 1)));
        let digest = Sha256Digest::of("a program");
        assert!(is_command_line(&infra::names::command_line_key(&digest)));
        for other in ["command-line/latest", "command-line/", &digest.to_string()] {
            assert!(!is_command_line(other), "{other}");
        }
    }

    #[test]
    fn an_object_younger_than_an_hour_is_kept() {
        let now = 1_800_000_000;
        let stored = |key: &str, modified| StoredObject {
            key: key.to_owned(),
            modified,
        };
        let objects = vec![
            stored("new", Some(now)),
            stored("almost an hour", Some(now - 3_599)),
            stored("an hour", Some(now - 3_600)),
            stored("ahead of our clock", Some(now + 60)),
            stored("of unknown age", None),
        ];
        assert_eq!(keys_of_old_objects(objects, now), ["an hour"]);
    }

    #[test]
    fn only_a_key_that_a_deploy_writes_is_a_record() {
        for key in [
            "deployments/readme.json",
            "deployments/20260115T103000Z-notes.txt",
            "deployments/dev/20260115T103000Z-deploy.json",
            "x",
        ] {
            assert!(!is_record(key), "{key}");
        }
        assert!(is_record("deployments/20260115T103000Z-deploy.json"));
    }

    #[test]
    fn a_record_of_an_older_or_newer_program_is_read_with_defaults() {
        let older =
            r#"{"environment":"dev","changeSet":"c","beganAt":"t","artifacts":["api/1.zip"]}"#;
        let read: Option<Record> = serde_json::from_str(older).ok();
        let read = read.map(|record| (record.outcome, record.baseline, record.artifacts));
        let expected = (RecordedOutcome::Unknown, None, vec!["api/1.zip".to_owned()]);
        assert_eq!(read, Some(expected));
        let newer = older.replace(
            r#""artifacts""#,
            r#""outcome":"paused","new":1,"artifacts""#,
        );
        let read: Option<Record> = serde_json::from_str(&newer).ok();
        let outcome = read.map(|record| record.outcome);
        assert_eq!(outcome, Some(RecordedOutcome::Unknown));
    }

    fn record_of_commit(id: &str, dirty: bool, api_version: &str) -> Record {
        Record {
            provenance: Provenance {
                commit: Some(Commit {
                    id: id.to_owned(),
                    dirty,
                    subject: None,
                }),
                ..Provenance::default()
            },
            versions: [("api".to_owned(), api_version.to_owned())].into(),
            ..Record::default()
        }
    }

    fn chosen(function: Function, beginning: &str) -> Result<u64, String> {
        let records = vec![
            record_of_commit("aaaa1", true, "9"),
            record_of_commit("aaaa1", false, "8"),
            record_of_commit("aaaa2", false, "7"),
            record_of_commit("bbbb1", true, "6"),
            record_of_commit("aaaa1", false, "5"),
            Record::default(),
        ];
        choose_by_commit(records, Environment::Prod, function, beginning)
            .map(|(_, version)| version)
            .map_err(|failure| format!("{failure}; {}", failure.hint_text().unwrap_or_default()))
    }

    #[test]
    fn a_commit_selects_its_newest_version_preferably_without_uncommitted_changes() {
        assert_eq!(chosen(Function::Api, "aaaa1"), Ok(8));
        assert_eq!(chosen(Function::Api, "bbbb"), Ok(6));
    }

    #[test]
    fn an_ambiguous_or_unknown_commit_is_refused_and_the_hint_names_history() {
        for (function, beginning, words) in [
            (Function::Api, "aaaa", "begin with aaaa: aaaa1, aaaa2"),
            (Function::Api, "cccc", "from a commit that begins with cccc"),
            (
                Function::Update,
                "aaaa1",
                "from a commit that begins with aaaa1",
            ),
        ] {
            let refused = chosen(function, beginning).expect_err("the commit is refused");
            assert!(refused.contains(words), "{refused}");
            let hint = "run `cargo xtask history --env prod` to list the commits";
            assert!(refused.contains(hint), "{refused}");
        }
    }

    mod properties {
        use proptest::prelude::*;
        use proptest::sample::select;

        use super::*;

        fn any_outcome() -> impl Strategy<Value = RecordedOutcome> {
            select(vec![
                RecordedOutcome::Begun,
                RecordedOutcome::Deployed,
                RecordedOutcome::RolledBack,
                RecordedOutcome::Failed,
                RecordedOutcome::Interrupted,
                RecordedOutcome::Unknown,
            ])
        }

        proptest! {
            #[test]
            fn records_since_the_tenth_last_deployment_that_did_not_fail_are_kept(
                outcomes in prop::collection::vec(any_outcome(), 0..60)
            ) {
                let outdated = count_outdated(&outcomes);
                let failed = [
                    RecordedOutcome::RolledBack,
                    RecordedOutcome::Failed,
                    RecordedOutcome::Interrupted,
                ];
                for (index, outcome) in outcomes.iter().enumerate() {
                    let from_here = outcomes[index..].iter();
                    let not_failed = from_here.filter(|one| !failed.contains(one)).count();
                    let expected = if failed.contains(outcome) {
                        not_failed >= KEPT_DEPLOYMENTS
                    } else {
                        not_failed > KEPT_DEPLOYMENTS
                    };
                    prop_assert_eq!(index < outdated, expected, "{}", not_failed);
                }
            }
        }
    }
}
