//! How a command fails: one line that says what, one that says the way out, and
//! an exit code that a pipeline can tell apart.

use std::fmt;
use std::process::ExitCode;

use crate::output;

/// The exit codes of every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 1: it was tried and failed.
    Failed,
    /// 2: what was typed makes no sense; clap uses the same code.
    Usage,
    /// 3: the operator declined, or could not be asked.
    Declined,
    /// 4: the deploy failed and CloudFormation restored what was there before.
    RolledBack,
    /// 5: there are differences, where `--detailed-exitcode` asks for it.
    DifferencesFound,
    /// 6: there was nothing to change, where `--detailed-exitcode` asks for it.
    NothingToChange,
}

impl Exit {
    /// The process's exit code.
    pub const fn code(self) -> u8 {
        match self {
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Declined => 3,
            Exit::RolledBack => 4,
            Exit::DifferencesFound => 5,
            Exit::NothingToChange => 6,
        }
    }
}

/// An error that knows its exit code and, often, a way out.
///
/// It travels inside an [`anyhow::Error`], so context can be put around it.
#[derive(Debug)]
pub struct Failure {
    message: String,
    hint: Option<String>,
    exit: Exit,
}

impl Failure {
    /// A failure with exit code 1.
    pub fn new(message: impl Into<String>) -> Self {
        Failure {
            message: message.into(),
            hint: None,
            exit: Exit::Failed,
        }
    }

    /// A failure because what was typed makes no sense: exit code 2.
    pub fn usage(message: impl Into<String>) -> Self {
        Failure::new(message).exit(Exit::Usage)
    }

    /// What to do about it, as an imperative sentence or a command.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The hint, if there is one.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Another exit code.
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

/// The exit code that an error asks for.
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

/// Turns a command's result into the process's end.
pub fn report(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print(&error);
            ExitCode::from(exit_of(&error).code())
        }
    }
}
