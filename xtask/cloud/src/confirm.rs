//! Asking the operator, and noticing that they want to stop.

use std::fmt;
use std::io::{BufRead as _, IsTerminal as _, Write as _};

use anyhow::Context as _;
use infra::{Environment, names};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use xtask::failure::{Exit, Failure};

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Yes,
    No,
    /// There is no terminal to ask at.
    NobodyThere,
}

/// What counts as a yes.
pub(crate) enum Expected {
    /// The word.
    Yes,
    /// A name, typed in full.
    Name(String),
}

impl Expected {
    /// Anything that is not clearly a yes is a no, the end of the input too.
    fn answer(&self, line: &str) -> Answer {
        let line = line.trim();
        let yes = match self {
            Expected::Yes => line.eq_ignore_ascii_case("y") || line.eq_ignore_ascii_case("yes"),
            Expected::Name(name) => line == name,
        };
        if yes { Answer::Yes } else { Answer::No }
    }
}

/// A question to the operator.
pub(crate) struct Question {
    pub(crate) text: String,
    pub(crate) expected: Expected,
}

impl Question {
    /// The one before something changes that cannot just be typed again. What
    /// the watches use takes more than a key pressed by habit.
    pub(crate) fn before_changing(environment: Environment, text: String) -> Self {
        let expected = match environment {
            Environment::Dev | Environment::Staging => Expected::Yes,
            Environment::Prod => Expected::Name(names::stack(environment)),
        };
        Question { text, expected }
    }

    /// Returns where the operator says yes, or has said so beforehand.
    ///
    /// # Errors
    ///
    /// [`Exit::Declined`] otherwise; `undone` says what then has not happened,
    /// such as "nothing was removed".
    pub(crate) async fn agreed(&self, yes: bool, undone: &str) -> anyhow::Result<()> {
        let declined = |why: &str| Failure::new(format!("{undone}: {why}")).exit(Exit::Declined);
        if yes {
            return Ok(());
        }
        match ask(self).await? {
            Answer::Yes => Ok(()),
            Answer::No => Err(declined("the answer was no").into()),
            Answer::NobodyThere => Err(declined("there is no terminal to ask at")
                .hint("--yes answers yes")
                .into()),
        }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text;
        match &self.expected {
            Expected::Yes => write!(f, "{text} [y/N] "),
            Expected::Name(name) => {
                write!(f, "{text} Type {name} to go on, anything else to stop: ")
            }
        }
    }
}

/// Asks a question whose answer is no unless it is a clear yes.
pub(crate) async fn ask(question: &Question) -> anyhow::Result<Answer> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(Answer::NobodyThere);
    }
    let mut stderr = std::io::stderr();
    write!(stderr, "{question}")
        .and_then(|()| stderr.flush())
        .context("asking")?;
    let (sender, answer) = oneshot::channel();
    // A thread of its own, because a read cannot be cancelled: an interrupted
    // command ends without waiting for it.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        // Nobody listens any more when the command was interrupted.
        let _ = sender.send(read.map(|_| line));
    });
    let line = answer
        .await
        .context("waiting for the answer")?
        .context("reading the answer")?;
    Ok(question.expected.answer(&line))
}

/// Returns when the operator presses Ctrl-C or the pipeline asks to stop. Never
/// returns where the process cannot listen to signals, which then end it.
pub(crate) async fn interrupted() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_one() {
        for line in ["y\n", "YES\r\n", " yes "] {
            assert_eq!(Expected::Yes.answer(line), Answer::Yes, "{line:?}");
        }
        for line in ["", "\n", "n\n", "yess\n", "ja\n"] {
            assert_eq!(Expected::Yes.answer(line), Answer::No, "{line:?}");
        }
    }

    #[test]
    fn where_a_name_is_asked_for_nothing_else_is_a_yes() {
        let name = Expected::Name("crypto-watch-prod".to_owned());
        assert_eq!(name.answer("crypto-watch-prod\n"), Answer::Yes);
        for line in ["", "\n", "y\n", "yes\n", "prod\n", "Crypto-Watch-Prod\n"] {
            assert_eq!(name.answer(line), Answer::No, "{line:?}");
        }
    }
}
