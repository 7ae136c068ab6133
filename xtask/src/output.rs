//! Prints and escapes all output of a command. Text from AWS or from the table must not control a
//! terminal or send a command to GitHub Actions.

#![expect(
    clippy::disallowed_methods,
    reason = "all other code prints through this module"
)]

mod escape;

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileTypeExt as _;

use anyhow::Context as _;
use clap::builder::styling::AnsiColor;
use serde::Serialize;

pub use escape::{cell, one_line, quoted};

/// Prints data, which may have several lines. A closed stdout is not an error, because a reader such
/// as `head` may stop early.
pub fn text(text: &str) -> anyhow::Result<()> {
    reaches_reader(text).map(|_| ())
}

/// Prints data as [`text()`] does. Returns true if stdout still has a reader: a command that
/// prints endlessly exits when there is no reader.
pub fn reaches_reader(text: &str) -> anyhow::Result<bool> {
    write(&escape::lines(text))
}

/// Prints data as [`text()`] does, with a colour for each line if stdout shows colours.
pub fn coloured(text: &str, colour: fn(&str) -> Option<AnsiColor>) -> anyhow::Result<()> {
    let mut text = escape::lines(text);
    if shows_colours(std::io::stdout().is_terminal(), |name| {
        std::env::var_os(name)
    }) {
        let lines = text.split('\n').map(|line| match colour(line) {
            Some(colour) => {
                let style = colour.on_default();
                format!("{style}{line}{style:#}")
            }
            None => line.to_owned(),
        });
        text = lines.collect::<Vec<_>>().join("\n");
    }
    write(&text).map(|_| ())
}

/// Returns true if an output shows colours (<https://no-color.org>).
fn shows_colours(is_terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let refused = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
    is_terminal && !refused && variable("TERM").is_none_or(|term| term != "dumb")
}

/// Prints an error that GitHub shows at a line of a file, as an annotation:
/// <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#setting-an-error-message>.
pub fn annotation(file: &str, line: usize, message: &str) -> anyhow::Result<()> {
    let (file, message) = (
        escape::command_property(file),
        escape::command_data(message),
    );
    write(&format!("::error file={file},line={line}::{message}\n")).map(|_| ())
}

/// Writes escaped text to stdout. Returns true if stdout still has a reader.
fn write(text: &str) -> anyhow::Result<bool> {
    let mut stdout = std::io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Ok(()) => Ok(true),
        Err(error) if has_no_reader(&error) => Ok(false),
        Err(error) => Err(error).context("writing to stdout"),
    }
}

/// Prints text that exists nowhere else, such as a new secret.
///
/// # Errors
///
/// If the text cannot be written or stdout has no reader.
pub fn deliver(text: &str) -> anyhow::Result<()> {
    if reaches_reader(text)? {
        return Ok(());
    }
    Err(std::io::Error::from(ErrorKind::BrokenPipe)).context("writing to stdout")
}

/// Returns true if an error of stdout means that it has no reader: a broken pipe or a closed
/// terminal.
fn has_no_reader(error: &std::io::Error) -> bool {
    const EIO: i32 = 5;
    // A closed terminal no longer answers isatty, but it is still a character device.
    let is_character_device = || {
        let stdout = std::io::stdout().as_fd().try_clone_to_owned().ok()?;
        let metadata = std::fs::File::from(stdout).metadata().ok()?;
        Some(metadata.file_type().is_char_device())
    };
    error.kind() == ErrorKind::BrokenPipe
        || (error.raw_os_error() == Some(EIO) && is_character_device() == Some(true))
}

pub fn json_line(value: &impl Serialize) -> anyhow::Result<()> {
    text(&to_json_line(value)?)
}

/// Returns one value as one line of JSON with a line end.
pub fn to_json_line(value: &impl Serialize) -> anyhow::Result<String> {
    let line = serde_json::to_string(value).context("encoding the output")?;
    let mut line = escape::json(&line);
    line.push('\n');
    Ok(line)
}

/// Prints one line of progress on stderr. A closed stderr is not an error: the command continues.
pub fn progress(line: impl Display) {
    // `eprintln!` would panic.
    let _ = writeln!(std::io::stderr(), "{}", one_line(line));
}

/// Prints a message on stderr that may have several lines. All lines but the first are indented,
/// so that none of them looks like a separate message.
pub fn message(text: impl Display) {
    let text = text.to_string();
    let mut lines = text.lines();
    progress(lines.next().unwrap_or_default());
    for line in lines {
        progress(format_args!("  {line}"));
    }
}

/// Prints a question on stderr without a line end.
pub fn prompt(question: impl Display) -> anyhow::Result<()> {
    let mut stderr = std::io::stderr();
    write!(stderr, "{}", escape::lines(&question.to_string()))
        .and_then(|()| stderr.flush())
        .context("asking")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_require_a_terminal_and_no_variable_that_refuses_them() {
        let with = |name: &'static str, value: &'static str| {
            move |asked: &str| (asked == name).then(|| OsString::from(value))
        };
        assert!(shows_colours(true, with("TERM", "xterm")));
        assert!(shows_colours(true, with("NO_COLOR", "")));
        assert!(!shows_colours(true, with("NO_COLOR", "1")));
        assert!(!shows_colours(true, with("TERM", "dumb")));
        assert!(!shows_colours(false, with("TERM", "xterm")));
    }
}
