//! How a deploy ended: in words, as a line for machines, and as an exit code.

use std::fmt::Write as _;
use std::process::ExitCode;

use infra::names;
use xtask::cloud::DeployArgs;
use xtask::failure::{self, Exit};
use xtask::options::OutputFormat;
use xtask::output;

use crate::report::{Event, Report};
use crate::stack::Outputs;

/// How a deploy ended well.
pub(crate) enum Outcome {
    Deployed { outputs: Outputs },
    Unchanged { outputs: Outputs },
}

/// Says how the deploy ended, and gives the exit code.
pub(crate) fn finish(
    args: &DeployArgs,
    report: &Report,
    result: anyhow::Result<Outcome>,
) -> anyhow::Result<ExitCode> {
    let environment = args.target.environment.name();
    let stack = &names::stack(args.target.environment);
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
    if args.target.output == OutputFormat::Text {
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
