//! The records of an environment's deployments in its artifact bucket, and the zips
//! that they keep.
//!
//! Each deployment is an object `deployments/{time}-{change set}.json` that names
//! its zips. The record is written before the zips are uploaded, so that a
//! concurrent deploy does not remove them, and removed when the deployment fails.

use std::collections::BTreeSet;
use std::time::SystemTime;

use anyhow::Context as _;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use contract::Function;
use infra::Environment;
use infra::names::{COMMAND_LINES_PREFIX, RECORDS_PREFIX, TEMPLATES_PREFIX};
use serde::{Deserialize, Serialize};
use xtask::output;

use super::bucket::Bucket;
use super::command_line::Pinned;
use super::large_template;
use crate::aws::Aws;
use crate::provenance::Provenance;
use crate::report::{Event, Report};
use crate::stack::template;

/// Number of deployments whose zips are kept.
const KEPT: usize = 10;

/// What an object of the record says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    environment: String,
    change_set: String,
    /// RFC 3339.
    began_at: String,
    #[serde(flatten)]
    provenance: Provenance,
    /// The keys of its zips.
    artifacts: Vec<String>,
    /// The command line that made it, if the bucket has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    command_line: Option<Pinned>,
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

/// A deployment that has been recorded.
pub(crate) struct Deployment {
    key: String,
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
        let now = DateTime::from(SystemTime::now()).secs();
        let began_at = DateTime::from_secs(now)
            .fmt(DateTimeFormat::DateTime)
            .context("writing the time")?;
        // S3 asks for no colons in keys; without them it still sorts by time.
        let time: String = began_at
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        let key = format!("{RECORDS_PREFIX}{time}-{change_set}.json");
        let record = Record {
            environment: environment.name().to_owned(),
            change_set: change_set.to_owned(),
            began_at,
            provenance: provenance.clone(),
            artifacts,
            command_line,
        };
        let record = serde_json::to_vec(&record).context("writing the record of deployments")?;
        bucket.put(&key, "application/json", record).await?;
        Ok(Deployment { key })
    }

    /// Removes the record: the deployment has failed. One that stays keeps its
    /// zips a little longer, and harms nothing.
    pub(crate) async fn forget(&self, bucket: &Bucket<'_>, report: &Report) -> anyhow::Result<()> {
        match bucket.remove(&self.key).await {
            Ok(()) => Ok(()),
            Err(error) => report.warn(&format!("the record of this deployment stays: {error:#}")),
        }
    }
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
/// deployments use, the records of older deployments, and the templates that a killed
/// deploy has left. A failure is a warning: the next deploy tries again.
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
            report.event(&Event::Pruned {
                bucket: &bucket.name,
                keys: &removed,
            })
        }
        Err(error) => report.warn(&format!(
            "old zips stay in the bucket: {error:#}; the next deploy tries again"
        )),
    }
}

/// Nothing is removed unless everything that may use an object has been read.
async fn try_to_prune(
    aws: &Aws,
    bucket: &Bucket<'_>,
    environment: Environment,
) -> anyhow::Result<Vec<String>> {
    let mut artifacts = bucket.keys(COMMAND_LINES_PREFIX).await?;
    for function in Function::ALL {
        artifacts.extend(bucket.keys(&format!("{}/", function.name())).await?);
    }
    let deployed = template::deployed_zips(&aws.cloudformation(), environment).await?;
    let mut used: BTreeSet<String> = deployed.into_iter().collect();
    let records = split(bucket.keys(RECORDS_PREFIX).await?);
    for key in &records.kept {
        let record = bucket.get(key).await?;
        let record: Record = serde_json::from_slice(&record)
            .with_context(|| format!("{key} is no record of a deployment"))?;
        used.extend(record.artifacts);
        used.extend(record.command_line.map(|pinned| pinned.key));
    }
    let unused = unused(artifacts, &used);
    let templates = large_template::left_over(bucket.keys(TEMPLATES_PREFIX).await?)?;
    for key in unused.iter().chain(&records.outdated).chain(&templates) {
        bucket.remove(key).await?;
    }
    Ok(unused)
}

/// The keys of records.
#[derive(Debug, Default, PartialEq, Eq)]
struct Records {
    /// Those of the last deployments.
    kept: Vec<String>,
    /// Those of earlier deployments.
    outdated: Vec<String>,
}

/// Tells the records of the last deployments from the earlier ones. Keys that a
/// deploy does not write are ignored.
fn split(mut keys: Vec<String>) -> Records {
    keys.retain(|key| is_record(key));
    keys.sort_unstable();
    let kept = keys.split_off(keys.len().saturating_sub(KEPT));
    Records {
        kept,
        outdated: keys,
    }
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
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
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
        let digest = infra::Sha256Digest::of("a program");
        assert!(is_command_line(&infra::names::command_line_key(&digest)));
        for other in ["command-line/latest", "command-line/", &digest.to_string()] {
            assert!(!is_command_line(other), "{other}");
        }
    }

    #[test]
    fn what_is_no_record_is_left_alone() {
        let keys = [
            "deployments/readme.json",
            "deployments/20260115T103000Z-notes.txt",
            "deployments/dev/20260115T103000Z-deploy.json",
            "x",
        ];
        let records = split(keys.iter().map(ToString::to_string).collect());
        assert_eq!(records, Records::default());
    }

    mod properties {
        use proptest::prelude::*;

        use super::*;

        proptest! {
            #[test]
            fn the_last_ten_deployments_are_kept(
                deployments in prop::collection::btree_set(0..10_000u32, 0..60)
            ) {
                let key = |time| format!("{RECORDS_PREFIX}20260101T{time:06}Z-deploy.json");
                let in_order: Vec<String> = deployments.iter().map(key).collect();
                let mut reversed = in_order.clone();
                reversed.reverse();
                let records = split(reversed);
                prop_assert_eq!(records.kept.len(), in_order.len().min(10));
                prop_assert_eq!([records.outdated, records.kept].concat(), in_order);
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
