//! The permissions boundary of an environment: the guard compares the deployed one
//! with the rendered one, a first deploy creates it, and an administrator updates it
//! with `cargo xtask boundary deploy`.
//!
//! The comparison reads the template of the boundary's stack
//! (`cloudformation:DescribeStacks` and `GetTemplate`).

use std::process::ExitCode;

use infra::Environment;
use infra::names;
use xtask::cloud::BoundaryDeployArgs;
use xtask::failure::{self, Failure};
use xtask::options::OutputFormat;
use xtask::output;

use super::administrator;
use super::change_set::{self, Drifted};
use super::changes::Change;
use super::events::ChangeSetEvent;
use super::plan::{self, NOTHING_DEPLOYED, Target, Terms};
use super::{prepare, rollout};
use crate::aws::Aws;
use crate::report::Report;
use crate::stack::next_step::{Allowed, NextStep, Operation, Refusal, Steps};
use crate::stack::{self, Stack, template};

/// The resource of the stack, as a change set would show it.
const POLICY: (&str, &str) = ("AWS::IAM::ManagedPolicy", "Boundary");

/// Runs `cargo xtask boundary deploy`.
pub(crate) async fn run(args: &BoundaryDeployArgs) -> anyhow::Result<ExitCode> {
    let report = Report::new(OutputFormat::Text);
    let settings = args.environment.settings();
    let (aws, _) = Aws::to_change(&args.aws, &settings, &report).await?;
    deploy(&aws, args.environment, args.yes, &report).await?;
    Ok(ExitCode::SUCCESS)
}

/// Creates or updates the boundary, after the operator has agreed.
///
/// # Errors
///
/// Those of [`administrator::deploy`].
pub(super) async fn deploy(
    aws: &Aws,
    environment: Environment,
    yes: bool,
    report: &Report,
) -> anyhow::Result<()> {
    let target = target(environment)?;
    Box::pin(administrator::deploy(aws, &target, yes, report)).await?;
    Ok(())
}

/// The boundary's stack as this checkout renders it. CloudFormation creates it with
/// the caller's own permissions, never with the pipeline's role.
fn target(environment: Environment) -> anyhow::Result<Target> {
    administrator::target(
        names::boundary_stack(environment),
        infra::stack::boundary(environment),
        environment.tags(),
    )
}

/// Compares the deployed boundary with the rendered one. Returns the stack that a
/// deploy has to create first if there is no boundary, and nothing otherwise.
///
/// # Errors
///
/// If the deployed boundary is another one, and if there is none and the deploy is
/// the pipeline's.
pub(crate) async fn check(
    aws: &Aws,
    environment: Environment,
    is_pipeline: bool,
) -> anyhow::Result<Option<Target>> {
    let target = target(environment)?;
    let client = aws.cloudformation();
    let stack = stack::describe(&client, &target.stack).await?;
    let exists = match &stack {
        None => false,
        Some(stack) => has_policy(stack)?,
    };
    if !exists {
        if is_pipeline {
            return Err(Failure::new(format!(
                "nothing was done: {environment} has no permissions boundary, and no role of the pipeline may create it"
            ))
            .hint(way_out(environment, "creates"))
            .into());
        }
        return Ok(Some(target));
    }
    let deployed = template::deployed(&client, &target.stack).await?;
    let rendered: serde_json::Value = serde_json::from_str(&target.template)?;
    if deployed != Some(rendered) {
        return Err(stale(environment).into());
    }
    Ok(None)
}

/// Returns true if the stack's policy exists: its creation neither failed nor is still
/// to come.
fn has_policy(stack: &Stack) -> Result<bool, Failure> {
    let mut steps = Steps::new(Allowed {
        replace_failed_stack: false,
        asking: false,
    });
    match steps.next(&stack.status) {
        NextStep::MakeChangeSet(Operation::Update) => Ok(true),
        NextStep::MakeChangeSet(Operation::Create) | NextStep::Refuse(Refusal::FailedStack) => {
            Ok(false)
        }
        NextStep::Follow => Err(Failure::new(format!(
            "nothing was done: an operation on {} is under way ({})",
            stack.name, stack.status
        ))
        .hint("run the command again when it has ended")),
        _ => Err(Failure::new(format!(
            "nothing was done: the stack {} of the permissions boundary is in {}",
            stack.name, stack.status
        ))
        .hint(format!(
            "an administrator finds the cause with {}",
            stack.command("describe-stack-events")
        ))),
    }
}

fn stale(environment: Environment) -> Failure {
    Failure::new(format!(
        "nothing was done: the permissions boundary of {environment} is not the one of this revision"
    ))
    .hint(way_out(environment, "updates"))
}

fn way_out(environment: Environment, does: &str) -> String {
    format!(
        "an administrator {does} it: `cargo xtask boundary deploy --env {environment}`; see docs/operating.md, \"Permissions boundary\""
    )
}

/// The change that creates the boundary.
pub(super) fn creation() -> Change {
    let (resource_type, logical_id) = POLICY;
    Change::added(resource_type, logical_id)
}

/// Shows the creation of the boundary, as [`plan::show`] shows a change set.
pub(crate) fn show(missing: Option<&Target>, report: &Report) -> anyhow::Result<()> {
    let Some(Target { stack, .. }) = missing else {
        return Ok(());
    };
    let change = creation();
    output::progress(format_args!("{stack}: new stack, 1 change"));
    output::progress(format_args!("  {change}"));
    report.emit(&ChangeSetEvent {
        stack,
        changes: &[change],
    })
}

/// Creates the boundary where [`check`] found none. The operator has agreed.
///
/// # Errors
///
/// If it cannot be created, with the administrator's command.
pub(crate) async fn create(
    aws: &Aws,
    environment: Environment,
    missing: Option<&Target>,
    report: &Report,
) -> anyhow::Result<()> {
    let Some(target) = missing else {
        return Ok(());
    };
    try_to_create(aws, environment, target, report)
        .await
        .map_err(|error| {
            Failure::new(format!(
                "{NOTHING_DEPLOYED}: could not create the permissions boundary of {environment}: {error:#}"
            ))
            .hint(way_out(environment, "creates"))
            .exit(failure::exit_of(&error))
            .into()
        })
}

async fn try_to_create(
    aws: &Aws,
    environment: Environment,
    target: &Target,
    report: &Report,
) -> anyhow::Result<()> {
    let client = aws.cloudformation();
    let terms = Terms {
        // A creation that failed has left no policy.
        replace_failed_stack: true,
        ..administrator::terms(true)
    };
    let prepared = prepare::prepare(&client, &target.stack, &terms, report).await?;
    if prepared.operation == Operation::Update {
        // Another deploy has created it meanwhile.
        return match check(aws, environment, false).await? {
            None => Ok(()),
            Some(_) => Err(stale(environment).into()),
        };
    }
    let name = change_set::unique_name("boundary");
    let created = change_set::create(&client, target, Operation::Create, Drifted::Stays, &name);
    if let Some(change_set) = created.await? {
        let executed = rollout::execute(&client, &change_set, None, report).await;
        if executed.is_err() {
            plan::discard_change_set(aws, &change_set, report).await?;
        }
        executed?;
    }
    administrator::protect(&client, &target.stack, report).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_exists_when_its_stack_has_been_created_and_not_before() {
        for (status, expected) in [
            ("CREATE_COMPLETE", Some(true)),
            ("UPDATE_COMPLETE", Some(true)),
            ("UPDATE_ROLLBACK_COMPLETE", Some(true)),
            ("REVIEW_IN_PROGRESS", Some(false)),
            ("ROLLBACK_COMPLETE", Some(false)),
            ("CREATE_IN_PROGRESS", None),
            ("UPDATE_IN_PROGRESS", None),
            ("UPDATE_ROLLBACK_FAILED", None),
        ] {
            let exists = has_policy(&Stack::for_tests(status)).ok();
            assert_eq!(exists, expected, "{status}");
        }
    }

    #[test]
    fn the_change_that_is_shown_is_the_one_of_the_template() {
        let (resource_type, logical_id) = POLICY;
        for environment in Environment::ALL {
            let target = target(environment).expect("the boundary renders");
            let template: serde_json::Value =
                serde_json::from_str(&target.template).expect("it is JSON");
            let resources = template["Resources"].as_object().expect("it has resources");
            assert_eq!(resources.len(), 1);
            assert_eq!(resources[logical_id]["Type"], resource_type);
        }
    }
}
