//! The text files of the checkout, which the project's own rules read.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::workspace;

pub(super) struct File {
    /// The path relative to the checkout.
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// Reads all text files, in the order of their paths.
pub(super) fn read() -> anyhow::Result<Vec<File>> {
    let mut files = Vec::new();
    collect(workspace::root(), &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
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
