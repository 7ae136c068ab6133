//! Reporting: warnings for people on stderr and, with `--output json`, one JSON object per line on
//! stdout. The type of each event is in the module that emits the event.

#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::process::ExitCode;

use infra::{Environment, names};
use serde::Serialize;
use xtask::failure::{self, Exit};
use xtask::options::OutputFormat;
use xtask::output;

use crate::table;

/// A JSON line of a command: any type that serializes. In tests the type also needs an example,
/// with which `docs/events.md` documents it.
#[cfg(not(test))]
use serde::Serialize as Event;
#[cfg(test)]
use tests::Example as Event;

/// Prints an event on stdout.
pub(crate) fn print_event(event: &impl Event) -> anyhow::Result<()> {
    output::json_line(event)
}

/// Formats an event as one line that ends with a line break.
pub(crate) fn event_line(event: &impl Event) -> anyhow::Result<String> {
    output::to_json_line(event)
}

/// A problem that does not stop the command. Stderr has the same text.
#[derive(Serialize)]
#[serde(tag = "event", rename = "warning")]
pub(crate) struct WarningEvent<'a> {
    pub(crate) message: &'a str,
}

/// The outcome of a command that changes an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    Deployed,
    Planned,
    Realigned,
    Unchanged,
    Destroyed,
    Declined,
    Failed,
    RolledBack,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deployed => "deployed",
            Self::Planned => "planned",
            Self::Realigned => "realigned",
            Self::Unchanged => "unchanged",
            Self::Destroyed => "destroyed",
            Self::Declined => "declined",
            Self::Failed => "failed",
            Self::RolledBack => "rolled-back",
        })
    }
}

/// The last line of a command that changes an environment.
#[derive(Serialize)]
#[serde(tag = "event", rename = "result")]
pub(crate) struct ResultEvent<'a> {
    /// The outcome of the command. `rolled-back` is a success of `rollback`, and a failure of `deploy`
    /// after which the earlier versions serve again.
    pub(crate) outcome: Outcome,
    pub(crate) environment: &'a str,
    pub(crate) stack: &'a str,
    /// The stack's outputs after a deploy or a plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outputs: Option<&'a BTreeMap<String, String>>,
    /// The error if the command did not succeed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<&'a str>,
}

/// The output of a command in the format that the operator chose.
pub(crate) struct Report {
    format: OutputFormat,
}

impl Report {
    pub(crate) fn new(format: OutputFormat) -> Self {
        Report { format }
    }

    /// Reports a problem that does not stop the command: on stderr and, with `--output json`, as an event.
    pub(crate) fn warn(&self, message: &str) -> anyhow::Result<()> {
        output::progress(format_args!("warning: {message}"));
        self.emit(&WarningEvent { message })
    }

    /// Prints an event with `--output json`, and nothing otherwise.
    pub(crate) fn emit(&self, event: &impl Event) -> anyhow::Result<()> {
        match self.format {
            OutputFormat::Text => Ok(()),
            OutputFormat::Json => print_event(event),
        }
    }

    /// Prints the result of a command: the stack's outputs in text output, the event `result` in JSON
    /// output. Returns the exit code.
    pub(crate) fn finish(
        &self,
        environment: Environment,
        result: &anyhow::Result<(Outcome, Option<BTreeMap<String, String>>)>,
    ) -> anyhow::Result<ExitCode> {
        let (outcome, outputs) = match result {
            Ok((outcome, outputs)) => (*outcome, outputs.as_ref()),
            Err(error) => match failure::exit_of(error) {
                Exit::Declined => (Outcome::Declined, None),
                Exit::RolledBack => (Outcome::RolledBack, None),
                _ => (Outcome::Failed, None),
            },
        };
        let stack = &names::stack(environment);
        let error = result.as_ref().err();
        if error.is_none() {
            output::progress(format_args!("{stack}: {outcome}"));
        }
        match (self.format, outputs) {
            (OutputFormat::Text, Some(outputs)) => output::text(&table::outputs(outputs))?,
            _ => self.emit(&ResultEvent {
                outcome,
                environment: environment.name(),
                stack,
                outputs,
                error: error.map(|error| format!("{error:#}")).as_deref(),
            })?,
        }
        Ok(match error {
            None => ExitCode::SUCCESS,
            Some(error) => failure::report_error(error),
        })
    }
}
