//! Failures of a command: an error line, a hint line and an exit code.

use std::fmt;
use std::process::ExitCode;

use crate::output;

/// The exit codes of every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Failed = 1,
    /// The command line is wrong; clap uses the same code.
    Usage = 2,
    /// The operator declined, or there is no terminal for the question.
    Declined = 3,
    /// The deploy failed, and the previous version serves again.
    RolledBack = 4,
    /// There are differences. Only with `--detailed-exitcode`.
    DifferencesFound = 5,
    /// There is nothing to change. Only with `--detailed-exitcode`.
    NothingToChange = 6,
}

impl Exit {
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// An error with an exit code and, often, a hint. An [`anyhow::Error`] keeps both when it adds
/// context.
#[derive(Debug)]
pub struct Failure {
    message: String,
    hint: Option<String>,
    exit: Exit,
}

impl Failure {
    /// Creates a failure with exit code 1.
    pub fn new(message: impl Into<String>) -> Self {
        Failure {
            message: message.into(),
            hint: None,
            exit: Exit::Failed,
        }
    }

    /// Creates a failure for a wrong command line, with exit code 2.
    pub fn usage(message: impl Into<String>) -> Self {
        Failure::new(message).exit(Exit::Usage)
    }

    /// Sets the hint: an imperative sentence or a command.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    #[must_use]
    pub fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Returns the exit code of the [`Failure`] in an error, or 1 if the error has none.
pub fn exit_of(error: &anyhow::Error) -> Exit {
    error
        .downcast_ref::<Failure>()
        .map_or(Exit::Failed, |failure| failure.exit)
}

/// Prints an error on stderr as `error:` and `hint:` lines.
pub fn print(error: &anyhow::Error) {
    output::message(format_args!("error: {error:#}"));
    if let Some(hint) = error.downcast_ref::<Failure>().and_then(Failure::hint_text) {
        output::message(format_args!("hint: {hint}"));
    }
}

pub fn report_error(error: &anyhow::Error) -> ExitCode {
    print(error);
    ExitCode::from(exit_of(error).code())
}
