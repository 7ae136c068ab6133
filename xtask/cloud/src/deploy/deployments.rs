//! The record of deployments in the artifact bucket, and the zips that it keeps.
//!
//! Each deployment is an object `deployments/{environment}/{time}-{change set}.json`
//! that names its zips. It is written before the zips are looked for, so that
//! no deploy to another environment removes them meanwhile, and removed again
//! when the deployment fails.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use anyhow::Context as _;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use contract::Function;
use infra::Environment;
use infra::names::{self, RECORDS_PREFIX, records_prefix, templates_prefix};
use serde::{Deserialize, Serialize};
use xtask::output;

use super::bucket::Bucket;
use super::large_template;
use crate::aws::Aws;
use crate::report::{Event, Report};
use crate::stack::template;

/// How many deployments of an environment keep their zips.
const KEPT: usize = 10;

/// What an object of the record says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    environment: String,
    change_set: String,
    /// RFC 3339.
    began_at: String,
    /// The keys of its zips.
    artifacts: Vec<String>,
}

/// A deployment that has been recorded.
pub(crate) struct Deployment {
    key: String,
}

impl Deployment {
    /// Records a deployment that is about to begin.
    pub(crate) async fn record(
        bucket: &Bucket<'_>,
        environment: Environment,
        change_set: &str,
        artifacts: Vec<String>,
    ) -> anyhow::Result<Self> {
        let now = DateTime::from(SystemTime::now()).secs();
        let began_at = DateTime::from_secs(now)
            .fmt(DateTimeFormat::DateTime)
            .context("writing the time")?;
        // S3 asks for no colons in keys; without them it still sorts by time.
        let time: String = began_at
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        let key = format!("{}{time}-{change_set}.json", records_prefix(environment));
        let record = Record {
            environment: environment.name().to_owned(),
            change_set: change_set.to_owned(),
            began_at,
            artifacts,
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
    for key in template::deployed_zips(&client, &names::stack(environment)).await? {
        if !bucket.has(&key).await? {
            missing.push(key);
        }
    }
    Ok(missing)
}

/// Removes the zips that neither the deployed templates nor the last
/// deployments of any environment use; and of this environment the records that are
/// older than those, and the templates that a killed deploy has left: no role may
/// touch another environment's. A failure is a warning: the next deploy tries again.
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
                "removed {} zips that the last {KEPT} deployments do not use; the bucket is versioned and keeps them for a while",
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

/// Nothing is removed unless everything that may use a zip has been read.
async fn try_to_prune(
    aws: &Aws,
    bucket: &Bucket<'_>,
    own: Environment,
) -> anyhow::Result<Vec<String>> {
    let mut zips = Vec::new();
    for function in Function::ALL {
        zips.extend(bucket.keys(&format!("{}/", function.name())).await?);
    }
    let mut used = BTreeSet::new();
    let client = aws.cloudformation();
    for environment in Environment::ALL {
        used.extend(template::deployed_zips(&client, &names::stack(environment)).await?);
    }
    let records = split(bucket.keys(RECORDS_PREFIX).await?);
    for key in &records.kept {
        let record = bucket.get(key).await?;
        let record: Record = serde_json::from_slice(&record)
            .with_context(|| format!("{key} is no record of a deployment"))?;
        used.extend(record.artifacts);
    }
    let unused = unused(zips, &used);
    let records = records.outdated.iter();
    let outdated = records.filter(|key| key.starts_with(&records_prefix(own)));
    let templates = large_template::left_over(bucket.keys(&templates_prefix(own)).await?)?;
    for key in unused.iter().chain(outdated).chain(&templates) {
        bucket.remove(key).await?;
    }
    Ok(unused)
}

/// The keys of records.
#[derive(Debug, Default, PartialEq, Eq)]
struct Records {
    /// Of the last deployments of every environment.
    kept: Vec<String>,
    /// Of earlier ones.
    outdated: Vec<String>,
}

/// Tells the last deployments of every environment from the earlier ones. What
/// is none of ours is neither.
fn split(keys: Vec<String>) -> Records {
    let mut by_environment: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for key in keys {
        let environment = key
            .strip_prefix(RECORDS_PREFIX)
            .and_then(|rest| rest.split_once('/'))
            .filter(|(_, name)| name.strip_suffix(".json").is_some())
            .map(|(environment, _)| environment.to_owned());
        if let Some(environment) = environment {
            by_environment.entry(environment).or_default().push(key);
        }
    }
    let mut records = Records::default();
    for mut keys in by_environment.into_values() {
        keys.sort_unstable();
        let kept = keys.split_off(keys.len().saturating_sub(KEPT));
        records.kept.extend(kept);
        records.outdated.extend(keys);
    }
    records
}

/// The zips that nothing uses. What is no zip of ours is left alone.
fn unused(keys: Vec<String>, used: &BTreeSet<String>) -> Vec<String> {
    keys.into_iter()
        .filter(|key| is_zip(key) && !used.contains(key))
        .collect()
}

/// Whether it is a key as [`names::artifact_key`] makes it.
fn is_zip(key: &str) -> bool {
    let Some((function, digest)) = key.strip_suffix(".zip").and_then(|key| key.split_once('/'))
    else {
        return false;
    };
    Function::ALL
        .into_iter()
        .any(|known| known.name() == function)
        && digest.len() == 64
        && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of a zip that differs from others in its number.
    fn zip(function: &str, number: u8) -> String {
        format!("{function}/{number:064x}.zip")
    }

    #[test]
    fn only_keys_that_a_deploy_makes_are_zips() {
        assert!(is_zip(&zip("api", 1)));
        for other in ["api/x.zip", "other/1.zip", "api", "", "templates/a.json"] {
            assert!(!is_zip(other), "{other}");
        }
        assert!(!is_zip(&zip("other", 1)));
    }

    #[test]
    fn what_is_no_record_is_left_alone() {
        let keys = ["deployments/readme.json", "deployments/dev/notes.txt", "x"];
        let records = split(keys.iter().map(ToString::to_string).collect());
        assert_eq!(records, Records::default());
    }

    mod properties {
        use proptest::prelude::*;

        use super::*;

        proptest! {
            #[test]
            fn every_environment_keeps_its_last_ten_deployments(
                deployments in prop::collection::btree_set(
                    (prop::sample::select(Environment::ALL.to_vec()), 0..10_000u32), 0..60)
            ) {
                let key = |(environment, time): &(Environment, u32)| {
                    format!("{}20260101T{time:06}Z-deploy.json", records_prefix(*environment))
                };
                let records = split(deployments.iter().map(key).collect());
                prop_assert_eq!(records.kept.len() + records.outdated.len(), deployments.len());
                for environment in Environment::ALL {
                    let of = |keys: &[String]| -> Vec<String> {
                        let prefix = records_prefix(environment);
                        keys.iter().filter(|key| key.starts_with(&prefix)).cloned().collect()
                    };
                    let (kept, outdated) = (of(&records.kept), of(&records.outdated));
                    let all = deployments.iter().filter(|(of, _)| *of == environment).count();
                    prop_assert_eq!(kept.len(), all.min(10));
                    prop_assert!(outdated.iter().all(|old| kept.iter().all(|new| old < new)));
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
