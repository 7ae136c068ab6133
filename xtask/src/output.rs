//! Everything that a command prints goes through here, and is escaped here: text from AWS
//! or from the table can neither steer a terminal nor give GitHub Actions a command.

#![expect(
    clippy::disallowed_methods,
    reason = "this is what everything else calls"
)]

mod escape;

use std::fmt::Display;
use std::io::{ErrorKind, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileTypeExt as _;

use anyhow::Context as _;
use serde::Serialize;

pub use escape::{cell, one_line};

/// Prints data, which may have several lines. A reader that has gone away, such as
/// `head`, is no error.
pub fn text(text: &str) -> anyhow::Result<()> {
    reaches_reader(text).map(|_| ())
}

/// Prints data as [`text()`] does. Returns true if there still is a reader: a command
/// that would print for ever ends when there is none.
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

/// Prints text that is nowhere else, such as a new secret.
///
/// # Errors
///
/// If it cannot be written, also where the reader has gone away.
pub fn deliver(text: &str) -> anyhow::Result<()> {
    if reaches_reader(text)? {
        return Ok(());
    }
    Err(std::io::Error::from(ErrorKind::BrokenPipe)).context("writing to stdout")
}

/// Returns true if an error of stdout says that its reader has gone away: a pipe without
/// one, or a terminal that was closed.
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

/// One value as one line of JSON, with its end.
pub fn to_json_line(value: &impl Serialize) -> anyhow::Result<String> {
    let line = serde_json::to_string(value).context("encoding the output")?;
    let mut line = escape::json(&line);
    line.push('\n');
    Ok(line)
}

/// Prints one line of progress on stderr. A reader that has gone away is no
/// error: what is under way goes on without one.
pub fn progress(line: impl Display) {
    // `eprintln!` would panic.
    let _ = writeln!(std::io::stderr(), "{}", one_line(line));
}

/// Prints a message on stderr that may have several lines. The further ones are
/// indented, so that none of them passes for a message of its own.
pub fn message(text: impl Display) {
    let text = text.to_string();
    let mut lines = text.lines();
    progress(lines.next().unwrap_or_default());
    for line in lines {
        progress(format_args!("  {line}"));
    }
}

/// Prints a question on stderr, and leaves the cursor behind it.
pub fn prompt(question: impl Display) -> anyhow::Result<()> {
    let mut stderr = std::io::stderr();
    write!(stderr, "{}", escape::lines(&question.to_string()))
        .and_then(|()| stderr.flush())
        .context("asking")
}
