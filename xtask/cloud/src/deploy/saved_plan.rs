//! A saved plan: its file, and its comparison with AWS and with the rendered templates.
//!
//! The deploy does not trust the file: it compares the file with AWS, with the clock, and with the templates
//! that it renders itself.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::operation::describe_change_set::DescribeChangeSetOutput;
use aws_sdk_cloudformation::types::{DeploymentMode, ExecutionStatus};
use infra::Settings;
use infra::environment::RolloutAlarms;
use infra::secret::{ApiKey, ProviderKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::timestamp::Timestamp;
use xtask::cloud::OnDrift;
use xtask::diff::TemplateDiff;
use xtask::failure::Failure;
use xtask::files;

use super::change_set::{self, ChangeSet, DriftTreatment, Target};
use super::context::{Context, NOTHING_DEPLOYED, Phase};
use super::drift_decision::DriftBefore;
use super::plan::{Plan, Security, Targets};
use crate::provenance::Commit;
use crate::stack::admission::Operation;
use crate::stack::drift::Rollback;
use crate::stack::{self, Stack, live_version, template};

/// The version of the file's format. Every other version is refused, because a new plan
/// takes only minutes.
const FORMAT: u32 = 4;

/// Seconds after which a plan is refused. By then, state that the stack does not show may have changed:
/// alarms, drift, secrets.
const MAX_AGE_SECONDS: i64 = 24 * 60 * 60;

/// Seconds that the clock of the planning machine may be ahead.
const CLOCK_SKEW_SECONDS: i64 = 5 * 60;

/// Maximum number of differences that a refusal names.
const MAX_NAMED: usize = 5;

/// The hint of most refusals.
const NEW_PLAN: &str =
    "make a new plan with `cargo xtask plan`, or rerun the job that made this one";

/// The hint if two templates differ.
const OTHER_COMMIT: &str = "pass the planned zips to --artifacts, deploy from the commit of the plan, or make a new plan with `cargo xtask plan`";

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
    /// The commit of the program that made the plan. A deploy only shows the commit.
    commit: Option<Commit>,
    options: SavedOptions,
    bucket: SavedStack,
    service: SavedStack,
    traffic_to_restore: Vec<Rollback>,
}

/// The state of a stack at the time of the plan, and the planned change set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SavedStack {
    /// `None` for a stack that did not exist and has no change set.
    id: Option<String>,
    /// RFC 3339.
    last_updated: Option<String>,
    template_sha256: String,
    /// The ARN of the change set; `None` if nothing changes.
    change_set: Option<String>,
}

impl SavedPlan {
    /// Combines a plan with the present state of the stacks. `realigns` marks a plan that only realigns the
    /// service's stack (`--realign`).
    pub(crate) async fn new(
        context: &Context<'_>,
        [bucket, service]: [&Target; 2],
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
                on_drift: match (plan.drift_treatment, context.options.on_drift) {
                    (DriftTreatment::Revert, _) => OnDrift::Revert,
                    (DriftTreatment::Keep, Some(OnDrift::Continue)) => OnDrift::Continue,
                    (DriftTreatment::Keep, _) => OnDrift::Stop,
                },
                realign: realigns,
                ..SavedOptions::from_settings(&context.settings)
            },
            bucket: SavedStack::new(&client, bucket, plan.bucket.as_ref()).await?,
            service: SavedStack::new(&client, service, plan.service.as_ref()).await?,
            traffic_to_restore: plan.traffic_to_restore.clone(),
        })
    }

    /// Writes the file atomically. Only the operator may read the file.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let mut json = serde_json::to_vec_pretty(self).context("encoding the plan")?;
        json.push(b'\n');
        Ok(files::replace(path, json, files::PRIVATE)?)
    }

    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::new(format!("could not read {}: {error}", path.display())))?;
        parse(&text)
            .map_err(|failure| anyhow::Error::from(failure).context(path.display().to_string()))
    }

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

    pub(crate) fn on_drift(&self) -> OnDrift {
        self.options.on_drift
    }

    /// Returns true if the plan only realigns the service's stack (`--realign`), and deploys nothing else.
    pub(crate) fn realigns(&self) -> bool {
        self.options.realign
    }

    /// Refuses a plan for another environment, account or region.
    pub(crate) fn check_place(
        &self,
        environment: &str,
        account: &str,
        region: &str,
    ) -> Result<(), Failure> {
        for (what, planned, here) in [
            ("environment", &self.environment, environment),
            ("account", &self.account, account),
            ("region", &self.region, region),
        ] {
            if planned != here {
                return Err(refused(&format!(
                    "the plan is for the {what} {planned}, and this is {here}"
                ))
                .hint("pass the --env, --region and --profile for which the plan was made"));
            }
        }
        Ok(())
    }

    /// Refuses a plan that is too old, or from the future.
    pub(crate) fn check_age(&self, now: Timestamp) -> Result<(), Failure> {
        let created_at = Timestamp::parse(&self.created_at).map_err(|_| {
            refused(&format!(
                "the plan's createdAt is not a time: {}",
                self.created_at
            ))
        })?;
        check_age("the plan", created_at, now)
    }

    /// Rebuilds the plan from the planned change sets, and compares it with the file.
    ///
    /// # Errors
    ///
    /// If a stack has changed since the plan was made, or if a change set can no longer be executed. If the
    /// file contains an unexpected value.
    pub(crate) async fn open(
        &self,
        context: &Context<'_>,
        targets: &Targets,
    ) -> anyhow::Result<Plan> {
        let client = context.cloudformation();
        let drift_treatment = match self.options.on_drift {
            OnDrift::Revert => DriftTreatment::Revert,
            OnDrift::Continue | OnDrift::Stop => DriftTreatment::Keep,
        };
        let bucket = self.bucket.open(&client, &targets.bucket, drift_treatment);
        let (_, bucket) = bucket.await?;
        let service = self
            .service
            .open(&client, &targets.service, drift_treatment);
        let (stack, service) = service.await?;
        let environment = context.environment();
        let traffic_to_restore = match &stack {
            Some(stack) if drift_treatment == DriftTreatment::Revert => {
                live_version::read_rollbacks(&context.aws, stack, environment).await?
            }
            _ => Vec::new(),
        };
        check_traffic(&self.traffic_to_restore, &traffic_to_restore)?;
        let security = match &service {
            Some(_) => Security::compare(&client, &targets.service).await?,
            None => Security::default(),
        };
        Ok(Plan {
            bucket,
            service,
            security,
            drift_treatment,
            traffic_to_restore,
            drift_before: DriftBefore::default(),
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
            id: stack.as_ref().map(|stack| stack.id.clone()),
            last_updated: stack.and_then(|stack| stack.last_updated),
            template_sha256: target.template_sha256.to_string(),
            change_set: change_set.map(|change_set| change_set.id.clone()),
        })
    }

    async fn open(
        &self,
        client: &Client,
        target: &Target,
        drift_treatment: DriftTreatment,
    ) -> anyhow::Result<(Option<Stack>, Option<ChangeSet>)> {
        // Finds the stack by its expected name, because the id in the file is not trusted.
        let stack = stack::describe(client, &target.stack).await?;
        self.check_stack(&target.stack, stack.as_ref())?;
        let Some(planned) = &self.change_set else {
            check_digest(&self.template_sha256, target)?;
            return Ok((stack, None));
        };
        let cannot_be_executed = |status: &str| {
            refused(&format!(
                "the change set {planned} of {} cannot be executed any more: it is {status}",
                target.stack
            ))
        };
        let stack = stack.ok_or_else(|| cannot_be_executed("gone"))?;
        let described = change_set::wait_until_created(client, &target.stack, planned).await?;
        let described = described.ok_or_else(|| cannot_be_executed("gone"))?;
        let operation = if stack.is_only_planned() {
            Operation::Create
        } else {
            Operation::Update
        };
        let reverts_drift =
            operation == Operation::Update && drift_treatment == DriftTreatment::Revert;
        check_change_set(&described, &stack, planned, reverts_drift, Timestamp::now())?;
        let of_change_set = template::of_change_set(client, &stack.id, planned).await?;
        check_template(&of_change_set, target)?;
        check_digest(&self.template_sha256, target)?;
        if described.execution_status != Some(ExecutionStatus::Available) {
            let status = described.execution_status;
            let status = status.as_ref().map_or("unknown", ExecutionStatus::as_str);
            return Err(cannot_be_executed(status).into());
        }
        let change_set = change_set::from_description(client, target, operation, described).await?;
        Ok((Some(stack), Some(change_set)))
    }

    /// Refuses a stack that has another id than the planned stack, or a later update.
    fn check_stack(&self, name: &str, stack: Option<&Stack>) -> Result<(), Failure> {
        let planned = (self.id.as_ref(), self.last_updated.as_ref());
        let now = match stack {
            Some(stack) => (Some(&stack.id), stack.last_updated.as_ref()),
            None => (None, None),
        };
        if planned == now {
            return Ok(());
        }
        let text = |(id, updated): (Option<&String>, Option<&String>)| match (id, updated) {
            (None, _) => "no stack".to_owned(),
            (Some(id), None) => format!("{id}, never updated"),
            (Some(id), Some(time)) => format!("{id}, last updated {time}"),
        };
        Err(refused(&format!(
            "the stack {name} has changed since the plan was made; now: {}; in the plan: {}",
            text(now),
            text(planned)
        )))
    }
}

/// The options of the command that made the plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SavedOptions {
    external_api_url: Option<String>,
    second_api_url: Option<String>,
    /// The version of each secret with a provider's key, by the last part of the secret's name.
    secret_versions: BTreeMap<String, String>,
    ignore_alarms: bool,
    on_drift: OnDrift,
    /// Whether the plan only realigns the service's stack.
    realign: bool,
}

impl SavedOptions {
    /// Derives the options from the settings that the templates are rendered from.
    fn from_settings(settings: &Settings) -> Self {
        let defaults = settings.environment.settings();
        let overridden = |url: Option<&'static str>, default: Option<&'static str>| {
            url.filter(|_| url != default).map(str::to_owned)
        };
        let version = |key: ProviderKey| match settings.api_key(key) {
            ApiKey::None => None,
            ApiKey::Secret(version) => Some((key.name().to_owned(), version.to_string())),
        };
        SavedOptions {
            external_api_url: overridden(settings.external_api_url, defaults.external_api_url),
            second_api_url: overridden(settings.second_api_url, defaults.second_api_url),
            secret_versions: ProviderKey::ALL.into_iter().filter_map(version).collect(),
            ignore_alarms: settings.rollout_alarms == RolloutAlarms::Ignore,
            ..SavedOptions::default()
        }
    }

    /// Does not validate the URLs: a later step refuses URLs that are not in the change set's template.
    fn apply(&self, settings: &mut Settings) -> Result<(), Failure> {
        if let Some(url) = &self.external_api_url {
            settings.external_api_url = Some(url.clone().leak());
        }
        if let Some(url) = &self.second_api_url {
            settings.second_api_url = Some(url.clone().leak());
        }
        for (name, version) in &self.secret_versions {
            let key = ProviderKey::ALL.into_iter().find(|key| key.name() == name);
            let (Some(key), Ok(version)) = (key, version.parse()) else {
                let why = format!("the plan's secretVersions has no valid version of {name}");
                return Err(refused(&why));
            };
            *settings.api_key_mut(key) = ApiKey::Secret(version);
        }
        if self.ignore_alarms {
            settings.rollout_alarms = RolloutAlarms::Ignore;
        }
        Ok(())
    }
}

/// The options as the operator types them. The versions of secrets are left out, because the change set
/// shows a changed version.
impl fmt::Display for SavedOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url =
            |option: &str, url: &Option<String>| url.as_ref().map(|url| format!("{option} {url}"));
        let flag = |option: &str, is_set: bool| is_set.then(|| option.to_owned());
        let typed = [
            url("--external-api-url", &self.external_api_url),
            url("--second-api-url", &self.second_api_url),
            flag("--ignore-alarms", self.ignore_alarms),
            flag("--on-drift revert", self.on_drift == OnDrift::Revert),
            flag("--on-drift continue", self.on_drift == OnDrift::Continue),
            flag("--realign", self.realign),
        ];
        let typed: Vec<String> = typed.into_iter().flatten().collect();
        f.write_str(&typed.join(" "))
    }
}

/// Refuses a change set that is not the planned one, is too old, or treats drift in another way than the
/// plan.
fn check_change_set(
    described: &DescribeChangeSetOutput,
    stack: &Stack,
    planned: &str,
    reverts_drift: bool,
    now: Timestamp,
) -> Result<(), Failure> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let (id, stack_id) = (text(&described.change_set_id), text(&described.stack_id));
    let stack_name = text(&described.stack_name);
    if (&stack_id, &stack_name) != (&stack.id, &stack.name) {
        return Err(refused(&format!(
            "the change set {planned} in the plan belongs to the stack {stack_name} ({stack_id}), and not to {}",
            stack.name
        )));
    }
    if id != planned {
        return Err(refused(&format!(
            "the change set of {} is {planned} in the plan, and {id} in CloudFormation",
            stack.name
        )));
    }
    let reverts = described.deployment_mode == Some(DeploymentMode::RevertDrift);
    if reverts != reverts_drift {
        return Err(refused(&format!(
            "the change set {planned} of {} {} drift, which is not what onDrift in the plan says",
            stack.name,
            if reverts { "reverts" } else { "keeps" }
        )));
    }
    let created_at = described.creation_time.map(|time| time.secs());
    let created_at = Timestamp::from_unix_seconds(created_at.unwrap_or_default());
    let created_at = created_at.map_err(|error| refused(&error.to_string()))?;
    check_age(&format!("the change set {planned}"), created_at, now)
}

/// Refuses a plan or a change set that is older than [`MAX_AGE_SECONDS`], or from the future. `subject`
/// begins the error.
fn check_age(subject: &str, created_at: Timestamp, now: Timestamp) -> Result<(), Failure> {
    let age = now.seconds_since(created_at);
    if age > MAX_AGE_SECONDS {
        return Err(refused(&format!(
            "{subject} was made at {created_at}, more than {} hours ago",
            MAX_AGE_SECONDS / (60 * 60)
        )));
    }
    if age < -CLOCK_SKEW_SECONDS {
        return Err(refused(&format!(
            "{subject} was made at {created_at}, and it is {now} now"
        ))
        .hint("set the clock of this machine, or make a new plan"));
    }
    Ok(())
}

/// Refuses a change set whose template is not the rendered one.
fn check_template(of_change_set: &str, target: &Target) -> Result<(), Failure> {
    let rendered = serde_json::from_str(&target.template)
        .map_err(|error| refused(&format!("the rendered template is not JSON: {error}")))?;
    let mut differences = match serde_json::from_str(of_change_set) {
        Ok(planned) => differences(&planned, &rendered),
        Err(error) => vec![format!("it is not JSON: {error}")],
    };
    let size_without_spaces = |json: &str| {
        json.bytes()
            .filter(|byte| !byte.is_ascii_whitespace())
            .count()
    };
    let more = differences.len().saturating_sub(MAX_NAMED);
    let why = if more > 0 {
        differences.truncate(MAX_NAMED);
        format!("{} and {more} more", differences.join(", "))
    } else if !differences.is_empty() {
        differences.join(", ")
    } else if size_without_spaces(of_change_set) != size_without_spaces(&target.template) {
        // The longer text has an object with a duplicate member. JSON parsers disagree on whether the
        // first or the last of the two counts.
        "its values are equal, but it is written in another way".to_owned()
    } else {
        return Ok(());
    };
    Err(refused(&format!(
        "the template of the change set for {} is not the one that this program renders for these zips: {why}",
        target.stack
    ))
    .hint(OTHER_COMMIT))
}

/// Names the properties in which two templates differ, or else the sections.
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
        let templates = [planned, rendered].into_iter().filter_map(Value::as_object);
        named.extend(templates.flat_map(|sections| sections.keys().cloned()));
        named.sort_unstable();
        named.dedup();
        named.retain(|section| planned.get(section) != rendered.get(section));
    }
    if named.is_empty() {
        named.push("it is not an object".to_owned());
    }
    named
}

/// Refuses a plan whose digest does not match the rendered template.
fn check_digest(planned: &str, target: &Target) -> Result<(), Failure> {
    let here = target.template_sha256.to_string();
    if planned == here {
        return Ok(());
    }
    Err(refused(&format!(
        "the plan's templateSha256 of {} is {planned}, and this program renders {here}",
        target.stack
    ))
    .hint(OTHER_COMMIT))
}

/// Refuses a plan whose rollbacks differ from those in effect now.
fn check_traffic(planned: &[Rollback], computed: &[Rollback]) -> Result<(), Failure> {
    if planned == computed {
        return Ok(());
    }
    let text = |rollbacks: &[Rollback]| {
        let texts: Vec<String> = rollbacks.iter().map(ToString::to_string).collect();
        format!("[{}]", texts.join("; "))
    };
    Err(refused(&format!(
        "trafficToRestore in the plan differs from the rollbacks in effect; in the plan: {}; in effect: {}",
        text(planned),
        text(computed)
    )))
}

fn parse(text: &str) -> Result<SavedPlan, Failure> {
    let not_a_plan = |error: &dyn fmt::Display| {
        Failure::new(format!("the file is not a plan: {error}")).hint(NEW_PLAN)
    };
    let json: Value = serde_json::from_str(text).map_err(|error| not_a_plan(&error))?;
    match json.get("format").map(Value::as_u64) {
        None => return Err(not_a_plan(&"it has no format")),
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
    serde_json::from_value(json).map_err(|error| not_a_plan(&error))
}

/// Returns the refusal of a plan, with the hint to make a new plan.
fn refused(why: &str) -> Failure {
    Failure::new(format!("{NOTHING_DEPLOYED}: {why}")).hint(NEW_PLAN)
}

#[cfg(test)]
mod tests;
