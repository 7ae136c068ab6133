//! Tools from npm. Tests that need such a tool are skipped on a machine without Node.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use infra::Sha256Digest;
use xtask::tools::NPM;
use xtask::{cargo, child, workspace};

use crate::tools;

/// The file that marks a complete installation.
const COMPLETE: &str = "complete";

/// Copies the folder `tests/{name}` into the target folder, and installs the packages there that its
/// `package-lock.json` pins. Returns the copy.
///
/// Returns `None` on a machine without Node, after one line on stderr. The test must then be
/// skipped.
///
/// # Panics
///
/// If `CI` is set and Node is missing, because a pipeline must not pass by skipping, or if the
/// installation fails.
pub fn package(name: &str) -> Option<PathBuf> {
    if !tools::is_available(&NPM, name) {
        return None;
    }
    let source = workspace::root().join("tests").join(name);
    let files = ["package.json", "package-lock.json", "lint.mjs"];
    let contents =
        files.map(|file| fs::read(source.join(file)).expect("the package's files are committed"));
    let digest = Sha256Digest::of(contents.concat()).to_string();
    let digest = digest.get(..12).unwrap_or_default();
    let parent = cargo::target_dir()
        .expect("cargo has a target folder")
        .join("node");
    fs::create_dir_all(&parent).expect("the target folder can be written");
    let folder = parent.join(format!("{name}-{digest}"));

    // The lock is held until the function returns, so that only the first test process installs the
    // packages.
    let lock = File::create(folder.with_extension("lock")).expect("a lock file");
    lock.lock().expect("the file system has locks");
    if !folder.join(COMPLETE).exists() {
        fs::create_dir_all(&folder).expect("the target folder can be written");
        for file in files {
            fs::copy(source.join(file), folder.join(file)).expect("the files can be copied");
        }
        install(&folder);
    }
    Some(folder)
}

fn install(folder: &Path) {
    let output = child::command("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(folder)
        .output()
        .expect("npm can be started");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "npm ci failed: {errors}");
    File::create(folder.join(COMPLETE)).expect("the target folder can be written");
}
