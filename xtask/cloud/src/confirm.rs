//! Questions to the operator.

use std::fmt;
use std::io::{BufRead as _, IsTerminal as _};

use anyhow::Context as _;
use infra::{Environment, names};
use tokio::sync::oneshot;
use xtask::failure::{Exit, Failure};
use xtask::output;

/// The answer to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Confirmation {
    Yes,
    No,
    NoTerminal,
}

/// The text that confirms.
pub(crate) enum Expected {
    /// `y` or `yes`.
    Yes,
    /// A name, typed in full.
    Name(String),
}

impl Expected {
    /// Any other text, and the end of the input, is a no.
    fn answer(&self, line: &str) -> Confirmation {
        let line = line.trim();
        let yes = match self {
            Expected::Yes => line.eq_ignore_ascii_case("y") || line.eq_ignore_ascii_case("yes"),
            Expected::Name(name) => line == name,
        };
        if yes {
            Confirmation::Yes
        } else {
            Confirmation::No
        }
    }
}

pub(crate) struct Question {
    pub(crate) text: String,
    pub(crate) expected: Expected,
}

impl Question {
    /// A question before a change of an environment. Prod takes the name of the stack, because
    /// `y` is easily typed by habit.
    pub(crate) fn before_changing(environment: Environment, text: String) -> Self {
        let expected = match environment {
            Environment::Prod => Expected::Name(names::stack(environment)),
            _ => Expected::Yes,
        };
        Question { text, expected }
    }

    /// Asks, unless `yes` confirms already.
    ///
    /// # Errors
    ///
    /// [`Exit::Declined`] without a confirmation; `undone` begins the error, such as "nothing was
    /// deleted".
    pub(crate) async fn agreed(&self, yes: bool, undone: &str) -> anyhow::Result<()> {
        let declined = |why: &str| Failure::new(format!("{undone}: {why}")).exit(Exit::Declined);
        if yes {
            return Ok(());
        }
        match ask(self).await? {
            Confirmation::Yes => Ok(()),
            Confirmation::No => Err(declined("the answer was no").into()),
            Confirmation::NoTerminal => Err(declined("there is no terminal to ask at")
                .hint("pass --yes to confirm without a terminal")
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
                write!(f, "{text} Type {name} to confirm, anything else to stop: ")
            }
        }
    }
}

/// Returns true if questions can be asked.
#[expect(clippy::disallowed_methods, reason = "nothing is printed")]
pub(crate) fn at_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks for a confirmation.
pub(crate) async fn ask(question: &Question) -> anyhow::Result<Confirmation> {
    if !at_terminal() {
        return Ok(Confirmation::NoTerminal);
    }
    let line = answer_to(question).await?;
    Ok(question.expected.answer(&line))
}

/// Asks for one of several words, at a terminal. Any other text, and the end of the input, is the
/// `default`.
pub(crate) async fn choose<T: Copy>(
    text: &str,
    choices: &[(&str, T)],
    default: T,
) -> anyhow::Result<T> {
    let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
    let line = answer_to(&format_args!("{text} [{}] ", words.join("/"))).await?;
    Ok(chosen(&line, choices).unwrap_or(default))
}

/// Finds a choice by its word, or by a unique beginning of the word.
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
    // A separate thread, because a read cannot be cancelled: an interrupted command ends
    // without waiting for the thread.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        // An interrupted command does not receive the answer.
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
    fn only_y_and_yes_confirm() {
        for line in ["y\n", "YES\r\n", " yes "] {
            assert_eq!(Expected::Yes.answer(line), Confirmation::Yes, "{line:?}");
        }
        for line in ["", "\n", "n\n", "yess\n", "ja\n"] {
            assert_eq!(Expected::Yes.answer(line), Confirmation::No, "{line:?}");
        }
    }

    #[test]
    fn if_a_name_is_expected_nothing_else_confirms() {
        let name = Expected::Name("crypto-watch-prod".to_owned());
        assert_eq!(name.answer("crypto-watch-prod\n"), Confirmation::Yes);
        for line in ["", "\n", "y\n", "yes\n", "prod\n", "Crypto-Watch-Prod\n"] {
            assert_eq!(name.answer(line), Confirmation::No, "{line:?}");
        }
    }

    #[test]
    fn a_choice_is_a_word_or_its_beginning() {
        let choices = [("stop", 1), ("continue", 2), ("revert", 3)];
        assert_eq!(chosen("Revert\n", &choices), Some(3));
        assert_eq!(chosen(" c\n", &choices), Some(2));
        for line in ["", "\n", "x\n", "stopp\n", "y\n"] {
            assert_eq!(chosen(line, &choices), None, "{line:?}");
        }
        assert_eq!(chosen("s", &[("stop", 1), ("step", 2)]), None);
    }
}
