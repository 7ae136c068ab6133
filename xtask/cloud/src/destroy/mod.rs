//! `cargo xtask destroy`: removes an environment.

pub(crate) mod inventory;

use std::process::ExitCode;
use std::time::Duration;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::StackStatus;
use infra::environment::Protection;
use infra::{Environment, names};
use serde::Serialize;
use xtask::cloud::DestroyArgs;
use xtask::failure::Failure;
use xtask::output;

use crate::aws::Aws;
use crate::aws_error::explain;
use crate::confirm::{Expected, Question};
use crate::polling::poll;
use crate::report::{Event, Report};
use crate::stack::events::EventLog;
use crate::stack::follow::{self, Ended};
use crate::stack::{self, Stack, outcome};
use crate::table;

pub(crate) use inventory::Held;

/// How long the removal of a stack without resources may take.
const EMPTY_LIMIT: Duration = Duration::from_mins(2);

/// Runs the command.
pub(crate) async fn run(args: &DestroyArgs) -> anyhow::Result<ExitCode> {
    let report = Report::new(args.target.output);
    let result = destroy(args, &report).await;
    report.finish(args.target.environment, result)
}

/// Gives the outcome in one word.
async fn destroy(args: &DestroyArgs, report: &Report) -> anyhow::Result<&'static str> {
    let environment = args.target.environment;
    let settings = environment.settings();
    if settings.protection == Protection::Full {
        return Err(refused_by_settings(environment).into());
    }
    let (aws, identity) = Aws::to_change(&args.target.aws, &settings, report).await?;
    let client = aws.cloudformation();
    let name = names::stack(environment);
    let Some(stack) = stack::describe(&client, &name).await? else {
        output::progress(format_args!("there is no stack {name}: nothing to remove"));
        return Ok("unchanged");
    };
    let held = match stack.status {
        StackStatus::DeleteInProgress => {
            output::progress(format_args!("the removal of {name} is under way already"));
            let log = EventLog::from_newest(&client, &stack, report).await?;
            return follow_removal(&client, log, &name, report).await;
        }
        StackStatus::ReviewInProgress => Vec::new(),
        _ => {
            refuse(&stack)?;
            inventory::read(&client, &stack).await?
        }
    };
    show(&stack, &held, report)?;
    keep_tables(&held, args.delete_table)?;
    let question = Question {
        text: format!(
            "Remove {name} from account {}, {}, for good?",
            identity.account,
            aws.region()
        ),
        expected: Expected::Name(name.clone()),
    };
    question.agreed(args.yes, "nothing was removed").await?;
    let outcome = remove(&client, &stack, report).await?;
    say_what_stays(&client, environment, &held).await?;
    Ok(outcome)
}

fn refused_by_settings(environment: Environment) -> Failure {
    Failure::new(format!(
        "nothing was removed: {environment} is a protected environment"
    ))
    .hint("where it is really to go: set `protection` to `Protection::None` for it in infra/src/environment.rs, deploy that, and take the stack's termination protection off by hand")
}

/// Refuses a stack that is protected, or that somebody else is at work on.
fn refuse(stack: &Stack) -> Result<(), Failure> {
    let Stack { name, status, .. } = stack;
    if stack.termination_protection {
        return Err(Failure::new(format!(
            "nothing was removed: {name} is protected from removal"
        ))
        .hint(format!(
            "where it is really to go, take the protection off with {}",
            stack.command("update-termination-protection --no-enable-termination-protection")
        )));
    }
    if !stack::is_at_rest(status) {
        return Err(Failure::new(format!(
            "nothing was removed: an operation on {name} is under way ({status})"
        ))
        .hint("run the command again when it has ended"));
    }
    Ok(())
}

fn show(stack: &Stack, held: &[Held], report: &Report) -> anyhow::Result<()> {
    if stack.is_only_planned() {
        output::progress(format_args!(
            "{} is only planned ({}): it holds nothing, and its change sets go with it",
            stack.name, stack.status
        ));
    } else {
        output::progress(format_args!(
            "{} ({}) holds {} resources",
            stack.name,
            stack.status,
            held.len()
        ));
    }
    let lines = held.iter().map(|resource| {
        let fate = if resource.stays { "  stays" } else { "  goes" };
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
        resources: held,
    })
}

/// A stack that is removed, and its resources.
#[derive(Serialize)]
#[serde(tag = "event", rename = "removal")]
struct RemovalEvent<'a> {
    stack: &'a str,
    /// The stack's status.
    status: &'a str,
    /// Whether the stack only has change sets.
    planned: bool,
    resources: &'a [Held],
}

impl Event for RemovalEvent<'_> {}

/// A yes to a long list is not meant for the data.
fn keep_tables(held: &[Held], delete_table: bool) -> Result<(), Failure> {
    let lost: Vec<&str> = held
        .iter()
        .filter(|resource| resource.is_table() && !resource.stays)
        .map(|resource| resource.physical_id.as_str())
        .collect();
    if lost.is_empty() || delete_table {
        return Ok(());
    }
    Err(Failure::new(format!(
        "nothing was removed: the table {} would go too, with the prices and the API keys in it",
        lost.join(", ")
    ))
    .hint("--delete-table removes it"))
}

async fn remove(client: &Client, stack: &Stack, report: &Report) -> anyhow::Result<&'static str> {
    let log = EventLog::from_now(client, stack, report).await?;
    client
        .delete_stack()
        .stack_name(&stack.id)
        .send()
        .await
        .map_err(|error| explain(&format!("remove {}", stack.name), &error))?;
    if stack.status != StackStatus::ReviewInProgress {
        return follow_removal(client, log, &stack.name, report).await;
    }
    // It holds nothing, and no event ever says that it is gone.
    let what = format_args!("waiting for the end of {}", stack.name);
    let gone = poll(EMPTY_LIMIT, what, async || {
        let gone = stack::describe(client, &stack.name).await?.is_none();
        Ok(gone.then_some("destroyed"))
    });
    gone.await?.ok_or_else(|| {
        Failure::new(format!("{} is still there", stack.name))
            .hint("run the command again")
            .into()
    })
}

async fn follow_removal(
    client: &Client,
    log: EventLog,
    name: &str,
    report: &Report,
) -> anyhow::Result<&'static str> {
    let ended = follow::to_the_end(client, log, name, report).await?;
    judge(&ended)?;
    Ok("destroyed")
}

/// Refuses a removal that is over and has left the stack.
fn judge(ended: &Ended) -> Result<(), Failure> {
    let stack = &ended.stack;
    if stack.status == StackStatus::DeleteComplete {
        return Ok(());
    }
    let cause = outcome::cause(ended);
    Err(Failure::new(format!(
        "{} could not be removed ({}): {cause}",
        stack.name, stack.status
    ))
    .hint("mend the cause, then run the same command again: what is gone already is not missed"))
}

/// Names what is left of the environment. Its other stacks stay, because the next
/// deploy needs them, and nothing can bring the zips or a role's limit back.
async fn say_what_stays(
    client: &Client,
    environment: Environment,
    held: &[Held],
) -> anyhow::Result<()> {
    for resource in held.iter().filter(|resource| resource.stays) {
        output::progress(format_args!(
            "stays: {} {}, as the stack's template says",
            resource.resource_type, resource.physical_id
        ));
    }
    let others = [
        (names::artifacts_stack(environment), "the functions' zips"),
        (
            names::boundary_stack(environment),
            "the limit of the roles' permissions",
        ),
    ];
    for (name, content) in others {
        if stack::describe(client, &name).await?.is_some() {
            output::progress(format_args!("stays: the stack {name} with {content}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(resource_type: &str, stays: bool) -> Held {
        Held {
            logical_id: "Table".to_owned(),
            resource_type: resource_type.to_owned(),
            physical_id: "crypto-watch-data-dev".to_owned(),
            stays,
        }
    }

    #[test]
    fn a_table_goes_only_when_that_is_asked_for_by_name() {
        let table = [held("AWS::DynamoDB::Table", false)];
        let refused = keep_tables(&table, false).err();
        let words = refused.map(|failure| failure.to_string());
        assert!(words.is_some_and(|words| words.contains("crypto-watch-data-dev")));
        assert!(keep_tables(&table, true).is_ok());
        assert!(keep_tables(&[held("AWS::DynamoDB::Table", true)], false).is_ok());
        assert!(keep_tables(&[held("AWS::SQS::Queue", false)], false).is_ok());
    }

    #[test]
    fn a_protected_or_busy_stack_is_refused() {
        let at_rest = Stack::for_tests("UPDATE_COMPLETE");
        assert!(refuse(&at_rest).is_ok());
        let protected = Stack {
            termination_protection: true,
            ..Stack::for_tests("UPDATE_COMPLETE")
        };
        assert!(refuse(&protected).is_err());
        assert!(refuse(&Stack::for_tests("UPDATE_IN_PROGRESS")).is_err());
    }

    mod properties {
        use proptest::prelude::*;

        use super::*;

        proptest! {
            #[test]
            fn only_a_deleted_stack_is_gone(
                status in prop::sample::select(StackStatus::values().to_vec())
            ) {
                let judged = judge(&Ended::for_tests(status, Vec::new()));
                prop_assert_eq!(judged.is_ok(), status == "DELETE_COMPLETE");
            }
        }
    }
}
