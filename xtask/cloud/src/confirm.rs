//! Questions to the operator.

use std::fmt;
use std::io::{BufRead as _, IsTerminal as _};

use anyhow::Context as _;
use infra::{Environment, names};
use tokio::sync::oneshot;
use xtask::failure::{Exit, Failure};
use xtask::output;

/// A question that the operator must confirm.
pub(crate) struct Question {
    text: String,
    /// The name that the operator must type in full. If absent, `y` or `yes` confirms.
    name: Option<String>,
}

impl Question {
    /// Creates a question that `y` or `yes` confirms.
    pub(crate) fn new(text: String) -> Self {
        Question { text, name: None }
    }

    /// Creates a question that only this name confirms, typed in full.
    pub(crate) fn with_name(text: String, name: &str) -> Self {
        let name = Some(name.to_owned());
        Question { text, name }
    }

    /// Creates a question before a change of an environment. For prod, the operator types the name of
    /// the stack, because `y` is easily typed by habit.
    pub(crate) fn before_changing(environment: Environment, text: String) -> Self {
        match environment {
            Environment::Prod => Question::with_name(text, &names::stack(environment)),
            _ => Question::new(text),
        }
    }

    fn is_confirmed_by(&self, line: &str) -> bool {
        let line = line.trim();
        match &self.name {
            Some(name) => line == name,
            None => line.eq_ignore_ascii_case("y") || line.eq_ignore_ascii_case("yes"),
        }
    }

    /// Asks the question, unless `yes` is true.
    ///
    /// # Errors
    ///
    /// [`Exit::Declined`] without a confirmation. The error begins with `undone`, such as "nothing was
    /// deleted".
    pub(crate) async fn agreed(&self, yes: bool, undone: &str) -> anyhow::Result<()> {
        let declined = |why: &str| Failure::new(format!("{undone}: {why}")).exit(Exit::Declined);
        if yes {
            return Ok(());
        }
        match self.ask().await? {
            Some(true) => Ok(()),
            Some(false) => Err(declined("the answer was no").into()),
            None => Err(declined("there is no terminal for the question")
                .hint("pass --yes to confirm without a terminal")
                .into()),
        }
    }

    /// Asks the question; `None` without a terminal. The end of the input counts as a no.
    pub(crate) async fn ask(&self) -> anyhow::Result<Option<bool>> {
        if !at_terminal() {
            return Ok(None);
        }
        let line = answer_to(self).await?;
        Ok(Some(self.is_confirmed_by(&line)))
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text;
        match &self.name {
            None => write!(f, "{text} [y/N] "),
            Some(name) => write!(f, "{text} Type {name} to confirm, anything else to stop: "),
        }
    }
}

/// Returns true if questions can be asked.
#[expect(clippy::disallowed_methods, reason = "nothing is printed")]
pub(crate) fn at_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks for one of the words, at a terminal. Any other answer, and the end of the input, counts as
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

/// Finds a choice by its word, or by the first letters of the word if they are unique.
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
        // After an interruption, there is no receiver.
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
        let question = Question::new("Deploy?".to_owned());
        for line in ["y\n", "YES\r\n", " yes "] {
            assert!(question.is_confirmed_by(line), "{line:?}");
        }
        for line in ["", "\n", "n\n", "yess\n", "ja\n"] {
            assert!(!question.is_confirmed_by(line), "{line:?}");
        }
    }

    #[test]
    fn if_a_name_is_expected_nothing_else_confirms() {
        let question = Question::with_name("Deploy?".to_owned(), "crypto-watch-prod");
        assert!(question.is_confirmed_by("crypto-watch-prod\n"));
        for line in ["", "\n", "y\n", "yes\n", "prod\n", "Crypto-Watch-Prod\n"] {
            assert!(!question.is_confirmed_by(line), "{line:?}");
        }
    }

    #[test]
    fn a_choice_is_typed_as_a_word_or_as_its_unique_beginning() {
        let choices = [("stop", 1), ("continue", 2), ("revert", 3)];
        assert_eq!(chosen("Revert\n", &choices), Some(3));
        assert_eq!(chosen(" c\n", &choices), Some(2));
        for line in ["", "\n", "x\n", "stopp\n", "y\n"] {
            assert_eq!(chosen(line, &choices), None, "{line:?}");
        }
        assert_eq!(chosen("s", &[("stop", 1), ("step", 2)]), None);
    }
}
