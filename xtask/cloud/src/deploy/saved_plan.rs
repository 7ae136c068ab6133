//! A saved plan: its file, and its comparison with AWS and with the rendered templates.
//!
//! The file is evidence, not authority: every field is compared with the value that it must
//! have, and the deploy uses the values that it computed or read itself.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use aws_sdk_cloudformation::Client;
use contract::Function;
use infra::environment::RolloutAlarms;
use infra::secret::{ApiKey, ProviderKey};
use infra::{Environment, Settings, names};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::timestamp::Timestamp;
use xtask::build::Artifact;
use xtask::cloud::OnDrift;
use xtask::diff::{GrantChanges, TemplateDiff};
use xtask::failure::Failure;
use xtask::files;
use xtask::options::{http_url, http_url_or_none};

use super::change_set::{self, ChangeSet, Described, Drifted, Target};
use super::context::{Context, NOTHING_DEPLOYED, Phase};
use super::plan::{DriftBefore, Plan, Security, Targets};
use crate::provenance::Commit;
use crate::stack::admission::Operation;
use crate::stack::drift::Rollback;
use crate::stack::{self, Stack, live_version, template};

/// The version of the file's format. Every other version is refused, because a new plan
/// takes only minutes.
const FORMAT: u32 = 3;

/// Seconds after which a plan is refused. By then AWS may have changed in ways that the
/// stack does not show: alarms, drift, secrets.
const MAX_AGE_SECONDS: i64 = 24 * 60 * 60;

/// Seconds that the clock of the planning machine may be ahead.
const CLOCK_SKEW_SECONDS: i64 = 5 * 60;

/// Maximum number of differences that a refusal names.
const NAMED_DIFFERENCES: usize = 5;

/// The hint of every refusal.
const NEW_PLAN: &str =
    "make a new plan with `cargo xtask plan`, or rerun the job that made this one";

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
    /// The commit of the command line that made the plan; only for the reader.
    commit: Option<Commit>,
    options: SavedOptions,
    bucket: SavedStack,
    service: SavedStack,
    artifacts: Vec<SavedArtifact>,
    grants: GrantChanges,
    traffic_to_restore: Vec<Rollback>,
}

/// A stack when the plan was made, and its change set.
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

/// The environment, account and region of a plan or of a deploy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) environment: &'a str,
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
}

impl SavedPlan {
    /// Describes a plan and the present state of its stacks. `realigns` marks the first
    /// step of `--realign`.
    pub(crate) async fn new(
        context: &Context<'_>,
        [bucket, service]: [&Target; 2],
        zips: &[Artifact],
        plan: &Plan,
        realigns: bool,
    ) -> anyhow::Result<Self> {
        let client = context.cloudformation();
        Ok(SavedPlan {
            format: FORMAT,
            created_at: Timestamp::now().to_string(),
            environment: context.environment().name().to_owned(),
            account: context.identity.account.clone(),
            region: context.aws.region().to_owned(),
            commit: context.commit.clone(),
            options: SavedOptions {
                leave_drift: context.options.on_drift == Some(OnDrift::Continue),
                realign: realigns,
                ..SavedOptions::of(&context.settings, plan.drifted)
            },
            bucket: SavedStack::new(&client, bucket, plan.bucket.as_ref()).await?,
            service: SavedStack::new(&client, service, plan.service.as_ref()).await?,
            artifacts: zips.iter().map(SavedArtifact::from).collect(),
            grants: plan.security.grants.clone(),
            traffic_to_restore: plan.traffic_to_restore.clone(),
        })
    }

    /// Writes the file in one step.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let mut json = serde_json::to_vec_pretty(self).context("encoding the plan")?;
        json.push(b'\n');
        Ok(files::replace(path, json, files::PRIVATE)?)
    }

    /// Reads a file of [`SavedPlan::write`].
    ///
    /// # Errors
    ///
    /// If the file cannot be read or has another format.
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
    /// If the command line would not accept an option's value.
    pub(crate) fn apply_options(&self, settings: &mut Settings) -> Result<(), Failure> {
        self.options.apply(settings)
    }

    /// Describes the time, the commit and the options of the plan.
    pub(crate) fn origin(&self) -> String {
        let mut text = format!("planned at {}", self.created_at);
        if let Some(commit) = &self.commit {
            let _ = write!(text, " from commit {}", commit.id);
            if commit.dirty {
                text.push_str(" with uncommitted changes");
            }
        }
        let options = self.options.to_string();
        if !options.is_empty() {
            let _ = write!(text, ", with {options}");
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
                .hint("the plan was made for another --env, --region or --profile"));
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
        })?;
        check_age("the plan", created_at, now)
    }

    /// Refuses other zips than the planned ones.
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
                    "pass the folder with the planned zips to --artifacts, or {NEW_PLAN}"
                )));
            }
            if planned != Some(&here) {
                return Err(refused(&format!(
                    "the plan names another key than {} for the zip of the {function} function",
                    here.key
                )));
            }
        }
        if self.artifacts.len() != zips.len() {
            return Err(refused(&format!(
                "the plan's artifacts are {}, and there are {} functions",
                self.artifacts.len(),
                zips.len()
            )));
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
                    planned.name, self.environment, target.stack
                )));
            }
        }
        Ok(())
    }

    /// Makes the plan again from the planned change sets, and compares it with the file.
    ///
    /// # Errors
    ///
    /// If a stack has changed since, if a change set cannot be executed any more, or if a
    /// field of the file has another value than it must have.
    pub(crate) async fn open(
        &self,
        context: &Context<'_>,
        targets: &Targets,
    ) -> anyhow::Result<Plan> {
        let client = context.cloudformation();
        let drifted = if self.options.revert_drift {
            Drifted::IsReverted
        } else {
            Drifted::Stays
        };
        let bucket = self.bucket.open(&client, &targets.bucket, drifted);
        let (_, bucket) = bucket.await?;
        let service = self.service.open(&client, &targets.service, drifted);
        let (stack, service) = service.await?;
        let environment = context.environment();
        let traffic_to_restore = match &stack {
            Some(stack) if drifted == Drifted::IsReverted => {
                live_version::rollbacks(&context.aws, stack, environment).await?
            }
            _ => Vec::new(),
        };
        check_traffic(&self.traffic_to_restore, &traffic_to_restore, environment)?;
        let security = match &service {
            Some(_) => Security::compare(&client, &targets.service).await?,
            None => Security::default(),
        };
        check_grants(&self.grants, &security.grants)?;
        Ok(Plan {
            bucket,
            service,
            security,
            drifted,
            traffic_to_restore,
            before: DriftBefore::default(),
            phase: Phase::Planning,
        })
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

    async fn open(
        &self,
        client: &Client,
        target: &Target,
        drifted: Drifted,
    ) -> anyhow::Result<(Option<Stack>, Option<ChangeSet>)> {
        // By the name that the environment's stack must have, not by the file's id.
        let stack = stack::describe(client, &target.stack).await?;
        self.check_stack(&target.stack, stack.as_ref())?;
        let Some(planned) = &self.change_set else {
            check_digest(&self.template_sha256, target)?;
            return Ok((stack, None));
        };
        let cannot_be_executed = |status: &str| {
            refused(&format!(
                "the change set {} of {} cannot be executed any more: it is {status}",
                planned.name, target.stack
            ))
        };
        let stack = stack.ok_or_else(|| cannot_be_executed("gone"))?;
        let described = change_set::describe(client, &planned.id).await?;
        let described = described.ok_or_else(|| cannot_be_executed("gone"))?;
        let operation = if stack.is_only_planned() {
            Operation::Create
        } else {
            Operation::Update
        };
        let reverts_drift = operation == Operation::Update && drifted == Drifted::IsReverted;
        check_change_set(&described, &stack, planned, reverts_drift, Timestamp::now())?;
        let of_change_set = template::of_change_set(client, &stack.id, &described.id).await?;
        check_template(&of_change_set, target)?;
        check_digest(&self.template_sha256, target)?;
        let opened = change_set::open(client, described, target, operation).await?;
        let change_set = opened.map_err(|status| cannot_be_executed(&status))?;
        Ok((Some(stack), Some(change_set)))
    }

    /// Refuses another stack than the planned one, and a stack that has changed since.
    fn check_stack(&self, name: &str, stack: Option<&Stack>) -> Result<(), Failure> {
        let (id, last_updated) = match stack {
            Some(stack) => (Some(&stack.id), stack.last_updated.as_ref()),
            None => (None, None),
        };
        let text = |value: Option<&String>, absent: &str| {
            value.map_or_else(|| absent.to_owned(), Clone::clone)
        };
        if id != self.id.as_ref() {
            return Err(refused(&format!(
                "the plan is for another stack {name}: the id in the plan is {}, and the stack's is {}",
                text(self.id.as_ref(), "none"),
                text(id, "none")
            )));
        }
        if last_updated != self.last_updated.as_ref() {
            return Err(refused(&format!(
                "the stack {name} has changed since the plan was made: it was last updated at {}, and then it was {}",
                text(last_updated, "never"),
                text(self.last_updated.as_ref(), "never")
            )));
        }
        Ok(())
    }
}

/// The options that a plan was made with, in the words of the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line, independent of the others"
)]
struct SavedOptions {
    external_api_url: Option<String>,
    second_api_url: Option<String>,
    /// The versions of the secrets with the providers' keys, by the last part of the
    /// secret's name.
    secret_versions: BTreeMap<String, String>,
    ignore_alarms: bool,
    /// Whether the change sets also revert drift.
    revert_drift: bool,
    /// Whether drift does not stop the deploy.
    #[serde(default)]
    leave_drift: bool,
    /// Whether the plan is the first step of `--realign`.
    #[serde(default)]
    realign: bool,
}

impl SavedOptions {
    /// Derives the options from the settings that the templates are rendered from.
    fn of(settings: &Settings, drifted: Drifted) -> Self {
        let defaults = settings.environment.settings();
        let typed = |url: Option<&'static str>, default: Option<&'static str>| {
            url.filter(|_| url != default).map(str::to_owned)
        };
        let version = |key: ProviderKey| match settings.api_key(key) {
            ApiKey::None => None,
            ApiKey::Secret(version) => Some((key.name().to_owned(), version.to_string())),
        };
        SavedOptions {
            external_api_url: typed(settings.external_api_url, defaults.external_api_url),
            second_api_url: typed(settings.second_api_url, defaults.second_api_url),
            secret_versions: ProviderKey::ALL.into_iter().filter_map(version).collect(),
            ignore_alarms: settings.rollout_alarms == RolloutAlarms::Ignore,
            revert_drift: drifted == Drifted::IsReverted,
            leave_drift: false,
            realign: false,
        }
    }

    fn apply(&self, settings: &mut Settings) -> Result<(), Failure> {
        let invalid = |option: &str, error: &dyn fmt::Display| {
            refused(&format!("the plan's option {option} is invalid: {error}"))
        };
        if let Some(url) = &self.external_api_url {
            let url = http_url(url).map_err(|error| invalid("externalApiUrl", &error))?;
            settings.external_api_url = Some(url.leak());
        }
        if let Some(url) = &self.second_api_url {
            let url = http_url_or_none(url).map_err(|error| invalid("secondApiUrl", &error))?;
            settings.second_api_url = Some(url.leak());
        }
        for (name, version) in &self.secret_versions {
            let invalid = |error: &dyn fmt::Display| invalid("secretVersions", error);
            let key = ProviderKey::ALL.into_iter().find(|key| key.name() == name);
            let key = key.ok_or_else(|| invalid(&format_args!("{name} is no provider's key")))?;
            let version = version.parse().map_err(|error| invalid(&error))?;
            *settings.api_key_mut(key) = ApiKey::Secret(version);
        }
        if self.ignore_alarms {
            settings.rollout_alarms = RolloutAlarms::Ignore;
        }
        Ok(())
    }
}

/// The options as they are typed, without the versions of secrets: a change of a version is
/// in the change set.
impl fmt::Display for SavedOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url =
            |option: &str, url: &Option<String>| url.as_ref().map(|url| format!("{option} {url}"));
        let flag = |option: &str, is_set: bool| is_set.then(|| option.to_owned());
        let typed = [
            url("--external-api-url", &self.external_api_url),
            url("--second-api-url", &self.second_api_url),
            flag("--ignore-alarms", self.ignore_alarms),
            flag("--on-drift revert", self.revert_drift),
            flag("--on-drift continue", self.leave_drift),
            flag("--realign", self.realign),
        ];
        let typed: Vec<String> = typed.into_iter().flatten().collect();
        f.write_str(&typed.join(" "))
    }
}

/// Refuses a change set of another stack, another change set of this stack, one that is too
/// old, and one that treats drift in another way.
fn check_change_set(
    described: &Described,
    stack: &Stack,
    planned: &SavedChangeSet,
    reverts_drift: bool,
    now: Timestamp,
) -> Result<(), Failure> {
    let SavedChangeSet { id, name } = planned;
    if (&described.stack_id, &described.stack_name) != (&stack.id, &stack.name) {
        return Err(refused(&format!(
            "the change set {id} in the plan belongs to the stack {} ({}), and not to {}",
            described.stack_name, described.stack_id, stack.name
        )));
    }
    if (&described.id, &described.name) != (id, name) {
        return Err(refused(&format!(
            "the change set of {} is {name} ({id}) in the plan, and {} ({}) in CloudFormation",
            stack.name, described.name, described.id
        )));
    }
    if described.reverts_drift != reverts_drift {
        return Err(refused(&format!(
            "the plan's option revertDrift makes a change set that reverts drift: {reverts_drift}; the change set {name} of {} reverts drift: {}",
            stack.name, described.reverts_drift
        )));
    }
    check_age(&format!("the change set {name}"), described.created_at, now)
}

/// Refuses a plan or a change set that is older than [`MAX_AGE_SECONDS`], or from the
/// future.
fn check_age(what: &str, created_at: Timestamp, now: Timestamp) -> Result<(), Failure> {
    let age = now.seconds_since(created_at);
    if age > MAX_AGE_SECONDS {
        return Err(refused(&format!(
            "{what} was made at {created_at}, more than {} hours ago",
            MAX_AGE_SECONDS / (60 * 60)
        )));
    }
    if age < -CLOCK_SKEW_SECONDS {
        return Err(refused(&format!(
            "{what} was made at {created_at}, and it is {now} now"
        ))
        .hint("set the clock of this machine, or make a new plan"));
    }
    Ok(())
}

/// Refuses a change set whose template is not the rendered one.
fn check_template(of_change_set: &str, target: &Target) -> Result<(), Failure> {
    let rendered = serde_json::from_str(&target.template)
        .map_err(|error| refused(&format!("the rendered template is no JSON: {error}")))?;
    let mut differences = match serde_json::from_str(of_change_set) {
        Ok(planned) => differences(&planned, &rendered),
        Err(error) => vec![format!("it is no JSON: {error}")],
    };
    let size = |json: &str| {
        json.bytes()
            .filter(|byte| !byte.is_ascii_whitespace())
            .count()
    };
    let more = differences.len().saturating_sub(NAMED_DIFFERENCES);
    let why = if more > 0 {
        differences.truncate(NAMED_DIFFERENCES);
        format!("{} and {more} more", differences.join(", "))
    } else if !differences.is_empty() {
        differences.join(", ")
    } else if size(of_change_set) != size(&target.template) {
        // An object in the longer text has a member twice, and JSON parsers disagree on
        // the one that counts.
        "it is equal, but written in another way".to_owned()
    } else {
        return Ok(());
    };
    Err(refused(&format!(
        "the template of the change set for {} is not the one that this command line renders for these zips: {why}",
        target.stack
    ))
    .hint(format!("deploy from the commit of the plan, or {NEW_PLAN}")))
}

/// Names the properties in which two templates differ.
fn differences(planned: &Value, rendered: &Value) -> Vec<String> {
    if planned == rendered {
        return Vec::new();
    }
    let diff = TemplateDiff::new("", planned, rendered);
    let mut named: Vec<String> = Vec::new();
    for difference in diff.differences {
        let id = &difference.logical_id;
        if difference.properties.is_empty() {
            named.push(id.clone());
        }
        let properties = difference.properties.iter();
        named.extend(properties.map(|property| format!("{id} {}", property.path)));
    }
    if named.is_empty() {
        let sections = [planned, rendered].into_iter().filter_map(Value::as_object);
        named.extend(sections.flat_map(|template| template.keys().cloned()));
        named.sort_unstable();
        named.dedup();
        named.retain(|section| planned.get(section) != rendered.get(section));
    }
    if named.is_empty() {
        named.push("it is no object".to_owned());
    }
    named
}

/// Refuses a plan with another digest of a template than that of the rendered one.
fn check_digest(planned: &str, target: &Target) -> Result<(), Failure> {
    let here = target.template_sha256.to_string();
    if planned == here {
        return Ok(());
    }
    Err(refused(&format!(
        "the plan's templateSha256 of {} is {planned}, and this command line renders {here}",
        target.stack
    ))
    .hint(format!("deploy from the commit of the plan, or {NEW_PLAN}")))
}

/// Refuses a plan with other permission changes than those of the change set.
fn check_grants(planned: &GrantChanges, computed: &GrantChanges) -> Result<(), Failure> {
    if planned == computed {
        return Ok(());
    }
    Err(refused(&format!(
        "the grants in the plan are not those of the change set: the plan adds {} and removes {}, the change set adds {} and removes {}",
        planned.added.len(),
        planned.removed.len(),
        computed.added.len(),
        computed.removed.len()
    )))
}

/// Refuses a plan that restores other traffic than that of the environment's functions that
/// were rolled back.
fn check_traffic(
    planned: &[Rollback],
    computed: &[Rollback],
    environment: Environment,
) -> Result<(), Failure> {
    let ours = Function::SERVING.map(|function| names::function(function, environment));
    if let Some(foreign) = planned
        .iter()
        .find(|planned| !ours.contains(&planned.function))
    {
        return Err(refused(&format!(
            "trafficToRestore in the plan names {}, which is no function of {environment}",
            foreign.function
        )));
    }
    let unlike = |these: &[Rollback], those: &[Rollback]| {
        these.iter().find(|this| !those.contains(this)).cloned()
    };
    let Some(other) = unlike(planned, computed).or_else(|| unlike(computed, planned)) else {
        return Ok(());
    };
    Err(refused(&format!(
        "trafficToRestore in the plan differs from the rollbacks in effect: {} from version {} to {}",
        other.function, other.live, other.deployed
    )))
}

fn parse(text: &str) -> Result<SavedPlan, Failure> {
    let no_plan = |error: &dyn fmt::Display| {
        Failure::new(format!("the file is no plan: {error}")).hint(NEW_PLAN)
    };
    let json: Value = serde_json::from_str(text).map_err(|error| no_plan(&error))?;
    match json.get("format").map(Value::as_u64) {
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

/// The refusal of a plan. The hint is a new plan.
fn refused(why: &str) -> Failure {
    Failure::new(format!("{NOTHING_DEPLOYED}: {why}")).hint(NEW_PLAN)
}

#[cfg(test)]
mod tests;
