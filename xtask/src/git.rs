//! Calls of git in a checkout.

use std::path::Path;
use std::process::Stdio;
use std::{fmt, io};

use crate::child;

/// The failure of a call, in git's own words.
#[derive(Debug)]
pub enum GitError {
    /// Git is not installed, or cannot be started.
    NotStarted(io::Error),
    /// Git failed and wrote nothing, as it does with `--quiet` for an unknown name.
    Silent,
    /// Git's message: a checkout that it does not trust, a folder without a repository.
    Message(String),
}

impl fmt::Display for GitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GitError::NotStarted(error) => write!(f, "git cannot be started: {error}"),
            GitError::Silent => f.write_str("git failed without a message"),
            GitError::Message(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for GitError {}

/// Runs git in a checkout and returns its standard output.
///
/// # Errors
///
/// If git cannot be started or fails.
pub fn run(root: &Path, arguments: &[&str]) -> Result<Vec<u8>, GitError> {
    let output = child::command("git")
        .arg("-C")
        .arg(root)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(GitError::NotStarted)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(if message.is_empty() {
        GitError::Silent
    } else {
        GitError::Message(message)
    })
}

/// Runs git as [`run`] does and returns its output as text without the line's end.
///
/// # Errors
///
/// As [`run`].
pub fn text(root: &Path, arguments: &[&str]) -> Result<String, GitError> {
    let output = run(root, arguments)?;
    Ok(String::from_utf8_lossy(&output).trim().to_owned())
}

/// Returns true if git is installed, which a source archive does not need.
pub fn is_there() -> bool {
    run(Path::new("."), &["--version"]).is_ok()
}
