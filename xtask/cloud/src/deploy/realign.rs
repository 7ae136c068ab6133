//! `--realign`: after a rollback, writes the versions that the aliases serve into the stack's template.
//! Traffic moves only if a stopped CodeDeploy deployment has left a weight, which still sends a share of the
//! requests to another version.
//!
//! The change set has the deployed template with one edit: each alias that serves another version is pinned
//! at its live version and has no `UpdatePolicy`. CloudFormation then sets the alias to the version that the
//! alias serves already. The next ordinary deploy restores the policy, and CodeDeploy starts from the version
//! that the alias serves.

use std::collections::BTreeSet;

use infra::Sha256Digest;
use xtask::failure::Failure;
use xtask::output;

use super::change_set::{self, ChangeSet, DriftTreatment, Target};
use super::changes::{Action, Change};
use super::context::{Context, Phase, Stop};
use super::drift_decision::DriftBefore;
use super::execute;
use super::plan::{self, Plan, Security, Targets};
use super::prepare_stack;
use super::saved_plan::SavedPlan;
use crate::confirm::Question;
use crate::stack::admission::Operation;
use crate::stack::live_version::{self, Misaligned};
use crate::stack::{self, Stack, pin, template};
use crate::{alias, codedeploy};

const NOTHING_REALIGNED: &str = "nothing was realigned";

/// The hint if a realignment is impossible.
const OTHER_WAY: &str = "deploy with --on-drift revert";

/// The attributes of an alias that the change set changes.
const CHANGED_ATTRIBUTES: [&str; 2] = ["FunctionVersion", "UpdatePolicy"];

/// A planned realignment.
pub(super) struct Realignment {
    aliases: Vec<Misaligned>,
    /// Absent if the template names the live versions already, or if the change set was executed.
    change_set: Option<ChangeSet>,
    target: Target,
    phase: Phase,
}

/// Plans a realignment and shows it. `name` is the name of the change set. Returns the realignment and the
/// phase of the next step. There is no realignment if every alias serves only the stack's version.
///
/// # Errors
///
/// If a CodeDeploy deployment moves traffic, if an alias does not serve a published version, or if the
/// change set would change anything but the aliases. The caller discards the change set.
pub(super) async fn plan(
    context: &Context<'_>,
    service: &Target,
    name: &str,
) -> Result<(Option<Realignment>, Phase), Stop> {
    let moving = refuse_while_traffic_moves(context);
    context.run(Phase::Planning, moving).await?;
    let allowed = context.options.allowed();
    let prepared =
        prepare_stack::prepare(context, &service.stack, allowed, Phase::Planning).await?;
    let phase = prepared.phase;
    let planned = async {
        let aliases = match &prepared.stack {
            Some(stack) => read_misaligned(context, stack).await?,
            None => Vec::new(),
        };
        let Some(stack) = prepared.stack.filter(|_| !aliases.is_empty()) else {
            output::progress(format_args!(
                "{}: nothing to realign: every alias serves the stack's version",
                service.stack
            ));
            return Ok(None);
        };
        let target = pinned_target(context, &stack, service, &aliases).await?;
        let change_set = if moved(&aliases).next().is_some() {
            let client = context.cloudformation();
            let (update, keep) = (Operation::Update, DriftTreatment::Keep);
            let created = change_set::create(&client, &target, update, keep, name).await?;
            let why = "CloudFormation finds nothing to change";
            Some(created.ok_or_else(|| refused(why, OTHER_WAY))?)
        } else {
            None
        };
        let realignment = Realignment {
            aliases,
            change_set,
            target,
            phase,
        };
        realignment.show_and_check(context)?;
        Ok(Some(realignment))
    };
    let planned = context.run(phase, planned).await?;
    Ok((planned, phase))
}

/// Realigns the stack before an ordinary deploy, if the operator agrees. Returns the phase
/// in which the deploy is planned.
pub(super) async fn realign_first(
    context: &Context<'_>,
    service: &Target,
) -> anyhow::Result<Phase> {
    let name = change_set::unique_name("deploy");
    let planned = async {
        let (realignment, phase) = plan(context, service, &name).await?;
        if let Some(realignment) = &realignment {
            context.run(phase, realignment.confirm(context)).await?;
        }
        Ok((realignment, phase))
    };
    let planned = Box::pin(planned).await;
    let (planned, phase) =
        plan::discard_on_failure(context, [&*service.stack], &name, planned).await?;
    let Some(mut realignment) = planned else {
        return Ok(phase);
    };
    let done = context.run(Phase::Changing, realignment.execute(context));
    let done = done.await;
    if let (Err(_), Some(unexecuted)) = (&done, &realignment.change_set) {
        plan::discard(context, [&*unexecuted.stack], &unexecuted.name).await?;
    }
    done?;
    Ok(phase)
}

/// Executes the saved plan of a realignment, which deploys nothing else.
pub(super) async fn execute_saved(
    context: &Context<'_>,
    saved: &SavedPlan,
    targets: Targets,
) -> anyhow::Result<()> {
    let opened = async {
        refuse_while_traffic_moves(context).await?;
        let stack = stack::of_environment(&context.aws, context.environment()).await?;
        let aliases = read_misaligned(context, &stack).await?;
        let targets = Targets {
            service: pinned_target(context, &stack, &targets.service, &aliases).await?,
            ..targets
        };
        let plan = saved.open(context, &targets).await?;
        if plan.bucket.is_some() {
            let why = "the plan has a change set of the bucket's stack";
            return Err(refused(why, "make a new plan").into());
        }
        let realignment = Realignment {
            aliases,
            change_set: plan.service,
            target: targets.service,
            phase: plan.phase,
        };
        realignment.show_and_check(context)?;
        realignment.confirm(context).await?;
        Ok(realignment)
    };
    let mut realignment = context.run(Phase::Planning, opened).await?;
    let done = context.run(Phase::Changing, realignment.execute(context));
    done.await?;
    output::progress(
        "the stack is realigned; to deploy your changes, plan or deploy now, without --realign",
    );
    Ok(())
}

async fn read_misaligned(context: &Context<'_>, stack: &Stack) -> anyhow::Result<Vec<Misaligned>> {
    live_version::read_misaligned(&context.aws, stack, context.environment()).await
}

/// Returns the aliases that serve another version than the stack's template names.
fn moved(aliases: &[Misaligned]) -> impl Iterator<Item = &Misaligned> {
    let is_moved = |alias: &&Misaligned| alias.live.version != alias.deployed;
    aliases.iter().filter(is_moved)
}

/// Returns the deployed template with these aliases pinned at their live versions.
async fn pinned_target(
    context: &Context<'_>,
    stack: &Stack,
    service: &Target,
    aliases: &[Misaligned],
) -> anyhow::Result<Target> {
    let client = context.cloudformation();
    let mut template = template::existing(&client, &stack.name).await?;
    for alias in moved(aliases) {
        pin::pin(&mut template, pinned_id(alias)?, &alias.live.version)?;
    }
    let template = template.to_string();
    Ok(Target {
        stack: stack.name.clone(),
        template_sha256: Sha256Digest::of(&template),
        template,
        // Other tags would change every resource.
        tags: stack.tags.clone(),
        role_arn: service.role_arn.clone(),
    })
}

/// Returns the logical id of an alias that can be pinned at its live version.
fn pinned_id(alias: &Misaligned) -> Result<&str, Failure> {
    let Misaligned { function, live, .. } = alias;
    let Some(logical_id) = &alias.logical_id else {
        let why = format!("the stack has no alias of {function}");
        return Err(refused(&why, OTHER_WAY));
    };
    if live.version.parse::<u64>().is_err() {
        let why = format!(
            "{function} serves {}, which is not a published version",
            live.version
        );
        let hint = "choose a version with `cargo xtask rollback --to-version N`";
        return Err(refused(&why, hint));
    }
    Ok(logical_id)
}

async fn refuse_while_traffic_moves(context: &Context<'_>) -> anyhow::Result<()> {
    let environment = context.environment();
    let Some(deployment) = codedeploy::find_running(&context.aws, environment).await? else {
        return Ok(());
    };
    let why = format!("the deployment {deployment} is moving traffic");
    let hint = format!(
        "wait for its end (`cargo xtask status --env {environment}`), or stop it with `cargo xtask rollback --env {environment}`"
    );
    Err(refused(&why, &hint).into())
}

fn refused(why: &str, hint: &str) -> Failure {
    Failure::new(format!("{NOTHING_REALIGNED}: {why}")).hint(hint)
}

impl Realignment {
    /// Returns the plan to save, and the target that its execution produces.
    pub(super) fn into_plan(self) -> Result<(Plan, Target), Failure> {
        if self.change_set.is_none() {
            let why = "the template already names the versions that serve; only the weights of an alias are left, which a saved plan cannot remove";
            return Err(refused(why, "run `cargo xtask deploy --realign`"));
        }
        let plan = Plan {
            bucket: None,
            service: self.change_set,
            security: Security::default(),
            drift_treatment: DriftTreatment::Keep,
            traffic_to_restore: Vec::new(),
            drift_before: DriftBefore::default(),
            phase: self.phase,
        };
        Ok((plan, self.target))
    }

    async fn confirm(&self, context: &Context<'_>) -> anyhow::Result<()> {
        let text = format!("Realign {} {}?", self.target.stack, context.place());
        let question = Question::before_changing(context.environment(), text);
        context.confirm(&question, NOTHING_REALIGNED).await
    }

    /// Shows the realignment, and refuses a change set that changes anything else.
    fn show_and_check(&self, context: &Context<'_>) -> anyhow::Result<()> {
        output::progress(
            "realignment: the template gets the versions that serve; traffic moves only if a weight is removed",
        );
        for alias in &self.aliases {
            output::progress(format_args!(
                "  {} stays at version {}; the stack's version is {}",
                alias.function, alias.live.version, alias.deployed
            ));
            for weight in &alias.live.weights {
                let function = &alias.function;
                output::progress(format_args!("  {function}: removes the weight {weight}"));
            }
        }
        let change_set = self.change_set.as_ref();
        plan::show_changes(&self.target.stack, change_set, context.report)?;
        let changes = change_set.map_or(&[][..], |change_set| &change_set.changes);
        let others = other_changes(&self.aliases, changes);
        if others.is_empty() {
            return Ok(());
        }
        let others: Vec<String> = others.into_iter().map(ToString::to_string).collect();
        let why = format!(
            "the change set would change more than the aliases: {}",
            others.join("; ")
        );
        Err(refused(&why, OTHER_WAY).into())
    }

    /// Removes the weights that a stopped CodeDeploy deployment left, and executes the change set. Then checks
    /// that every alias still serves its version.
    async fn execute(&mut self, context: &Context<'_>) -> anyhow::Result<()> {
        let lambda = context.aws.lambda_configuration();
        let has_weights = |alias: &&Misaligned| !alias.live.weights.is_empty();
        for Misaligned { function, live, .. } in self.aliases.iter().filter(has_weights) {
            let note = live.rolled_back.clone();
            alias::move_to(&lambda, function, live, &live.version, note).await?;
        }
        execute::execute(context, &mut self.change_set, None).await?;
        for Misaligned { function, live, .. } in &self.aliases {
            let now = alias::read(&lambda, function).await?;
            if now.version != live.version || !now.weights.is_empty() {
                return Err(Failure::new(format!(
                    "the stack is realigned, but the alias of {function} has changed meanwhile: it was at version {} without weights, and is now at version {}",
                    live.version, now.version
                ))
                .hint("find out what else moves the alias, then run the command again")
                .into());
            }
        }
        output::progress(format_args!("{}: realigned", self.target.stack));
        Ok(())
    }
}

/// Returns the changes that a realignment does not cause. A realignment changes two attributes of an alias.
/// CloudFormation then also lists resources that refer to the alias directly or indirectly, although the
/// alias keeps its ARN.
fn other_changes<'a>(aliases: &[Misaligned], changes: &'a [Change]) -> Vec<&'a Change> {
    let aliases: BTreeSet<&str> = aliases
        .iter()
        .filter_map(|alias| alias.logical_id.as_deref())
        .collect();
    let mut expected = aliases.clone();
    let follows = |change: &&Change, expected: &BTreeSet<&str>| {
        !expected.contains(&*change.logical_id)
            && !change.only_follows.is_empty()
            && change
                .only_follows
                .iter()
                .all(|id| expected.contains(&**id))
    };
    while let Some(follower) = changes.iter().find(|change| follows(change, &expected)) {
        expected.insert(&follower.logical_id);
    }
    let is_other = |change: &&Change| match &*change.logical_id {
        alias if aliases.contains(alias) => !is_realignment(change),
        id => !expected.contains(id),
    };
    changes.iter().filter(is_other).collect()
}

/// Returns true if the change of an alias can be caused by the pinned template.
fn is_realignment(change: &Change) -> bool {
    let mut properties = change.properties.iter();
    matches!(change.action, Action::Modify | Action::MayReplace)
        && properties.all(|name| CHANGED_ATTRIBUTES.contains(&&**name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alias::LiveAlias;

    fn alias(version: &str, logical_id: Option<&str>) -> Misaligned {
        Misaligned {
            function: "crypto-watch-api-prod".to_owned(),
            logical_id: logical_id.map(str::to_owned),
            live: LiveAlias::for_tests(version),
            deployed: "8".to_owned(),
        }
    }

    fn change(logical_id: &str, action: Action, properties: &[&str]) -> Change {
        Change {
            action,
            resource_type: "AWS::Lambda::Alias".to_owned(),
            logical_id: logical_id.to_owned(),
            properties: properties.iter().map(ToString::to_string).collect(),
            replaced_for: Vec::new(),
            only_follows: Vec::new(),
            values: Vec::new(),
            retained: false,
        }
    }

    #[test]
    fn an_alias_is_pinned_only_at_a_published_version() {
        let pinned = alias("7", Some("ApiAlias"));
        assert_eq!(pinned_id(&pinned).ok(), Some("ApiAlias"));
        for (alias, words) in [
            (
                alias("$LATEST", Some("ApiAlias")),
                "serves $LATEST, which is not a published version",
            ),
            (
                alias("7", None),
                "the stack has no alias of crypto-watch-api-prod",
            ),
        ] {
            let refused = pinned_id(&alias).err().map(|failure| failure.to_string());
            assert!(refused.is_some_and(|refused| refused.contains(words)));
        }
    }

    fn refused_ids(changes: &[Change]) -> Vec<&str> {
        let others = other_changes(&[alias("7", Some("ApiAlias"))], changes);
        others
            .into_iter()
            .map(|change| &*change.logical_id)
            .collect()
    }

    #[test]
    fn only_the_version_and_the_update_policy_of_the_alias_may_change() {
        for properties in [&CHANGED_ATTRIBUTES[..], &["FunctionVersion"], &[]] {
            assert!(refused_ids(&[change("ApiAlias", Action::Modify, properties)]).is_empty());
        }
        for other in [
            change("UpdateAlias", Action::Modify, &["FunctionVersion"]),
            change("ApiAlias", Action::Modify, &["Name"]),
            change("ApiAlias", Action::Replace, &["FunctionVersion"]),
            change("ApiAlias", Action::Remove, &[]),
        ] {
            let id = other.logical_id.clone();
            assert_eq!(refused_ids(&[other]), [id]);
        }
    }

    #[test]
    fn a_resource_that_changes_only_by_a_reference_to_the_alias_is_accepted() {
        let following = |id: &str, follows: &[&str]| Change {
            only_follows: follows.iter().map(ToString::to_string).collect(),
            ..change(id, Action::MayReplace, &["Target"])
        };
        let of_alias = || change("ApiAlias", Action::Modify, &CHANGED_ATTRIBUTES);
        let listed = [
            following("Route", &["Integration"]),
            of_alias(),
            following("Integration", &["ApiAlias"]),
        ];
        assert!(refused_ids(&listed).is_empty());
        let other = [
            of_alias(),
            following("Integration", &["ApiAlias", "Role"]),
            following("Route", &["Integration"]),
            change("Role", Action::Modify, &["Policies"]),
        ];
        assert_eq!(refused_ids(&other), ["Integration", "Route", "Role"]);
    }
}
