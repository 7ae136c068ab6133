//! `--realign`: makes a stack's template name the versions that its aliases serve
//! after a rollback. No traffic moves; an ordinary deploy goes on from there.
//!
//! The change set has the deployed template, in which each alias is pinned at its
//! live version and has no `UpdatePolicy`. CloudFormation then sets the alias to the
//! version that it serves already. The next deploy has the policy again, and
//! CodeDeploy's current version is the alias's.

use std::collections::BTreeSet;

use infra::{Environment, Sha256Digest};
use shared::timestamp::Timestamp;
use xtask::failure::Failure;
use xtask::output;
use xtask::validate::TEMPLATE_BYTES;

use super::change_set::{self, ChangeSet, Drifted};
use super::changes::{Action, Change};
use super::on_drift::Before;
use super::outcome::Outcome;
use super::plan::{self, Plan, Security, Target, Targets, Terms};
use super::prepare;
use super::rollout;
use super::saved::SavedPlan;
use crate::alias;
use crate::aws::Aws;
use crate::codedeploy;
use crate::confirm::Question;
use crate::interrupt::Interrupt;
use crate::report::Report;
use crate::stack::live_version::{self, Misaligned};
use crate::stack::next_step::Operation;
use crate::stack::pin::{self, Pin};
use crate::stack::{self, Stack, template};

const NOTHING_REALIGNED: &str = "nothing was realigned";

/// The hint where a realignment is not possible.
const OTHER_WAY: &str = "deploy with --on-drift revert";

/// Attributes of an alias that the change set changes.
const CHANGED: [&str; 2] = ["FunctionVersion", "UpdatePolicy"];

/// A realignment that can be carried out.
pub(super) struct Realignment {
    aliases: Vec<Misaligned>,
    /// Absent if the template names the live versions already.
    change_set: Option<ChangeSet>,
    /// The effect of the change set on the stack.
    target: Target,
}

/// Plans a realignment and shows it. `None` if every alias serves the stack's
/// version alone. The change set is called `name`.
///
/// # Errors
///
/// If a deployment is moving traffic, if an alias serves no published version, or if
/// the change set would change anything else. The caller discards the change set.
pub(super) async fn plan(
    aws: &Aws,
    environment: Environment,
    service: &Target,
    name: &str,
    terms: &Terms,
    report: &Report,
) -> anyhow::Result<Option<Realignment>> {
    refuse_while_traffic_moves(aws, environment).await?;
    let client = aws.cloudformation();
    let prepared = prepare::prepare(&client, &service.stack, terms, report).await?;
    let stack = prepared
        .stack
        .filter(|_| prepared.operation == Operation::Update);
    let aliases = match &stack {
        Some(stack) => live_version::misaligned(aws, stack, environment).await?,
        None => Vec::new(),
    };
    let Some(stack) = stack.filter(|_| !aliases.is_empty()) else {
        let name = &service.stack;
        output::progress(format_args!(
            "{name}: nothing to realign: every alias serves the stack's version"
        ));
        return Ok(None);
    };
    let target = target(aws, &stack, service, &aliases).await?;
    let change_set = if moved(&aliases).next().is_some() {
        let operation = Operation::Update;
        let created = change_set::create(&client, &target, operation, Drifted::Stays, name).await?;
        let why = "CloudFormation finds nothing to change";
        Some(created.ok_or_else(|| refused(why, OTHER_WAY))?)
    } else {
        None
    };
    let realignment = Realignment {
        aliases,
        change_set,
        target,
    };
    realignment.show(report)?;
    realignment.refuse_other_changes()?;
    Ok(Some(realignment))
}

/// Realigns a stack once the operator agrees, before an ordinary deploy.
///
/// # Errors
///
/// As [`plan`] and [`Realignment::carry_out`]; if the operator declines.
pub(super) async fn first(
    aws: &Aws,
    environment: Environment,
    service: &Target,
    place: &str,
    terms: &Terms,
    interrupt: &Interrupt,
    report: &Report,
) -> anyhow::Result<()> {
    let name = change_set::unique_name("deploy");
    let agreed = interrupt.or(Box::pin(async {
        let planned = plan(aws, environment, service, &name, terms, report).await?;
        if let Some(planned) = &planned {
            planned.ask(environment, place, terms).await?;
        }
        anyhow::Ok(planned)
    }));
    let agreed = agreed.await;
    let planned = match agreed.unwrap_or_else(|| Err(terms.interrupted().into())) {
        Ok(Some(planned)) => planned,
        Ok(None) => return Ok(()),
        Err(error) => {
            plan::discard_of(aws, service, &name, report).await?;
            return Err(error);
        }
    };
    let ended = interrupt.or(Box::pin(planned.carry_out(aws, report))).await;
    let ended = ended.unwrap_or_else(|| Err(plan::interrupted().into()));
    if let (Err(_), Some(change_set)) = (&ended, &planned.change_set) {
        plan::discard_change_set(aws, change_set, report).await?;
    }
    ended
}

/// Executes the saved plan of a realignment, which deploys nothing else.
///
/// # Errors
///
/// As [`Realignment::carry_out`]; if the plan is not the realignment that is due now.
pub(super) async fn execute_saved(
    aws: &Aws,
    saved: &SavedPlan,
    targets: Targets,
    place: &str,
    terms: &Terms,
    interrupt: &Interrupt,
    report: &Report,
) -> anyhow::Result<Outcome> {
    let agreed = interrupt.or(Box::pin(async {
        let environment = targets.environment;
        refuse_while_traffic_moves(aws, environment).await?;
        let stack = stack::of_environment(aws, environment).await?;
        let aliases = live_version::misaligned(aws, &stack, environment).await?;
        let pinned = target(aws, &stack, &targets.service, &aliases).await?;
        let targets = Targets {
            service: pinned,
            ..targets
        };
        let plan = saved.open(aws, &targets, Timestamp::now()).await?;
        if plan.bucket.is_some() {
            let why = "the plan has a change set of the bucket's stack";
            return Err(refused(why, "make a new plan").into());
        }
        let realignment = Realignment {
            aliases,
            change_set: plan.service,
            target: targets.service,
        };
        realignment.show(report)?;
        realignment.refuse_other_changes()?;
        realignment.ask(environment, place, terms).await?;
        anyhow::Ok(realignment)
    }));
    let agreed = agreed.await;
    let realignment = agreed.unwrap_or_else(|| Err(terms.interrupted().into()))?;
    let ended = interrupt.or(Box::pin(realignment.carry_out(aws, report)));
    let ended = ended.await;
    ended.unwrap_or_else(|| Err(plan::interrupted().into()))?;
    output::progress("nothing was deployed: plan or deploy now, without --realign");
    Ok(Outcome::Realigned)
}

/// The aliases that serve another version than the stack's.
fn moved(aliases: &[Misaligned]) -> impl Iterator<Item = &Misaligned> {
    let is_moved = |alias: &&Misaligned| alias.live.version != alias.deployed;
    aliases.iter().filter(is_moved)
}

/// The deployed template with these aliases pinned at their live versions.
async fn target(
    aws: &Aws,
    stack: &Stack,
    service: &Target,
    aliases: &[Misaligned],
) -> anyhow::Result<Target> {
    let template = pinned_template(aws, &stack.name, aliases).await?;
    let target = Target {
        stack: stack.name.clone(),
        template_sha256: Sha256Digest::of(&template),
        template,
        // Other tags would change every resource.
        tags: stack.tags.clone(),
        role_arn: service.role_arn.clone(),
    };
    if target.template.len() > TEMPLATE_BYTES {
        return Err(refused(
            "the deployed template is too large for a request",
            OTHER_WAY,
        )
        .into());
    }
    Ok(target)
}

/// The template of a realignment: the only one that a saved plan for `--realign` may
/// execute.
async fn pinned_template(aws: &Aws, stack: &str, aliases: &[Misaligned]) -> anyhow::Result<String> {
    let mut edited = template::deployed_text(&aws.cloudformation(), stack).await?;
    for alias in moved(aliases) {
        edited = pin::pin(&edited, &pin_of(alias)?)?;
    }
    Ok(edited)
}

fn pin_of(alias: &Misaligned) -> Result<Pin, Failure> {
    let Misaligned { function, live, .. } = alias;
    let Some(logical_id) = alias.logical_id.clone() else {
        let why = format!("the stack has no alias of {function}");
        return Err(refused(&why, OTHER_WAY));
    };
    if live.version.parse::<u64>().is_err() {
        let why = format!("{function} serves {}, which is no version", live.version);
        return Err(refused(
            &why,
            "`cargo xtask rollback --to-version N` chooses a version",
        ));
    }
    Ok(Pin {
        logical_id,
        version: live.version.clone(),
    })
}

async fn refuse_while_traffic_moves(aws: &Aws, environment: Environment) -> anyhow::Result<()> {
    let Some(deployment) = codedeploy::find_running(aws, environment).await? else {
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
    /// The plan that is saved for it, and what its change set makes of the stack.
    ///
    /// # Errors
    ///
    /// If there is nothing for a change set to do.
    pub(super) fn into_plan(self) -> Result<(Plan, Target), Failure> {
        if self.change_set.is_none() {
            let why = "only weights are left over, which no plan removes";
            return Err(refused(why, "run `cargo xtask deploy --realign`"));
        }
        let plan = Plan {
            bucket: None,
            service: self.change_set,
            security: Security::default(),
            drifted: Drifted::Stays,
            traffic_to_restore: Vec::new(),
            before: Before::default(),
        };
        Ok((plan, self.target))
    }

    async fn ask(
        &self,
        environment: Environment,
        place: &str,
        terms: &Terms,
    ) -> anyhow::Result<()> {
        let text = format!("Realign {} {place}?", self.target.stack);
        Question::before_changing(environment, text)
            .agreed(terms.yes, NOTHING_REALIGNED)
            .await
    }

    fn show(&self, report: &Report) -> anyhow::Result<()> {
        output::progress(
            "realignment: the template gets the versions that serve; no traffic moves",
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
        plan::show(&self.target.stack, self.change_set.as_ref(), report)
    }

    /// Refuses a change set that CloudFormation reads in another way.
    fn refuse_other_changes(&self) -> Result<(), Failure> {
        let Some(change_set) = &self.change_set else {
            return Ok(());
        };
        let others = others(&self.aliases, &change_set.changes);
        if others.is_empty() {
            return Ok(());
        }
        let others: Vec<String> = others.into_iter().map(ToString::to_string).collect();
        let why = format!("it would change more than the alias: {}", others.join("; "));
        Err(refused(&why, OTHER_WAY))
    }

    /// Removes left-over weights, executes the change set, and checks that every alias
    /// serves what it served before.
    ///
    /// # Errors
    ///
    /// If CloudFormation refuses, or if somebody moved an alias meanwhile.
    pub(super) async fn carry_out(&self, aws: &Aws, report: &Report) -> anyhow::Result<()> {
        let lambda = aws.lambda_configuration();
        for alias in self
            .aliases
            .iter()
            .filter(|alias| !alias.live.weights.is_empty())
        {
            let Misaligned { function, live, .. } = alias;
            let note = live.rolled_back.clone();
            alias::move_to(&lambda, function, live, &live.version, note).await?;
        }
        if let Some(change_set) = &self.change_set {
            rollout::execute(&aws.cloudformation(), change_set, None, report).await?;
        }
        for alias in &self.aliases {
            let Misaligned { function, live, .. } = alias;
            let now = alias::read(&lambda, function).await?;
            if now.version != live.version || !now.weights.is_empty() {
                return Err(Failure::new(format!(
                    "the stack is realigned, but {function} serves version {} and no longer {}",
                    now.version, live.version
                ))
                .hint("find out who moves the alias, then run the command again")
                .into());
            }
        }
        output::progress(format_args!(
            "{}: realigned; no traffic has moved",
            self.target.stack
        ));
        Ok(())
    }
}

/// The changes that are neither of an alias's two attributes nor follow from these by
/// references alone, whose values stay: an alias keeps its ARN.
fn others<'a>(aliases: &[Misaligned], changes: &'a [Change]) -> Vec<&'a Change> {
    let ids = aliases.iter().filter_map(|alias| alias.logical_id.clone());
    let mut expected: BTreeSet<String> = ids.collect();
    let (direct, mut others): (Vec<&Change>, Vec<&Change>) = changes
        .iter()
        .partition(|change| expected.contains(&change.logical_id));
    // Each round takes away at least one change, or is the last one.
    loop {
        let (followers, rest): (Vec<&Change>, Vec<&Change>) =
            others.into_iter().partition(|change| {
                let follows = &change.only_follows;
                !follows.is_empty() && follows.iter().all(|id| expected.contains(id))
            });
        others = rest;
        if followers.is_empty() {
            break;
        }
        expected.extend(
            followers
                .into_iter()
                .map(|change| change.logical_id.clone()),
        );
    }
    others.extend(direct.into_iter().filter(|change| !is_realignment(change)));
    others
}

/// Whether a change of an alias is the one that the edited template asks for.
fn is_realignment(change: &Change) -> bool {
    matches!(change.action, Action::Modify | Action::MayReplace)
        && change
            .properties
            .iter()
            .all(|name| CHANGED.contains(&&**name))
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
        let pinned = pin_of(&alias("7", Some("ApiAlias")));
        assert_eq!(pinned.map(|pin| pin.version).ok().as_deref(), Some("7"));
        for (alias, words) in [
            (
                alias("$LATEST", Some("ApiAlias")),
                "serves $LATEST, which is no version",
            ),
            (
                alias("7", None),
                "the stack has no alias of crypto-watch-api-prod",
            ),
        ] {
            let refused = pin_of(&alias).err().map(|failure| failure.to_string());
            assert!(refused.is_some_and(|refused| refused.contains(words)));
        }
    }

    /// The ids of the changes that are refused.
    fn refused_of(changes: &[Change]) -> Vec<&str> {
        let others = others(&[alias("7", Some("ApiAlias"))], changes);
        others
            .into_iter()
            .map(|change| &*change.logical_id)
            .collect()
    }

    #[test]
    fn only_the_two_attributes_of_the_alias_may_change() {
        for properties in [&CHANGED[..], &["FunctionVersion"], &[]] {
            assert!(refused_of(&[change("ApiAlias", Action::Modify, properties)]).is_empty());
        }
        for other in [
            change("UpdateAlias", Action::Modify, &["FunctionVersion"]),
            change("ApiAlias", Action::Modify, &["Name"]),
            change("ApiAlias", Action::Replace, &["FunctionVersion"]),
            change("ApiAlias", Action::Remove, &[]),
        ] {
            let id = other.logical_id.clone();
            assert_eq!(refused_of(&[other]), [id]);
        }
    }

    #[test]
    fn a_resource_that_only_refers_to_the_alias_may_be_listed() {
        let following = |id: &str, follows: &[&str]| Change {
            only_follows: follows.iter().map(ToString::to_string).collect(),
            ..change(id, Action::MayReplace, &["Target"])
        };
        let of_alias = || change("ApiAlias", Action::Modify, &CHANGED);
        let listed = [
            following("Route", &["Integration"]),
            of_alias(),
            following("Integration", &["ApiAlias"]),
        ];
        assert!(refused_of(&listed).is_empty());
        let other = [
            of_alias(),
            following("Integration", &["ApiAlias", "Role"]),
            following("Route", &["Integration"]),
            change("Role", Action::Modify, &["Policies"]),
        ];
        assert_eq!(refused_of(&other), ["Integration", "Route", "Role"]);
    }
}
