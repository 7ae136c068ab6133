//! `cargo xtask destroy`: deletes an environment's stack.

use std::process::ExitCode;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::StackStatus;
use infra::environment::Protection;
use infra::{Environment, names};
use serde::Serialize;
use xtask::cloud::DestroyArgs;
use xtask::failure::Failure;
use xtask::output;

use crate::aws::Aws;
use crate::aws_error::Explained as _;
use crate::confirm::Question;
use crate::report::{Outcome, Report};
use crate::stack::events::EventLog;
use crate::stack::follow::{self, Ended};
use crate::stack::inventory::{self, StackResource};
use crate::stack::{self, Stack, outcome};
use crate::table;

/// The stack that the command is about to delete, with its resources.
#[derive(Serialize)]
#[serde(tag = "event", rename = "removal")]
pub(crate) struct RemovalEvent<'a> {
    stack: &'a str,
    /// The stack's status.
    status: &'a str,
    /// Whether the stack has only change sets, and nothing is deployed.
    planned: bool,
    /// All resources of the stack.
    resources: &'a [StackResource],
}

pub(crate) async fn run(args: &DestroyArgs) -> anyhow::Result<ExitCode> {
    let report = Report::new(args.target.output);
    let result = destroy(args, &report).await;
    report.finish(
        args.target.environment,
        &result.map(|outcome| (outcome, None)),
    )
}

async fn destroy(args: &DestroyArgs, report: &Report) -> anyhow::Result<Outcome> {
    let environment = args.target.environment;
    let settings = environment.settings();
    if settings.protection == Protection::Full {
        return Err(protected_by_settings(environment).into());
    }
    let (aws, identity) = Aws::to_change(&args.target.aws, &settings, report).await?;
    let client = aws.cloudformation();
    let name = names::stack(environment);
    let Some(stack) = stack::describe(&client, &name).await? else {
        output::progress(format_args!("there is no stack {name}: nothing to delete"));
        return Ok(Outcome::Unchanged);
    };
    let resources = match stack.status {
        StackStatus::DeleteInProgress => {
            output::progress(format_args!("{name} is being deleted already"));
            let log = EventLog::from_newest(&client, &stack, report).await?;
            return follow_deletion(&client, log, report).await;
        }
        StackStatus::ReviewInProgress => Vec::new(),
        _ => {
            refuse_protected_or_busy(&stack)?;
            inventory::read(&client, &stack).await?
        }
    };
    show(&stack, &resources, report)?;
    refuse_lost_tables(&resources, args.delete_table)?;
    let text = format!(
        "Delete {name} in account {}, {}, permanently?",
        identity.account,
        aws.region()
    );
    let question = Question::with_name(text, &name);
    question.agreed(args.yes, "nothing was deleted").await?;
    let outcome = delete(&client, &stack, report).await?;
    show_kept(&client, environment, &resources).await?;
    Ok(outcome)
}

fn protected_by_settings(environment: Environment) -> Failure {
    Failure::new(format!(
        "nothing was deleted: {environment} is a protected environment"
    ))
    .hint("to delete it anyway, set its `protection` to `Protection::None` in infra/src/environment.rs, deploy, and turn the stack's termination protection off by hand")
}

fn refuse_protected_or_busy(stack: &Stack) -> Result<(), Failure> {
    let Stack { name, status, .. } = stack;
    if stack.termination_protection {
        return Err(Failure::new(format!(
            "nothing was deleted: {name} has termination protection"
        ))
        .hint(format!(
            "to delete it anyway, turn the protection off with {}",
            stack.command("update-termination-protection --no-enable-termination-protection")
        )));
    }
    if !stack::is_at_rest(status) {
        return Err(Failure::new(format!(
            "nothing was deleted: an operation on {name} is in progress ({status})"
        ))
        .hint("rerun when it has ended"));
    }
    Ok(())
}

fn show(stack: &Stack, resources: &[StackResource], report: &Report) -> anyhow::Result<()> {
    if stack.is_only_planned() {
        output::progress(format_args!(
            "{} is only planned ({}): it has no resources, and its change sets are deleted with it",
            stack.name, stack.status
        ));
    } else {
        output::progress(format_args!(
            "{} ({}), number of resources: {}",
            stack.name,
            stack.status,
            resources.len()
        ));
    }
    let lines = resources.iter().map(|resource| {
        let fate = if resource.stays { "  keep" } else { "  delete" };
        [
            fate.to_owned(),
            resource.logical_id.clone(),
            resource.resource_type.clone(),
            resource.physical_id.clone(),
        ]
    });
    for line in table::text(lines).lines() {
        output::progress(line);
    }
    report.emit(&RemovalEvent {
        stack: &stack.name,
        status: stack.status.as_str(),
        planned: stack.is_only_planned(),
        resources,
    })
}

/// Refuses to delete tables without `--delete-table`. The confirmation of a long list of resources is
/// not consent to lose data.
fn refuse_lost_tables(resources: &[StackResource], delete_table: bool) -> Result<(), Failure> {
    let lost: Vec<&str> = resources
        .iter()
        .filter(|resource| resource.is_lost_table())
        .map(|resource| resource.physical_id.as_str())
        .collect();
    if lost.is_empty() || delete_table {
        return Ok(());
    }
    Err(Failure::new(format!(
        "nothing was deleted: the table {} would be deleted too, with its prices and API keys",
        lost.join(", ")
    ))
    .hint("pass --delete-table to delete it"))
}

async fn delete(client: &Client, stack: &Stack, report: &Report) -> anyhow::Result<Outcome> {
    if stack.is_only_planned() {
        stack::delete_empty(client, stack).await?;
        return Ok(Outcome::Destroyed);
    }
    let log = EventLog::from_now(client, stack, report).await?;
    let deletion = client.delete_stack().stack_name(&stack.id).send().await;
    deletion.explained(format_args!("delete {}", stack.name))?;
    follow_deletion(client, log, report).await
}

async fn follow_deletion(
    client: &Client,
    log: EventLog,
    report: &Report,
) -> anyhow::Result<Outcome> {
    let ended = follow::to_the_end(client, log, None, report).await?;
    check_deleted(&ended)?;
    Ok(Outcome::Destroyed)
}

/// Fails if the stack still exists after the deletion.
fn check_deleted(ended: &Ended) -> Result<(), Failure> {
    let stack = &ended.stack;
    if stack.status == StackStatus::DeleteComplete {
        return Ok(());
    }
    let cause = outcome::cause(ended);
    Err(Failure::new(format!(
        "{} could not be deleted ({}): {cause}",
        stack.name, stack.status
    ))
    .hint("fix the cause and rerun; deleted resources are skipped"))
}

/// Shows what remains of the environment: the resources that the template keeps, and the stacks of
/// the artifact bucket and of the permissions boundary, which the next deploy uses again.
async fn show_kept(
    client: &Client,
    environment: Environment,
    resources: &[StackResource],
) -> anyhow::Result<()> {
    for resource in resources.iter().filter(|resource| resource.stays) {
        output::progress(format_args!(
            "kept: {} {}, by the template's DeletionPolicy",
            resource.resource_type, resource.physical_id
        ));
    }
    let others = [
        (names::artifacts_stack(environment), "the functions' zips"),
        (
            names::boundary_stack(environment),
            "the roles' permissions boundary",
        ),
    ];
    for (name, content) in others {
        if stack::describe(client, &name).await?.is_some() {
            output::progress(format_args!("kept: the stack {name} with {content}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{Example, line};

    impl Example for RemovalEvent<'_> {
        fn examples() -> Vec<String> {
            vec![line(&RemovalEvent {
                stack: "crypto-watch-dev",
                status: "CREATE_COMPLETE",
                planned: false,
                resources: &[resource("AWS::DynamoDB::Table", false)],
            })]
        }
    }

    fn resource(resource_type: &str, stays: bool) -> StackResource {
        StackResource {
            logical_id: "Table".to_owned(),
            resource_type: resource_type.to_owned(),
            physical_id: "crypto-watch-data-dev".to_owned(),
            stays,
        }
    }

    #[test]
    fn a_table_is_deleted_only_with_its_flag() {
        let table = [resource("AWS::DynamoDB::Table", false)];
        let refused = refuse_lost_tables(&table, false).err();
        let words = refused.map(|failure| failure.to_string());
        assert!(words.is_some_and(|words| words.contains("crypto-watch-data-dev")));
        assert!(refuse_lost_tables(&table, true).is_ok());
        assert!(refuse_lost_tables(&[resource("AWS::DynamoDB::Table", true)], false).is_ok());
        assert!(refuse_lost_tables(&[resource("AWS::SQS::Queue", false)], false).is_ok());
    }

    #[test]
    fn a_protected_or_busy_stack_is_refused() {
        let at_rest = Stack::for_tests("UPDATE_COMPLETE");
        assert!(refuse_protected_or_busy(&at_rest).is_ok());
        let protected = Stack {
            termination_protection: true,
            ..Stack::for_tests("UPDATE_COMPLETE")
        };
        assert!(refuse_protected_or_busy(&protected).is_err());
        assert!(refuse_protected_or_busy(&Stack::for_tests("UPDATE_IN_PROGRESS")).is_err());
    }

    mod properties {
        use proptest::prelude::*;

        use super::*;

        proptest! {
            #[test]
            fn only_a_deleted_stack_is_a_success(
                status in prop::sample::select(StackStatus::values().to_vec())
            ) {
                let checked = check_deleted(&Ended::for_tests(status, Vec::new()));
                prop_assert_eq!(checked.is_ok(), status == "DELETE_COMPLETE");
            }
        }
    }
}
