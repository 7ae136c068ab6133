//! How a deploy ended: in words, as a line for machines, and as an exit code.

use std::fmt::Write as _;
use std::process::ExitCode;

use aws_sdk_cloudformation::types::StackStatus;
use infra::names;
use xtask::cloud::DeployArgs;
use xtask::failure::{self, Exit, Failure};
use xtask::options::OutputFormat;
use xtask::output;

use super::events::{self, ResourceEvent};
use super::report::{Event, Report};
use super::stack::{self, Outputs, Stack};

/// How a deploy ended well.
pub(crate) enum Outcome {
    Deployed { outputs: Outputs },
    Unchanged { outputs: Outputs },
}

/// Whether an operation is over, by the stack's status and the operation's
/// events. Both are needed: right after the start, the status may still be the
/// one that the operation before has left.
pub(crate) fn is_over(status: &StackStatus, events: &[ResourceEvent]) -> bool {
    stack::is_at_rest(status) && events::stack_status(events) == Some(status.as_str())
}

/// Whether a stack whose operation is over is what was asked for.
pub(crate) fn judge(stack: &Stack, events: &[ResourceEvent]) -> anyhow::Result<()> {
    let status = &stack.status;
    let (what, exit) = match status {
        StackStatus::CreateComplete | StackStatus::UpdateComplete => return Ok(()),
        StackStatus::RollbackComplete | StackStatus::UpdateRollbackComplete => {
            ("was rolled back", Exit::RolledBack)
        }
        _ => ("failed", Exit::Failed),
    };
    let causes: Vec<String> = events::causes(events).map(ToString::to_string).collect();
    let cause = if causes.is_empty() {
        let reason = stack.status_reason.as_deref();
        reason
            .unwrap_or("CloudFormation gives no reason")
            .to_owned()
    } else {
        causes.join("; then ")
    };
    let message = format!("{} {what} ({status}): {cause}", stack.name);
    let hint = match status {
        StackStatus::UpdateRollbackComplete => {
            "mend the cause and deploy again; what was deployed before is serving".to_owned()
        }
        StackStatus::UpdateRollbackFailed => {
            let go_on = stack.command("continue-update-rollback");
            format!("mend the cause, then {go_on}")
        }
        _ => {
            let remove = stack.command("delete-stack");
            format!("mend the cause, remove what is left with {remove}, and deploy again")
        }
    };
    Err(Failure::new(message).hint(hint).exit(exit).into())
}

/// Says how the deploy ended, and gives the exit code.
pub(crate) fn finish(
    args: &DeployArgs,
    report: &Report,
    result: anyhow::Result<Outcome>,
) -> anyhow::Result<ExitCode> {
    let environment = args.environment.name();
    let stack = &names::stack(args.environment);
    let (outcome, outputs, exit) = match result {
        Ok(Outcome::Deployed { outputs }) => ("deployed", outputs, ExitCode::SUCCESS),
        Ok(Outcome::Unchanged { outputs }) if args.detailed_exitcode => {
            let exit = ExitCode::from(Exit::NothingToChange.code());
            ("unchanged", outputs, exit)
        }
        Ok(Outcome::Unchanged { outputs }) => ("unchanged", outputs, ExitCode::SUCCESS),
        Err(error) => {
            report.event(&Event::Result {
                outcome: failed_outcome(&error),
                environment,
                stack,
                outputs: None,
                error: Some(&format!("{error:#}")),
            })?;
            return Ok(failure::report(Err(error)));
        }
    };
    output::progress(format_args!("{stack}: {outcome}"));
    if args.output == OutputFormat::Text {
        output::text(&table(&outputs))?;
    }
    report.event(&Event::Result {
        outcome,
        environment,
        stack,
        outputs: Some(&outputs),
        error: None,
    })?;
    Ok(exit)
}

fn failed_outcome(error: &anyhow::Error) -> &'static str {
    match failure::exit_of(error) {
        Exit::Declined => "declined",
        Exit::RolledBack => "rolled-back",
        _ => "failed",
    }
}

fn table(outputs: &Outputs) -> String {
    let width = outputs.keys().map(String::len).max().unwrap_or_default();
    outputs
        .iter()
        .fold(String::new(), |mut text, (name, value)| {
            let _ = writeln!(text, "{name:width$}  {value}");
            text
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Events of the stack itself with these statuses.
    fn own_events(statuses: &[&str]) -> Vec<ResourceEvent> {
        let own = |status: &&str| ResourceEvent {
            time: String::new(),
            elapsed_ms: 0,
            logical_id: "crypto-watch-dev".to_owned(),
            resource_type: "AWS::CloudFormation::Stack".to_owned(),
            status: (*status).to_owned(),
            reason: None,
        };
        statuses.iter().map(own).collect()
    }

    fn is_over_at(status: &str, events: &[&str]) -> bool {
        is_over(&StackStatus::from(status), &own_events(events))
    }

    #[test]
    fn what_the_operation_before_has_left_does_not_end_this_one() {
        assert!(!is_over_at("UPDATE_COMPLETE", &[]));
        assert!(!is_over_at("UPDATE_COMPLETE", &["UPDATE_IN_PROGRESS"]));
        assert!(!is_over_at("REVIEW_IN_PROGRESS", &["REVIEW_IN_PROGRESS"]));
        assert!(is_over_at(
            "UPDATE_COMPLETE",
            &["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"]
        ));
    }

    mod properties {
        use super::*;

        proptest! {
            #[test]
            fn only_a_complete_creation_or_update_is_a_success(
                status in prop::sample::select(StackStatus::values().to_vec())
            ) {
                let stack = Stack::for_tests(status);
                let exit = judge(&stack, &[]).err().map(|error| failure::exit_of(&error));
                let expected = match status {
                    "CREATE_COMPLETE" | "UPDATE_COMPLETE" => None,
                    "ROLLBACK_COMPLETE" | "UPDATE_ROLLBACK_COMPLETE" => Some(Exit::RolledBack),
                    _ => Some(Exit::Failed),
                };
                prop_assert_eq!(exit, expected);
            }

            #[test]
            fn an_operation_is_over_only_when_status_and_events_agree(
                status in prop::sample::select(StackStatus::values().to_vec()),
                events in prop::collection::vec(
                    prop::sample::select(StackStatus::values().to_vec()), 0..6)
            ) {
                let over = is_over_at(status, &events);
                let agree = events.last() == Some(&status);
                prop_assert_eq!(over, agree && !status.ends_with("_IN_PROGRESS"));
            }
        }
    }
}
