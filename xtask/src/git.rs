//! Runs git in a checkout.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, bail, ensure};

use crate::child;

/// Runs git in a checkout and returns its standard output.
///
/// # Errors
///
/// Fails with git's message, or with the reason why git cannot be started.
pub fn run(root: &Path, arguments: &[&str]) -> anyhow::Result<Vec<u8>> {
    let output = child::command("git")
        .arg("-C")
        .arg(root)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .context("git cannot be started")?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let message = String::from_utf8_lossy(&output.stderr);
    ensure!(!message.trim().is_empty(), "git failed without a message");
    bail!("{}", message.trim())
}

/// Runs git as [`run`] does and returns its output as text without white space at both ends.
pub fn text(root: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let output = run(root, arguments)?;
    Ok(String::from_utf8_lossy(&output).trim().to_owned())
}
