//! How a deploy ended: in words, as a line for machines, and as an exit code.

use std::process::ExitCode;

use infra::names;
use xtask::cloud::EnvironmentArgs;
use xtask::failure::{self, Exit};
use xtask::options::OutputFormat;
use xtask::output;

use super::after::Part;
use crate::report::{Report, ResultEvent};
use crate::stack::Outputs;
use crate::table;

/// How a deploy ended well.
pub(crate) enum Outcome {
    Deployed {
        outputs: Outputs,
    },
    /// The plan file says what would change.
    Planned,
    /// The stack's template names the versions that serve; nothing was deployed.
    Realigned,
    /// There is nothing to change; a plan that says so has no outputs.
    Unchanged {
        outputs: Outputs,
    },
}

/// Says how the deploy ended, and gives the exit code, which is another one
/// for an outcome that `detailed` names.
pub(crate) fn finish(
    target: &EnvironmentArgs,
    detailed: impl FnOnce(&Outcome) -> Option<Exit>,
    report: &Report,
    result: anyhow::Result<Outcome>,
) -> anyhow::Result<ExitCode> {
    let environment = target.environment.name();
    let stack = &names::stack(target.environment);
    let outcome = match result {
        Ok(outcome) => outcome,
        Err(error) => {
            report.emit(&ResultEvent {
                outcome: failed_outcome(&error),
                environment,
                stack,
                outputs: None,
                error: Some(&format!("{error:#}")),
            })?;
            return Ok(failure::report(Err(error)));
        }
    };
    let exit = detailed(&outcome).map_or(ExitCode::SUCCESS, |exit| ExitCode::from(exit.code()));
    let (outcome, outputs) = match outcome {
        Outcome::Deployed { outputs } => ("deployed", outputs),
        Outcome::Planned => ("planned", Outputs::new()),
        Outcome::Realigned => ("realigned", Outputs::new()),
        Outcome::Unchanged { outputs } => ("unchanged", outputs),
    };
    output::progress(format_args!("{stack}: {outcome}"));
    let printed = match target.output {
        OutputFormat::Text => output::text(&table(&outputs)),
        OutputFormat::Json => report.emit(&ResultEvent {
            outcome,
            environment,
            stack,
            outputs: Some(&outputs),
            error: None,
        }),
    };
    match printed {
        Ok(()) => Ok(exit),
        Err(error) if outcome == "deployed" => {
            let failure = Part::Outputs.failure(target.environment, &error);
            Ok(failure::report(Err(failure.into())))
        }
        Err(error) => Err(error),
    }
}

fn failed_outcome(error: &anyhow::Error) -> &'static str {
    match failure::exit_of(error) {
        Exit::Declined => "declined",
        Exit::RolledBack => "rolled-back",
        _ => "failed",
    }
}

pub(super) fn table(outputs: &Outputs) -> String {
    let lines = outputs
        .iter()
        .map(|(name, value)| [name.clone(), value.clone()]);
    table::text(lines)
}
