//! Printing: all output of a command is escaped here, so that text from AWS or from the table
//! can neither control a terminal nor give GitHub Actions a command.

#![expect(
    clippy::disallowed_methods,
    reason = "all other code prints through this module"
)]

mod escape;

use std::fmt::Display;
use std::io::{ErrorKind, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileTypeExt as _;

use anyhow::Context as _;
use serde::Serialize;

pub use escape::{cell, one_line};

/// Prints data, which may have several lines. A closed stdout is not an error: `head`, for
/// one, stops reading.
pub fn text(text: &str) -> anyhow::Result<()> {
    reaches_reader(text).map(|_| ())
}

/// Prints data as [`text()`] does. Returns true if stdout still has a reader: a command that
/// prints without an end exits when there is no reader.
pub fn reaches_reader(text: &str) -> anyhow::Result<bool> {
    let text = escape::lines(text);
    let mut stdout = std::io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Ok(()) => Ok(true),
        Err(error) if has_gone(&error) => Ok(false),
        Err(error) => Err(error).context("writing to stdout"),
    }
}

/// Prints text that exists nowhere else, such as a new secret.
///
/// # Errors
///
/// If the text cannot be written, also because stdout has no reader.
pub fn deliver(text: &str) -> anyhow::Result<()> {
    if reaches_reader(text)? {
        return Ok(());
    }
    Err(std::io::Error::from(ErrorKind::BrokenPipe)).context("writing to stdout")
}

/// Returns true if an error of stdout means that it has no reader: a broken pipe or a closed
/// terminal.
fn has_gone(error: &std::io::Error) -> bool {
    const EIO: i32 = 5;
    let is_terminal = || {
        let stdout = std::io::stdout().as_fd().try_clone_to_owned().ok()?;
        let metadata = std::fs::File::from(stdout).metadata().ok()?;
        Some(metadata.file_type().is_char_device())
    };
    error.kind() == ErrorKind::BrokenPipe
        || (error.raw_os_error() == Some(EIO) && is_terminal() == Some(true))
}

/// Prints one value as one line of JSON.
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

/// Prints one line of progress on stderr. A closed stderr is not an error: the command goes on
/// without a reader.
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
