//! The records of an environment's deployments in its artifact bucket, and the zips
//! that they keep.
//!
//! Each deployment is an object `deployments/{time}-{change set}.json` that names
//! its zips. The record is written before the zips are uploaded, so that a
//! concurrent deploy does not remove them, and written again with the outcome when
//! the deployment ends.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::Context as _;
use contract::Function;
use infra::names::{COMMAND_LINES_PREFIX, RECORDS_PREFIX};
use infra::{Environment, Sha256Digest};
use serde::{Deserialize, Serialize};
use shared::timestamp::Timestamp;
use xtask::output;

use super::bucket::{Bucket, Stored};
use super::command_line::Pinned;
use super::events::PrunedEvent;
use crate::aws::Aws;
use crate::provenance::{Commit, Provenance};
use crate::report::Report;
use crate::stack::baseline::KnownDifference;
use crate::stack::template;

/// Number of deployments whose zips are kept.
const KEPT: usize = 10;

/// Seconds for which no object is removed: a deploy that has just uploaded or found it may
/// not have named it in its record yet.
const KEPT_FOR: i64 = 3_600;

/// Number of records that are read at most in search of a baseline or a version.
const READ_AT_MOST: usize = 30;

/// The record of one deployment. Fields that older records lack have defaults.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    environment: String,
    change_set: String,
    /// RFC 3339.
    pub(crate) began_at: String,
    #[serde(flatten)]
    pub(crate) provenance: Provenance,
    /// The keys of its zips.
    artifacts: Vec<String>,
    /// The command line that made it, if the bucket has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    command_line: Option<Pinned>,
    #[serde(default)]
    pub(crate) outcome: RecordedOutcome,
    /// The published versions by function, as in `{"api": "8"}`; empty unless the
    /// stack was deployed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) versions: BTreeMap<String, String>,
    /// The baseline from this deployment on; absent unless the stack was deployed and
    /// its drift was detected afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) baseline: Option<Vec<KnownDifference>>,
}

/// A deployment that is about to begin.
pub(crate) struct About<'a> {
    pub(crate) environment: Environment,
    pub(crate) change_set: &'a str,
    pub(crate) provenance: &'a Provenance,
    /// The keys of its zips.
    pub(crate) artifacts: Vec<String>,
    pub(crate) command_line: Option<Pinned>,
}

/// The end of a deployment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RecordedOutcome {
    /// Under way, or killed before its end could be recorded.
    Begun,
    Deployed,
    RolledBack,
    Failed,
    Interrupted,
    /// From an older or a newer program.
    #[default]
    #[serde(other)]
    Unknown,
}

/// A deployment and its record.
pub(crate) struct Deployment {
    key: String,
    pub(crate) record: Record,
}

impl fmt::Display for RecordedOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RecordedOutcome::Begun => "begun",
            RecordedOutcome::Deployed => "deployed",
            RecordedOutcome::RolledBack => "rolled back",
            RecordedOutcome::Failed => "failed",
            RecordedOutcome::Interrupted => "interrupted",
            RecordedOutcome::Unknown => "recorded",
        })
    }
}

impl Deployment {
    /// Records a deployment that is about to begin.
    pub(crate) async fn record(bucket: &Bucket<'_>, about: About<'_>) -> anyhow::Result<Self> {
        let About {
            environment,
            change_set,
            provenance,
            artifacts,
            command_line,
        } = about;
        let began_at = Timestamp::now().to_string();
        // S3 asks for no colons in keys; without them it still sorts by time.
        let time: String = began_at
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        let deployment = Deployment {
            key: format!("{RECORDS_PREFIX}{time}-{change_set}.json"),
            record: Record {
                environment: environment.name().to_owned(),
                change_set: change_set.to_owned(),
                began_at,
                provenance: provenance.clone(),
                artifacts,
                command_line,
                outcome: RecordedOutcome::Begun,
                versions: BTreeMap::new(),
                baseline: None,
            },
        };
        deployment.write(bucket).await?;
        Ok(deployment)
    }

    /// Records how the deployment ended. A failure is a warning: the deployment has
    /// ended all the same.
    pub(crate) async fn close(
        mut self,
        outcome: RecordedOutcome,
        bucket: &Bucket<'_>,
        report: &Report,
    ) -> anyhow::Result<()> {
        self.record.outcome = outcome;
        match self.write(bucket).await {
            Ok(()) => Ok(()),
            Err(error) => report.warn(&format!(
                "the record of this deployment does not say how it ended: {error:#}"
            )),
        }
    }

    async fn write(&self, bucket: &Bucket<'_>) -> anyhow::Result<()> {
        let record = serde_json::to_vec(&self.record);
        let record = record.context("writing the record of the deployment")?;
        bucket.put(&self.key, "application/json", record).await
    }
}

/// Reads the newest record of a deployment that published this version of a function. If
/// there is none, or the version is not known, the newest record of any deployed version.
pub(crate) async fn of_version(
    bucket: &Bucket<'_>,
    function: Function,
    version: Option<&str>,
) -> anyhow::Result<Option<Record>> {
    let mut keys = bucket.keys(RECORDS_PREFIX).await?;
    keys.retain(|key| is_record(key));
    keys.sort_unstable();
    let mut newest = None;
    for key in keys.iter().rev().take(READ_AT_MOST) {
        let record = read(bucket, key).await?;
        if record.versions.is_empty() {
            continue;
        }
        let published = record.versions.get(function.name()).map(String::as_str);
        if version.is_none() || published == version {
            return Ok(Some(record));
        }
        newest.get_or_insert(record);
    }
    Ok(newest)
}

/// Finds the commit of the deployment that published this version of a function. `None`
/// also where no record of it can be read.
pub(crate) async fn commit_of(
    bucket: &Bucket<'_>,
    function: Function,
    version: &str,
) -> Option<Commit> {
    let record = of_version(bucket, function, Some(version)).await.ok()??;
    let published = record.versions.get(function.name())?;
    record.provenance.commit.filter(|_| published == version)
}

/// Reads the baseline of the newest deployment that has one. Empty if none has.
pub(crate) async fn baseline(bucket: &Bucket<'_>) -> anyhow::Result<Vec<KnownDifference>> {
    let mut keys = bucket.keys(RECORDS_PREFIX).await?;
    keys.retain(|key| is_record(key));
    keys.sort_unstable();
    for key in keys.iter().rev().take(READ_AT_MOST) {
        if let Some(baseline) = read(bucket, key).await?.baseline {
            return Ok(baseline);
        }
    }
    Ok(Vec::new())
}

async fn read(bucket: &Bucket<'_>, key: &str) -> anyhow::Result<Record> {
    let record = bucket.get(key).await?;
    serde_json::from_slice(&record)
        .with_context(|| format!("reading {key}, which is no record of a deployment"))
}

/// Warns when zips that the deployed template uses are gone. `CloudFormation`
/// reads them again to roll back; that nobody can repair them is no reason to
/// keep a fix from shipping.
pub(crate) async fn look_for_the_deployed_zips(
    aws: &Aws,
    bucket: &Bucket<'_>,
    environment: Environment,
    report: &Report,
) -> anyhow::Result<()> {
    match missing(aws, bucket, environment).await {
        Ok(missing) if missing.is_empty() => Ok(()),
        Ok(missing) => report.warn(&format!(
            "what is deployed cannot be rolled back to: {} is not in the bucket {} any more; an earlier version of the object can be restored there",
            missing.join(", "),
            bucket.name
        )),
        Err(error) => report.warn(&format!(
            "whether a rollback would find its zips is not known: {error:#}"
        )),
    }
}

async fn missing(
    aws: &Aws,
    bucket: &Bucket<'_>,
    environment: Environment,
) -> anyhow::Result<Vec<String>> {
    let client = aws.cloudformation();
    let mut missing = Vec::new();
    for key in template::deployed_zips(&client, environment).await? {
        if !bucket.has(&key).await? {
            missing.push(key);
        }
    }
    Ok(missing)
}

/// Removes the zips and command lines that neither the deployed template nor the last
/// deployments use, and the records of older deployments. A failure is a warning: the next deploy tries again.
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
                "removed {} zips and command lines that the last {KEPT} deployments do not use; the bucket is versioned and keeps them for a while",
                removed.len()
            ));
            report.emit(&PrunedEvent {
                bucket: &bucket.name,
                keys: &removed,
            })
        }
        Err(error) => report.warn(&format!(
            "old zips stay in the bucket: {error:#}; the next deploy tries again"
        )),
    }
}

/// Removes only objects that are older than [`KEPT_FOR`], and only after everything that
/// may use them has been read twice: another deploy may have begun after the first look.
async fn try_to_prune(
    aws: &Aws,
    bucket: &Bucket<'_>,
    environment: Environment,
) -> anyhow::Result<Vec<String>> {
    let now = Timestamp::now().unix_seconds();
    let mut artifacts = old(bucket.objects(COMMAND_LINES_PREFIX).await?, now);
    for function in Function::ALL {
        let objects = bucket.objects(&format!("{}/", function.name())).await?;
        artifacts.extend(old(objects, now));
    }
    let records = old(bucket.objects(RECORDS_PREFIX).await?, now);
    let first = Uses::read(aws, bucket, environment).await?;
    let unused = unused(artifacts, &first.used);
    let records = records
        .into_iter()
        .filter(|key| first.outdated.contains(key));
    let records: Vec<String> = records.collect();
    if unused.is_empty() && records.is_empty() {
        return Ok(Vec::new());
    }
    let again = Uses::read(aws, bucket, environment).await?;
    let unused = self::unused(unused, &again.used);
    for key in unused.iter().chain(&records) {
        bucket.remove(key).await?;
    }
    Ok(unused)
}

/// The keys of objects that were last written long enough ago to be removed.
fn old(objects: Vec<Stored>, now: i64) -> Vec<String> {
    let is_old = |object: &Stored| {
        object
            .modified
            .is_some_and(|modified| modified.saturating_add(KEPT_FOR) <= now)
    };
    let old = objects.into_iter().filter(is_old);
    old.map(|object| object.key).collect()
}

/// The artifacts that are used, and the records that no longer count.
struct Uses {
    used: BTreeSet<String>,
    outdated: BTreeSet<String>,
}

impl Uses {
    async fn read(
        aws: &Aws,
        bucket: &Bucket<'_>,
        environment: Environment,
    ) -> anyhow::Result<Self> {
        let deployed = template::deployed_zips(&aws.cloudformation(), environment).await?;
        let mut used: BTreeSet<String> = deployed.into_iter().collect();
        let mut records = Vec::new();
        for key in bucket.keys(RECORDS_PREFIX).await? {
            if is_record(&key) {
                let record = read(bucket, &key).await?;
                records.push((key, record));
            }
        }
        let outdated = outdated(&records);
        for (key, record) in records {
            if !outdated.contains(&key) {
                used.extend(record.artifacts);
                used.extend(record.command_line.map(|pinned| pinned.key));
            }
        }
        Ok(Uses { used, outdated })
    }
}

/// The keys of records that are older than the last deployments. A deployment that
/// failed counts for none: nothing goes back to it.
fn outdated(records: &[(String, Record)]) -> BTreeSet<String> {
    let counts = |record: &Record| match record.outcome {
        RecordedOutcome::Deployed | RecordedOutcome::Begun | RecordedOutcome::Unknown => true,
        RecordedOutcome::RolledBack | RecordedOutcome::Failed | RecordedOutcome::Interrupted => {
            false
        }
    };
    let counted = records.iter().filter(|(_, record)| counts(record));
    let mut counted: Vec<&String> = counted.map(|(key, _)| key).collect();
    counted.sort_unstable();
    let Some(oldest) = counted.into_iter().nth_back(KEPT - 1) else {
        return BTreeSet::new();
    };
    let keys = records.iter().map(|(key, _)| key);
    keys.filter(|key| *key < oldest).cloned().collect()
}

/// Returns true if a key is one that [`Deployment::record`] writes.
fn is_record(key: &str) -> bool {
    key.strip_prefix(RECORDS_PREFIX)
        .and_then(|name| name.strip_suffix(".json"))
        .is_some_and(|name| {
            name.starts_with(|first: char| first.is_ascii_digit()) && !name.contains('/')
        })
}

/// The zips and command lines that nothing uses. Other objects are left alone.
fn unused(keys: Vec<String>, used: &BTreeSet<String>) -> Vec<String> {
    keys.into_iter()
        .filter(|key| (is_zip(key) || is_command_line(key)) && !used.contains(key))
        .collect()
}

/// Returns true if a key is one that [`infra::names::artifact_key`] generates.
fn is_zip(key: &str) -> bool {
    let Some((function, digest)) = key.strip_suffix(".zip").and_then(|key| key.split_once('/'))
    else {
        return false;
    };
    Function::ALL
        .into_iter()
        .any(|known| known.name() == function)
        && is_digest(digest)
}

/// Returns true if a key is one that [`infra::names::command_line_key`] generates.
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

    /// The key of a zip that differs from others in its number.
    fn zip(function: &str, number: u8) -> String {
        format!("{function}/{number:064x}.zip")
    }

    #[test]
    fn only_keys_that_a_deploy_generates_are_zips_and_command_lines() {
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

    fn record(outcome: RecordedOutcome) -> Record {
        Record {
            environment: "dev".to_owned(),
            change_set: "deploy".to_owned(),
            began_at: "2026-01-15T10:30:00Z".to_owned(),
            provenance: Provenance::default(),
            artifacts: Vec::new(),
            command_line: None,
            outcome,
            versions: BTreeMap::new(),
            baseline: None,
        }
    }

    #[test]
    fn an_object_younger_than_an_hour_is_kept() {
        let now = 1_800_000_000;
        let stored = |key: &str, modified| Stored {
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
        assert_eq!(old(objects, now), ["an hour"]);
    }

    #[test]
    fn a_key_that_no_deploy_writes_is_no_record() {
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
    fn a_record_of_another_program_is_read_with_defaults() {
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
            fn the_last_ten_deployments_that_did_not_fail_are_kept_and_all_after_them(
                deployments in prop::collection::btree_map(0..10_000u32, any_outcome(), 0..60)
            ) {
                let key = |time| format!("{RECORDS_PREFIX}20260101T{time:06}Z-deploy.json");
                let records: Vec<(String, Record)> = deployments
                    .iter()
                    .map(|(time, outcome)| (key(time), record(*outcome)))
                    .collect();
                let outdated = outdated(&records);
                let failed = [
                    RecordedOutcome::RolledBack,
                    RecordedOutcome::Failed,
                    RecordedOutcome::Interrupted,
                ];
                for (index, (key, _)) in records.iter().enumerate() {
                    let newer = records[index..].iter();
                    let later = newer.filter(|(_, one)| !failed.contains(&one.outcome)).count();
                    let expected = if failed.contains(&records[index].1.outcome) {
                        later >= KEPT
                    } else {
                        later > KEPT
                    };
                    prop_assert_eq!(outdated.contains(key), expected, "{}", later);
                }
            }

            #[test]
            fn a_zip_goes_exactly_when_nothing_uses_it(
                there in prop::collection::btree_set(0..30u8, 0..30),
                used in prop::collection::btree_set(0..30u8, 0..30),
            ) {
                let keys = there.iter().map(|number| zip("api", *number));
                let keys = keys.chain(["api/notes.txt".to_owned()]).collect();
                let names = used.iter().map(|number| zip("api", *number)).collect();
                let expected: Vec<String> =
                    there.difference(&used).map(|number| zip("api", *number)).collect();
                prop_assert_eq!(unused(keys, &names), expected);
            }
        }
    }
}
