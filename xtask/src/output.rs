//! The one way in which commands print data on stdout.

use std::io::{ErrorKind, Write as _};

use anyhow::Context as _;
use serde::Serialize;

/// Prints text as it is. A reader that has gone away, such as `head`, is no error.
pub fn text(text: &str) -> anyhow::Result<()> {
    reaches_reader(text).map(|_| ())
}

/// Prints text as [`text()`] does, and says whether there is a reader still: a
/// command that would print for ever ends when there is none.
pub fn reaches_reader(text: &str) -> anyhow::Result<bool> {
    let mut stdout = std::io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
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

/// Prints one value as one line of JSON.
pub fn json_line(value: &impl Serialize) -> anyhow::Result<()> {
    text(&to_json_line(value)?)
}

/// One value as one line of JSON, with its end.
pub fn to_json_line(value: &impl Serialize) -> anyhow::Result<String> {
    let mut line = serde_json::to_string(value).context("encoding the output")?;
    line.push('\n');
    Ok(line)
}

/// Prints one line of progress on stderr. A reader that has gone away is no
/// error: what is under way goes on without one.
pub fn progress(line: impl std::fmt::Display) {
    // `eprintln!` would panic.
    let _ = writeln!(std::io::stderr(), "{line}");
}
