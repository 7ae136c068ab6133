//! The file of a saved plan, and the checks of it that need no call to AWS.
//!
//! The file is evidence and no authority. Its writer decides nothing:
//! every field is compared with the value that it must have, and the deploy goes on
//! with what it computed or read itself. [`open`](SavedPlan::open) makes the checks
//! that need AWS.

mod open;
mod options;

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use aws_sdk_cloudformation::Client;
use infra::{Settings, names};
use serde::{Deserialize, Serialize};
use shared::timestamp::Timestamp;
use xtask::build::Artifact;
use xtask::cloud::OnDrift;
use xtask::diff::GrantChanges;
use xtask::failure::Failure;
use xtask::files;

use super::change_set::ChangeSet;
use super::plan::{Plan, Target, Targets};
use crate::provenance::Commit;
use crate::stack;
use crate::stack::live_version::Rollback;
use options::SavedOptions;

/// The version of the file's format. Every other version is refused: a new plan
/// takes minutes.
const FORMAT: u32 = 3;

/// Seconds after which a plan is refused. AWS has moved on by then in ways that the
/// stack does not show: alarms, drift, secrets.
const MAX_AGE_SECONDS: i64 = 24 * 60 * 60;

/// Seconds that the clock of the planning machine may be ahead.
const CLOCK_SKEW_SECONDS: i64 = 5 * 60;

/// The way out of every refusal.
const NEW_PLAN: &str =
    "make a new plan with `cargo xtask plan`, or run the job again that made this one";

/// A plan in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SavedPlan {
    format: u32,
    /// RFC 3339.
    created_at: String,
    environment: String,
    account: String,
    region: String,
    /// The commit of the command line that made the plan; for the reader alone.
    commit: Option<Commit>,
    options: SavedOptions,
    bucket: SavedStack,
    service: SavedStack,
    artifacts: Vec<SavedArtifact>,
    grants: GrantChanges,
    traffic_to_restore: Vec<Rollback>,
}

/// A stack when the plan was made, and the change set for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SavedStack {
    name: String,
    /// None for a stack that did not exist and has no change set.
    id: Option<String>,
    /// RFC 3339.
    last_updated: Option<String>,
    template_sha256: String,
    /// None if nothing changes.
    change_set: Option<SavedChangeSet>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SavedChangeSet {
    id: String,
    name: String,
}

/// A zip that the templates name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SavedArtifact {
    function: String,
    sha256: String,
    key: String,
}

impl From<&Artifact> for SavedArtifact {
    fn from(zip: &Artifact) -> Self {
        SavedArtifact {
            function: zip.function.name().to_owned(),
            sha256: zip.sha256.to_string(),
            key: names::artifact_key(zip.function, &zip.sha256),
        }
    }
}

/// Choices for a plan that neither its change sets nor its templates show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choices {
    /// Whether drift does not stop the deploy.
    pub(crate) leaves_drift: bool,
    /// Whether the plan is the first step of `--realign`.
    pub(crate) realigns: bool,
}

/// The environment, account and region of a plan or of a deploy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) environment: &'a str,
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
}

impl SavedPlan {
    /// Describes `plan` and the stacks as they are now.
    pub(crate) async fn new(
        client: &Client,
        place: Place<'_>,
        [bucket, service]: [&Target; 2],
        zips: &[Artifact],
        plan: &Plan,
        settings: &Settings,
        choices: Choices,
    ) -> anyhow::Result<Self> {
        Ok(SavedPlan {
            format: FORMAT,
            created_at: Timestamp::now().to_string(),
            environment: place.environment.to_owned(),
            account: place.account.to_owned(),
            region: place.region.to_owned(),
            commit: None,
            options: SavedOptions::of(settings, plan.drifted).with(choices),
            bucket: SavedStack::new(client, bucket, plan.bucket.as_ref()).await?,
            service: SavedStack::new(client, service, plan.service.as_ref()).await?,
            artifacts: zips.iter().map(SavedArtifact::from).collect(),
            grants: plan.security.grants.clone(),
            traffic_to_restore: plan.traffic_to_restore.clone(),
        })
    }

    /// Adds the commit of this command line.
    pub(crate) fn made_from(self, commit: Option<Commit>) -> Self {
        SavedPlan { commit, ..self }
    }

    /// Writes the whole file or nothing.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let mut json = serde_json::to_vec_pretty(self).context("encoding the plan")?;
        json.push(b'\n');
        Ok(files::replace(path, json, files::PRIVATE)?)
    }

    /// Reads a file that [`SavedPlan::write`] has written.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or has another format.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::new(format!("could not read {}: {error}", path.display())))?;
        parse(&text)
            .map_err(|failure| anyhow::Error::from(failure).context(path.display().to_string()))
    }

    /// Applies the options of the plan to the environment's settings.
    ///
    /// # Errors
    ///
    /// When the command line would not accept an option's value.
    pub(crate) fn apply_options(&self, settings: &mut Settings) -> Result<(), Failure> {
        self.options.apply(settings)
    }

    /// Says when, from which commit and with which options the plan was made.
    pub(crate) fn origin(&self) -> String {
        let mut text = format!("planned at {}", self.created_at);
        if let Some(commit) = &self.commit {
            let changes = if commit.dirty {
                " with uncommitted changes"
            } else {
                ""
            };
            text = format!("{text} from commit {}{changes}", commit.id);
        }
        let options = self.options.to_string();
        if !options.is_empty() {
            text = format!("{text}, with {options}");
        }
        text
    }

    /// The choice on drift with which the plan was made.
    pub(crate) fn on_drift(&self) -> OnDrift {
        match (self.options.revert_drift, self.options.leave_drift) {
            (true, _) => OnDrift::Revert,
            (false, true) => OnDrift::Continue,
            (false, false) => OnDrift::Stop,
        }
    }

    /// Whether the plan is the first step of `--realign`, and deploys nothing.
    pub(crate) fn realigns(&self) -> bool {
        self.options.realign
    }

    /// Refuses a plan for another environment, account or region.
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

    /// Refuses a plan that is too old, or from the future.
    pub(crate) fn check_age(&self, now: Timestamp) -> Result<(), Failure> {
        let created_at = Timestamp::parse(&self.created_at).map_err(|_| {
            refused(&format!(
                "the plan's createdAt is no time: {}",
                self.created_at
            ))
            .hint(NEW_PLAN)
        })?;
        check_age("the plan", created_at, now)
    }

    /// Refuses other zips than those that the plan was made for.
    pub(crate) fn check_zips(&self, zips: &[Artifact]) -> Result<(), Failure> {
        for zip in zips {
            let here = SavedArtifact::from(zip);
            let function = &here.function;
            let planned = self.artifacts.iter().find(|zip| zip.function == *function);
            let planned_digest = planned.map_or("none", |zip| zip.sha256.as_str());
            if planned_digest != here.sha256 {
                return Err(refused(&format!(
                    "the plan is for another zip of the {function} function: its SHA-256 is {planned_digest}, that of {} is {}",
                    zip.path.display(),
                    here.sha256
                ))
                .hint(format!(
                    "let --artifacts name the folder with the planned zips, or {NEW_PLAN}"
                )));
            }
            if planned != Some(&here) {
                return Err(refused(&format!(
                    "the plan names another key than {} for the zip of the {function} function",
                    here.key
                ))
                .hint(NEW_PLAN));
            }
        }
        if self.artifacts.len() != zips.len() {
            return Err(refused(&format!(
                "the plan's artifacts are {}, and there are {} functions",
                self.artifacts.len(),
                zips.len()
            ))
            .hint(NEW_PLAN));
        }
        Ok(())
    }

    /// Refuses a plan for other stacks than the environment's.
    pub(crate) fn check_names(&self, targets: &Targets) -> Result<(), Failure> {
        for (what, planned, target) in [
            ("bucket", &self.bucket, &targets.bucket),
            ("service", &self.service, &targets.service),
        ] {
            if planned.name != target.stack {
                return Err(refused(&format!(
                    "the plan's {what} stack is {}, and that of {} is {}",
                    planned.name, targets.environment, target.stack
                ))
                .hint(NEW_PLAN));
            }
        }
        Ok(())
    }
}

impl SavedStack {
    async fn new(
        client: &Client,
        target: &Target,
        change_set: Option<&ChangeSet>,
    ) -> anyhow::Result<Self> {
        let stack = stack::describe(client, &target.stack).await?;
        Ok(SavedStack {
            name: target.stack.clone(),
            id: stack.as_ref().map(|stack| stack.id.clone()),
            last_updated: stack.and_then(|stack| stack.last_updated),
            template_sha256: target.template_sha256.to_string(),
            change_set: change_set.map(|change_set| SavedChangeSet {
                id: change_set.id.clone(),
                name: change_set.name.clone(),
            }),
        })
    }
}

/// Refuses what was made more than [`MAX_AGE_SECONDS`] ago, or after now.
fn check_age(what: &str, created_at: Timestamp, now: Timestamp) -> Result<(), Failure> {
    let age = now.seconds_since(created_at);
    if age > MAX_AGE_SECONDS {
        return Err(refused(&format!(
            "{what} was made at {created_at}, more than {} hours ago",
            MAX_AGE_SECONDS / (60 * 60)
        ))
        .hint(NEW_PLAN));
    }
    if age < -CLOCK_SKEW_SECONDS {
        return Err(refused(&format!(
            "{what} was made at {created_at}, and it is {now} now"
        ))
        .hint("set the clock of this machine, or make a new plan"));
    }
    Ok(())
}

fn parse(text: &str) -> Result<SavedPlan, Failure> {
    let no_plan = |error: &dyn std::fmt::Display| {
        Failure::new(format!("the file is no plan: {error}")).hint(NEW_PLAN)
    };
    let json: serde_json::Value = serde_json::from_str(text).map_err(|error| no_plan(&error))?;
    match json.get("format").map(serde_json::Value::as_u64) {
        None => return Err(no_plan(&"it has no format")),
        Some(format) if format == Some(FORMAT.into()) => {}
        Some(_) => {
            return Err(Failure::new(format!(
                "the plan has format {}, and this program reads format {FORMAT}",
                json["format"]
            ))
            .hint(format!(
                "{NEW_PLAN}; or deploy with the revision that made the plan"
            )));
        }
    }
    serde_json::from_value(json).map_err(|error| no_plan(&error))
}

fn refused(why: &str) -> Failure {
    Failure::new(format!("nothing was deployed: {why}"))
}

#[cfg(test)]
mod tests;
