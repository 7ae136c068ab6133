//! Tests that actions, containers, runners and downloads are pinned.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use tests::workflows::{actions, files, jobs};

/// The first major version of each action that runs on Node.js 24, according to `runs.using` in
/// its `action.yml`. GitHub's runners no longer have Node.js 20
/// (<https://github.blog/changelog/2025-09-19-deprecation-of-node-20-on-github-actions-runners/>).
const ON_NODE_24: [(&str, u32); 5] = [
    ("actions/cache", 5),
    ("actions/checkout", 5),
    ("actions/download-artifact", 7),
    ("actions/upload-artifact", 6),
    ("aws-actions/configure-aws-credentials", 6),
];

/// The supported runners. `ubuntu-22.04` retires on 17 April 2027
/// (<https://github.com/actions/runner-images/issues/14254>), and `ubuntu-latest` is not a fixed
/// version. `macos-15-intel` retires in August 2027
/// (<https://github.com/actions/runner-images/issues/13045>).
pub(crate) const RUNNERS: [&str; 4] = [
    "macos-15",
    "macos-15-intel",
    "ubuntu-24.04",
    "ubuntu-24.04-arm",
];

/// Reads the name, the commit and the version of an action from the line of a step.
fn parse_action(line: &str) -> Option<(&str, &str, &str)> {
    let (_, action) = line.split_once("uses: ")?;
    let (name, pin) = action.split_once('@')?;
    let (commit, version) = pin.split_once(" # v").unwrap_or((pin, ""));
    Some((name, commit, version))
}

#[test]
fn every_action_is_pinned_by_a_commit_and_has_its_version_in_a_comment() {
    let mut versions: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
    for path in files().into_iter().chain(actions()) {
        let text = fs::read_to_string(&path).unwrap();
        for line in text.lines().filter(|line| line.contains("uses: ")) {
            // An action of this repository has no pin.
            if line.contains("uses: ./") {
                continue;
            }
            let (name, commit, version) = parse_action(line).unwrap_or_else(|| panic!("{line}"));
            let is_commit = commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit());
            assert!(
                is_commit && !version.is_empty(),
                "{}: {line}",
                path.display()
            );
            let pin = (commit.to_owned(), version.to_owned());
            versions.entry(name.to_owned()).or_default().insert(pin);
        }
    }
    // All workflows use the same version of an action.
    for (name, pins) in &versions {
        assert_eq!(pins.len(), 1, "{name}: {pins:?}");
    }
}

#[test]
fn every_action_runs_on_node_24() {
    let mut used = BTreeSet::new();
    for path in files().into_iter().chain(actions()) {
        let text = fs::read_to_string(&path).unwrap();
        for (name, _, version) in text.lines().filter_map(parse_action) {
            let known = ON_NODE_24.iter().find(|(known, _)| *known == name);
            let (known, first) = known.unwrap_or_else(|| panic!("add {name} to ON_NODE_24"));
            let major: u32 = version.split('.').next().unwrap().parse().unwrap();
            assert!(major >= *first, "{name} v{version} runs on Node.js 20");
            used.insert(*known);
        }
    }
    assert_eq!(used, ON_NODE_24.map(|(name, _)| name).into());
}

#[test]
fn every_runner_is_a_supported_version() {
    for path in files() {
        let workflow = fs::read_to_string(&path).unwrap();
        assert!(!workflow.contains("ubuntu-22.04"), "{}", path.display());
    }
    let mut used = BTreeSet::new();
    for job in jobs() {
        let runs_on = job.body["runs-on"].as_str().unwrap();
        if runs_on == "${{ matrix.runner }}" {
            for variant in job.body["strategy"]["matrix"]["include"]
                .as_array()
                .unwrap()
            {
                used.insert(variant["runner"].as_str().unwrap().to_owned());
            }
        } else {
            used.insert(runs_on.to_owned());
        }
    }
    assert_eq!(used, RUNNERS.map(str::to_owned).into());
}

#[test]
fn every_container_is_pinned_by_the_same_digest() {
    let mut images = BTreeSet::new();
    for job in jobs() {
        assert!(job.body["services"].is_null(), "{}", job.name);
        for step in job.steps() {
            let action = step["uses"].as_str().unwrap_or_default();
            assert!(!action.starts_with("docker://"), "{}: {action}", job.name);
        }
        let container = &job.body["container"];
        if !container.is_null() {
            let image = container.as_str().or_else(|| container["image"].as_str());
            images.insert(image.unwrap().to_owned());
        }
    }
    let images: Vec<&str> = images.iter().map(String::as_str).collect();
    let [image] = images[..] else {
        panic!("{images:?}");
    };
    let digest = image.strip_prefix("amazonlinux:2023@sha256:").unwrap();
    let is_digest = digest.len() == 64 && digest.chars().all(|c| c.is_ascii_hexdigit());
    assert!(is_digest, "{image}");
}

#[test]
fn every_script_that_downloads_a_program_compares_its_digest() {
    let mut downloads = BTreeSet::new();
    for job in jobs() {
        for script in job.steps().iter().filter_map(|step| step["run"].as_str()) {
            let count = |text: &str| script.matches(text).count();
            assert_eq!(count("wget"), 0, "{script}");
            if count("curl ") > 0 {
                assert!(
                    count("sha256sum --check --strict") >= count("curl "),
                    "{script}"
                );
                downloads.insert(job.name.clone());
            }
        }
    }
    assert!(downloads.contains("test"), "{downloads:?}");
}
