//! `cargo xtask lint`: checks the format, clippy's lints, the dependencies, and the project's own
//! rules.

mod rules;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::failure::Failure;
use crate::{cargo, output, workspace};

#[derive(Debug, clap::Args)]
pub struct Args {}

/// A text file of the checkout.
struct File {
    /// The path relative to the checkout.
    path: PathBuf,
    text: String,
}

/// Runs the quick checks first.
pub fn run(_args: &Args) -> anyhow::Result<()> {
    let mut files = Vec::new();
    collect(workspace::root(), &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let broken = [rules::check(&files), words::check(&files)].concat();
    for rule in &broken {
        output::progress(rule);
    }
    if !broken.is_empty() {
        let message = format!("{} violations of the project's own rules", broken.len());
        return Err(Failure::new(message)
            .hint("the rules are in xtask/src/lint; `cargo xtask fmt` updates generated files")
            .into());
    }
    cargo::run(
        cargo::command().args(["fmt", "--all", "--check"]),
        "check the format",
        "run: cargo xtask fmt",
    )?;
    check_dependencies()?;
    let clippy = ["clippy", "--workspace", "--all-targets", "--locked"];
    cargo::run(
        cargo::command()
            .args(clippy)
            .args(["--", "--deny", "warnings"]),
        "lint the code",
        "see clippy's messages above",
    )
}

/// Reads the text files of a folder, without git's and cargo's own folders.
fn collect(folder: &Path, files: &mut Vec<File>) -> anyhow::Result<()> {
    let reading = || format!("reading the folder {}", folder.display());
    // Cargo marks its target directory with this file: https://bford.info/cachedir/
    if folder.ends_with(".git") || folder.join("CACHEDIR.TAG").exists() {
        return Ok(());
    }
    for entry in fs::read_dir(folder).with_context(reading)? {
        let entry = entry.with_context(reading)?;
        let kind = entry.file_type().with_context(reading)?;
        if kind.is_dir() {
            collect(&entry.path(), files)?;
        } else if kind.is_file()
            && let Ok(text) = fs::read_to_string(entry.path())
        {
            let path = entry.path();
            let path = path.strip_prefix(workspace::root()).unwrap_or(&path);
            files.push(File {
                path: path.to_owned(),
                text,
            });
        }
    }
    Ok(())
}

/// Runs all checks of `deny.toml` that work without a network.
fn check_dependencies() -> anyhow::Result<()> {
    if !cargo::has("deny") {
        output::progress(
            "cargo-deny is not installed: bans, licences and sources of the dependencies are not checked",
        );
        return Ok(());
    }
    let deny = ["deny", "--offline", "--locked", "--log-level", "error"];
    cargo::run(
        cargo::command()
            .args(deny)
            .args(["check", "bans", "licenses", "sources"]),
        "check the dependencies",
        "see the reasons in deny.toml",
    )
}
