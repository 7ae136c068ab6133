//! A saved plan, compared with what AWS has and with what this command line renders.

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::StackStatus;
use contract::Function;
use infra::{Environment, names};
use serde_json::Value;
use shared::timestamp::Timestamp;
use xtask::diff::{GrantChanges, TemplateDiff};
use xtask::failure::Failure;

use super::{NEW_PLAN, SavedChangeSet, SavedPlan, SavedStack, check_age, refused};
use crate::aws::Aws;
use crate::deploy::change_set::{self, ChangeSet, Described, Drifted};
use crate::deploy::on_drift::Before;
use crate::deploy::plan::{self, Plan, Security, Target, Targets};
use crate::stack::live_version::{self, Rollback};
use crate::stack::next_step::Operation;
use crate::stack::{self, Stack, template};

/// The number of differences that a refusal names.
const NAMED_DIFFERENCES: usize = 5;

impl SavedPlan {
    /// Makes the plan anew, of the planned change sets, and compares it with the file.
    ///
    /// # Errors
    ///
    /// When a stack has changed since, a change set cannot be executed any more, or a
    /// field of the file is not what it must be.
    pub(crate) async fn open(
        &self,
        aws: &Aws,
        targets: &Targets,
        now: Timestamp,
    ) -> anyhow::Result<Plan> {
        let client = aws.cloudformation();
        let drifted = if self.options.revert_drift {
            Drifted::IsReverted
        } else {
            Drifted::Stays
        };
        let (_, bucket) = self
            .bucket
            .open(&client, &targets.bucket, drifted, now)
            .await?;
        let (stack, service) = self
            .service
            .open(&client, &targets.service, drifted, now)
            .await?;
        let traffic_to_restore = match &stack {
            Some(stack) if drifted == Drifted::IsReverted => {
                live_version::rollbacks(aws, stack, targets.environment).await?
            }
            _ => Vec::new(),
        };
        check_traffic(
            &self.traffic_to_restore,
            &traffic_to_restore,
            targets.environment,
        )?;
        let security = match &service {
            Some(_) => plan::security(&client, &targets.service).await?,
            None => Security::default(),
        };
        check_grants(&self.grants, &security.grants)?;
        Ok(Plan {
            bucket,
            service,
            security,
            drifted,
            traffic_to_restore,
            before: Before::default(),
        })
    }
}

impl SavedStack {
    async fn open(
        &self,
        client: &Client,
        target: &Target,
        drifted: Drifted,
        now: Timestamp,
    ) -> anyhow::Result<(Option<Stack>, Option<ChangeSet>)> {
        // By the name that the environment's stack must have, and not by the file's id.
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
            .hint(NEW_PLAN)
        };
        let stack = stack.ok_or_else(|| cannot_be_executed("gone"))?;
        let described = change_set::describe(client, &planned.id).await?;
        let described = described.ok_or_else(|| cannot_be_executed("gone"))?;
        let operation = operation(&stack);
        let reverts_drift = operation == Operation::Update && drifted == Drifted::IsReverted;
        check_change_set(&described, &stack, planned, reverts_drift, now)?;
        let of_change_set = template::of_change_set(client, &stack.id, &described.id).await?;
        check_template(&of_change_set, target)?;
        check_digest(&self.template_sha256, target)?;
        let change_set = change_set::open(client, described, target, operation)
            .await?
            .map_err(|status| cannot_be_executed(&status))?;
        Ok((Some(stack), Some(change_set)))
    }

    /// Refuses a stack that is not the one of the plan, or has changed since.
    fn check_stack(&self, name: &str, stack: Option<&Stack>) -> Result<(), Failure> {
        let (id, last_updated) = match stack {
            Some(stack) => (Some(&stack.id), stack.last_updated.as_ref()),
            None => (None, None),
        };
        if id != self.id.as_ref() {
            let text = |id: Option<&String>| id.map_or("none".to_owned(), Clone::clone);
            return Err(refused(&format!(
                "the plan is for another stack {name}: the id in the plan is {}, and the stack's is {}",
                text(self.id.as_ref()),
                text(id)
            ))
            .hint(NEW_PLAN));
        }
        if last_updated != self.last_updated.as_ref() {
            let text = |at: Option<&String>| at.map_or("never".to_owned(), Clone::clone);
            return Err(refused(&format!(
                "the stack {name} has changed since the plan was made: it was last updated at {}, and then it was {}",
                text(last_updated),
                text(self.last_updated.as_ref())
            ))
            .hint(NEW_PLAN));
        }
        Ok(())
    }
}

/// The effect of a change set on a stack.
fn operation(stack: &Stack) -> Operation {
    if stack.status == StackStatus::ReviewInProgress {
        Operation::Create
    } else {
        Operation::Update
    }
}

/// Refuses a change set of another stack, another one of this stack, and one that is too
/// old or treats drift in another way.
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
        ))
        .hint(NEW_PLAN));
    }
    if (&described.id, &described.name) != (id, name) {
        return Err(refused(&format!(
            "the change set of {} is {name} ({id}) in the plan, and {} ({}) in CloudFormation",
            stack.name, described.name, described.id
        ))
        .hint(NEW_PLAN));
    }
    if described.reverts_drift != reverts_drift {
        return Err(refused(&format!(
            "the plan's option revertDrift makes a change set that reverts drift: {reverts_drift}; the change set {name} of {} reverts drift: {}",
            stack.name, described.reverts_drift
        ))
        .hint(NEW_PLAN));
    }
    check_age(&format!("the change set {name}"), described.created_at, now)
}

/// Refuses a change set whose template is not the rendered one.
fn check_template(of_change_set: &str, target: &Target) -> Result<(), Failure> {
    let differences = match serde_json::from_str(of_change_set) {
        Ok(planned) => differences(&planned, &rendered(target)?),
        Err(error) => vec![format!("it is no JSON: {error}")],
    };
    // Equal values in a longer text: an object names a field twice, and JSON parsers
    // disagree on which one counts.
    let is_longer = size(of_change_set) != size(&target.template);
    let why = if !differences.is_empty() {
        let more = differences.len().saturating_sub(NAMED_DIFFERENCES);
        let mut named = differences;
        named.truncate(NAMED_DIFFERENCES);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        format!("{}{more}", named.join(", "))
    } else if is_longer {
        "it is equal, but written in another way".to_owned()
    } else {
        return Ok(());
    };
    Err(refused(&format!(
        "the template of the change set for {} is not the one that this command line renders for these zips: {why}",
        target.stack
    ))
    .hint(format!("deploy from the commit that the plan was made of, or {NEW_PLAN}")))
}

fn rendered(target: &Target) -> Result<Value, Failure> {
    serde_json::from_str(&target.template)
        .map_err(|error| refused(&format!("the rendered template is no JSON: {error}")))
}

/// The number of bytes of a text that are no space.
fn size(json: &str) -> usize {
    json.bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .count()
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
        let keys = |template: &Value| -> Vec<String> {
            let sections = template.as_object().into_iter().flatten();
            sections.map(|(section, _)| section.clone()).collect()
        };
        let mut sections = keys(planned);
        sections.extend(keys(rendered));
        sections.sort_unstable();
        sections.dedup();
        sections.retain(|section| planned.get(section) != rendered.get(section));
        named = sections;
    }
    if named.is_empty() {
        named.push("it is no object".to_owned());
    }
    named
}

/// Refuses a plan whose digest of a template is not that of the rendered one.
fn check_digest(planned: &str, target: &Target) -> Result<(), Failure> {
    let here = target.template_sha256.to_string();
    if planned == here {
        return Ok(());
    }
    Err(refused(&format!(
        "the plan's templateSha256 of {} is {planned}, and this command line renders {here}",
        target.stack
    ))
    .hint(format!(
        "deploy from the commit that the plan was made of, or {NEW_PLAN}"
    )))
}

/// Refuses a plan that shows other permission changes than there are.
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
    ))
    .hint(NEW_PLAN))
}

/// Refuses a plan that restores other traffic than that of the environment's
/// functions that were rolled back.
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
        ))
        .hint(NEW_PLAN));
    }
    let unlike = |these: &[Rollback], those: &[Rollback]| {
        these.iter().find(|this| !those.contains(this)).cloned()
    };
    let Some(other) = unlike(planned, computed).or_else(|| unlike(computed, planned)) else {
        return Ok(());
    };
    Err(refused(&format!(
        "trafficToRestore in the plan is not what there is to restore: {} from version {} to {}",
        other.function, other.live, other.deployed
    ))
    .hint(NEW_PLAN))
}

#[cfg(test)]
mod tests;
