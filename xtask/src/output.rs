//! The one way in which commands print data on stdout.

use std::io::{ErrorKind, Write as _};

use anyhow::Context as _;
use serde::Serialize;

/// Prints text as it is. A reader that has gone away, such as `head`, is no error.
pub fn text(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("writing to stdout")
        }
        _ => Ok(()),
    }
}

/// Prints one value as one line of JSON.
pub fn json_line(value: &impl Serialize) -> anyhow::Result<()> {
    let mut line = serde_json::to_string(value).context("encoding the output")?;
    line.push('\n');
    text(&line)
}

/// Prints one line of progress on stderr. A reader that has gone away is no
/// error: what is under way goes on without one.
pub fn progress(line: impl std::fmt::Display) {
    // `eprintln!` would panic.
    let _ = writeln!(std::io::stderr(), "{line}");
}
