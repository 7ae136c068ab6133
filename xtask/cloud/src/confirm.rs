//! Asking the operator.

use std::fmt;
use std::io::{BufRead as _, IsTerminal as _};

use anyhow::Context as _;
use infra::{Environment, names};
use tokio::sync::oneshot;
use xtask::failure::{Exit, Failure};
use xtask::output;

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

/// Whether there is somebody to ask.
#[expect(clippy::disallowed_methods, reason = "nothing is printed")]
pub(crate) fn at_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks a question whose answer is no unless it is a clear yes.
pub(crate) async fn ask(question: &Question) -> anyhow::Result<Answer> {
    if !at_terminal() {
        return Ok(Answer::NobodyThere);
    }
    let line = answer_to(question).await?;
    Ok(question.expected.answer(&line))
}

/// Asks which of several words it is to be. Anything that is not clearly one of
/// them is the first, the end of the input too. Only where there is a terminal.
pub(crate) async fn choose<T: Copy>(
    text: &str,
    choices: &[(&str, T)],
    first: T,
) -> anyhow::Result<T> {
    let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
    let line = answer_to(&format_args!("{text} [{}] ", words.join("/"))).await?;
    Ok(chosen(&line, choices).unwrap_or(first))
}

/// A choice by its word, or by the letter with which no other begins.
fn chosen<T: Copy>(line: &str, choices: &[(&str, T)]) -> Option<T> {
    let line = line.trim().to_ascii_lowercase();
    let mut fitting = choices
        .iter()
        .filter(|(word, _)| !line.is_empty() && word.starts_with(&line));
    match (fitting.next(), fitting.next()) {
        (Some((_, choice)), None) => Some(*choice),
        _ => None,
    }
}

async fn answer_to(question: &impl fmt::Display) -> anyhow::Result<String> {
    output::prompt(question)?;
    let (sender, answer) = oneshot::channel();
    // A thread of its own, because a read cannot be cancelled: an interrupted
    // command ends without waiting for it.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        // Nobody listens any more when the command was interrupted.
        let _ = sender.send(read.map(|_| line));
    });
    answer
        .await
        .context("waiting for the answer")?
        .context("reading the answer")
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

    #[test]
    fn a_choice_is_a_word_or_its_beginning_and_nothing_else() {
        let choices = [("stop", 1), ("continue", 2), ("revert", 3)];
        assert_eq!(chosen("Revert\n", &choices), Some(3));
        assert_eq!(chosen(" c\n", &choices), Some(2));
        for line in ["", "\n", "x\n", "stopp\n", "y\n"] {
            assert_eq!(chosen(line, &choices), None, "{line:?}");
        }
        assert_eq!(chosen("s", &[("stop", 1), ("step", 2)]), None);
    }
}
