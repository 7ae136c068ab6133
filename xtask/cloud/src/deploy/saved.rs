//! The plan file: which change sets a later deploy executes, for which zips, and
//! how the stacks were then.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::primitives::{DateTime, DateTimeFormat};
use infra::names;
use serde::{Deserialize, Serialize};
use xtask::build::Artifact;
use xtask::diff::GrantChanges;
use xtask::failure::Failure;

use super::change_set::{self, ChangeSet};
use super::plan::{Plan, Targets};
use crate::aws::Aws;
use crate::stack;
use crate::stack::live_version::{self, Rollback};
use crate::stack::next_step::Operation;

/// The version of the file's format. Another one is refused: a plan lives for
/// hours, and is made again in minutes.
const FORMAT: u32 = 2;

/// What only a new plan mends.
const PLAN_ANEW: &str = "make a new plan: cargo xtask plan";

/// A plan, to be executed later.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SavedPlan {
    format: u32,
    /// RFC 3339.
    created_at: String,
    environment: String,
    account: String,
    region: String,
    /// Those of the bucket and of the service, in the order of their deployment.
    bucket: SavedStack,
    service: SavedStack,
    artifacts: Vec<SavedArtifact>,
    grants: GrantChanges,
    traffic_to_restore: Vec<Rollback>,
    /// Whether the template has alarms ignored.
    pub(crate) ignore_alarms: bool,
}

/// How a stack was, and what is to become of it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SavedStack {
    name: String,
    /// Not there where it neither was nor was planned.
    id: Option<String>,
    /// RFC 3339.
    last_updated: Option<String>,
    template_sha256: String,
    /// Not there where nothing changes.
    change_set: Option<SavedChangeSet>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SavedChangeSet {
    id: String,
    name: String,
    operation: Operation,
}

/// A zip that the templates name.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SavedArtifact {
    function: String,
    sha256: String,
    key: String,
}

/// Where and for what a plan was made, or is to be executed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) environment: &'a str,
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
}

impl SavedPlan {
    /// What `plan` is, with the stacks as they are now.
    pub(crate) async fn new(
        client: &Client,
        place: Place<'_>,
        targets: &Targets,
        zips: &[Artifact],
        plan: &Plan,
        ignore_alarms: bool,
    ) -> anyhow::Result<Self> {
        let saved = async |target: &super::plan::Target, change_set: Option<&ChangeSet>| {
            let stack = stack::describe(client, &target.stack).await?;
            anyhow::Ok(SavedStack {
                name: target.stack.clone(),
                id: stack.as_ref().map(|stack| stack.id.clone()),
                last_updated: stack.and_then(|stack| stack.last_updated),
                template_sha256: target.template_sha256.to_string(),
                change_set: change_set.map(|change_set| SavedChangeSet {
                    id: change_set.id.clone(),
                    name: change_set.name.clone(),
                    operation: change_set.operation,
                }),
            })
        };
        Ok(SavedPlan {
            format: FORMAT,
            created_at: now()?,
            environment: place.environment.to_owned(),
            account: place.account.to_owned(),
            region: place.region.to_owned(),
            bucket: saved(&targets.bucket, plan.bucket.as_ref()).await?,
            service: saved(&targets.service, plan.service.as_ref()).await?,
            artifacts: zips
                .iter()
                .map(|zip| SavedArtifact {
                    function: zip.function.name().to_owned(),
                    sha256: zip.sha256.to_string(),
                    key: names::artifact_key(zip.function, &zip.sha256),
                })
                .collect(),
            grants: plan.grants.clone(),
            traffic_to_restore: plan.traffic_to_restore.clone(),
            ignore_alarms,
        })
    }

    /// Writes the file whole or not at all.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let mut json = serde_json::to_vec_pretty(self).context("encoding the plan")?;
        json.push(b'\n');
        let mut file = tempfile::NamedTempFile::new_in(folder(path))
            .with_context(|| format!("writing the plan {}", path.display()))?;
        file.write_all(&json)
            .and_then(|()| file.as_file().sync_all())
            .with_context(|| format!("writing the plan {}", path.display()))?;
        file.persist(path)
            .with_context(|| format!("writing the plan {}", path.display()))?;
        Ok(())
    }

    /// Reads a file that [`SavedPlan::write`] has written.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is of another version of this program.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::new(format!("could not read {}: {error}", path.display())))?;
        parse(&text)
            .map_err(|failure| anyhow::Error::from(failure).context(path.display().to_string()))
    }

    /// Whether it was made for this environment, in this account and region.
    pub(crate) fn check_place(&self, place: Place<'_>) -> Result<(), Failure> {
        for (what, planned, here) in [
            ("environment", &self.environment, place.environment),
            ("account", &self.account, place.account),
            ("region", &self.region, place.region),
        ] {
            if planned != here {
                return Err(refused(&format!(
                    "the plan is for the {what} {planned}, and this is {here}"
                ))
                .hint("choose the plan or --env, --region and --profile so that they fit"));
            }
        }
        Ok(())
    }

    /// Whether the zips are those that the plan was made for.
    pub(crate) fn check_zips(&self, zips: &[Artifact]) -> Result<(), Failure> {
        for zip in zips {
            let function = zip.function.name();
            let planned = self.artifacts.iter().find(|zip| zip.function == function);
            let planned = planned.map_or("none", |zip| zip.sha256.as_str());
            let there = zip.sha256.to_string();
            if planned != there {
                return Err(refused(&format!(
                    "the plan is for another zip of the {function} function: its SHA-256 is {planned}, that of {} is {there}",
                    zip.path.display()
                ))
                .hint(format!("--artifacts names the folder with the zips that were planned; otherwise {PLAN_ANEW}")));
            }
        }
        Ok(())
    }

    /// The plan, if it still is what its maker saw.
    ///
    /// # Errors
    ///
    /// When a stack has moved on, or a change set cannot be executed any more.
    pub(crate) async fn open(&self, aws: &Aws) -> anyhow::Result<Plan> {
        let client = aws.cloudformation();
        let bucket = self.bucket.open(&client).await?;
        let service = self.service.open(&client).await?;
        for rollback in &self.traffic_to_restore {
            let live = live_version::live(aws, &rollback.function).await?;
            if live.as_deref() != Some(&rollback.live) {
                return Err(refused(&format!(
                    "the live version of {} is not {} any more",
                    rollback.function, rollback.live
                ))
                .hint(PLAN_ANEW)
                .into());
            }
        }
        Ok(Plan {
            bucket,
            service,
            grants: self.grants.clone(),
            traffic_to_restore: self.traffic_to_restore.clone(),
        })
    }
}

impl SavedStack {
    async fn open(&self, client: &Client) -> anyhow::Result<Option<ChangeSet>> {
        // By its id: another stack of that name is not the planned one. Where
        // there was none, there must be none by its name.
        let known_as = self.id.as_deref().unwrap_or(&self.name);
        let stack = stack::describe(client, known_as).await?;
        let stack = stack.filter(|stack| stack.status.as_str() != "DELETE_COMPLETE");
        let (id, last_updated) = match &stack {
            Some(stack) => (Some(&stack.id), stack.last_updated.as_ref()),
            None => (None, None),
        };
        if id != self.id.as_ref() || last_updated != self.last_updated.as_ref() {
            let now = last_updated.map_or("not there".to_owned(), |at| format!("of {at}"));
            let then = self
                .last_updated
                .as_ref()
                .map_or("not there".to_owned(), |at| format!("of {at}"));
            return Err(refused(&format!(
                "the stack {} has moved on: it is {now}, and was {then} when planned",
                self.name
            ))
            .hint(PLAN_ANEW)
            .into());
        }
        let (Some(stack), Some(planned)) = (stack, &self.change_set) else {
            return Ok(None);
        };
        change_set::open(
            client,
            &stack,
            &planned.id,
            &planned.name,
            planned.operation,
        )
        .await?
        .map(Some)
        .map_err(|status| {
            refused(&format!(
                "the change set {} of {} cannot be executed any more: it is {status}",
                planned.name, self.name
            ))
            .hint(PLAN_ANEW)
            .into()
        })
    }
}

/// The folder that a file is in.
pub(crate) fn folder(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn parse(text: &str) -> Result<SavedPlan, Failure> {
    #[derive(Deserialize)]
    struct Version {
        format: u32,
    }

    let no_plan = |error: serde_json::Error| {
        Failure::new(format!("this is no plan: {error}")).hint(PLAN_ANEW)
    };
    let version: Version = serde_json::from_str(text).map_err(no_plan)?;
    if version.format != FORMAT {
        return Err(Failure::new(format!(
            "the plan has format {}, and this program reads {FORMAT}",
            version.format
        ))
        .hint("deploy with the revision that made the plan, or make a new plan with this one"));
    }
    serde_json::from_str(text).map_err(no_plan)
}

fn refused(why: &str) -> Failure {
    Failure::new(format!("nothing was deployed: {why}"))
}

fn now() -> anyhow::Result<String> {
    let seconds = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .context("the clock is before 1970")?
        .as_secs();
    let seconds = i64::try_from(seconds).context("the clock is far in the future")?;
    DateTime::from_secs(seconds)
        .fmt(DateTimeFormat::DateTime)
        .context("writing the time down")
}

#[cfg(test)]
mod tests;
