//! Tools from npm for tests, which are skipped on a machine without Node.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use infra::Sha256Digest;
use xtask::{cargo, child, output, workspace};

/// A folder without this file in it is half-made.
const COMPLETE: &str = "complete";

/// The folder of `tests/{name}`, copied to the target folder with the packages
/// that its `package-lock.json` pins.
///
/// `None` on a machine without Node, after one line that says so: the test is
/// then to be skipped.
///
/// # Panics
///
/// Without Node where `CI` is set, because a pipeline must not pass by
/// skipping; and when the installation fails.
pub fn package(name: &str) -> Option<PathBuf> {
    let there = child::command("npm")
        .arg("--version")
        .output()
        .is_ok_and(|probe| probe.status.success());
    if !there {
        let needs = format!("{name} needs node and npm");
        assert!(std::env::var_os("CI").is_none(), "{needs}");
        // Past the test runner's capture, which would hide it from a run that passes.
        output::progress(format_args!("skipped: {needs}"));
        return None;
    }
    let source = workspace::root().join("tests").join(name);
    let files = ["package.json", "package-lock.json", "lint.mjs"];
    let contents =
        files.map(|file| fs::read(source.join(file)).expect("the package's files are committed"));
    let digest = Sha256Digest::of(contents.concat()).to_string();
    let digest = digest.get(..12).unwrap_or_default();
    let parent = cargo::target_dir().expect("cargo says where").join("node");
    fs::create_dir_all(&parent).expect("the target folder can be written");
    let folder = parent.join(format!("{name}-{digest}"));

    // Held until the function returns: tests run in processes of their own, and
    // the first one installs for all.
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
