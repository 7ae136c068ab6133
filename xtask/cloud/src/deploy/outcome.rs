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
use super::stack::{Outputs, Stack};

/// How a deploy ended well.
pub(crate) enum Outcome {
    Deployed { outputs: Outputs },
    Unchanged { outputs: Outputs },
}

/// Whether a stack at rest is what was asked for.
pub(crate) fn judge(stack: Stack, events: &[ResourceEvent]) -> anyhow::Result<Stack> {
    let status = &stack.status;
    let (what, exit) = match status {
        StackStatus::CreateComplete | StackStatus::UpdateComplete => return Ok(stack),
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
    let hint = if *status == StackStatus::UpdateRollbackComplete {
        "mend the cause and deploy again; what was deployed before is serving".to_owned()
    } else if *status == StackStatus::UpdateRollbackFailed {
        format!(
            "mend the cause, then `aws cloudformation continue-update-rollback --stack-name {}`",
            stack.name
        )
    } else {
        format!(
            "mend the cause, remove what is left with `aws cloudformation delete-stack --stack-name {}`, and deploy again",
            stack.name
        )
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
