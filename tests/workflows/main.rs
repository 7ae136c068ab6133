//! Tests of the workflows of `.github`.

#![cfg(test)]

mod actionlint;
mod commands;
mod pins;
mod privileges;
// These tests run the workflows' scripts, which use options that only the programs of Linux have.
#[cfg(target_os = "linux")]
mod scripts;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::workflows::{jobs, steps_of_action};

#[test]
fn the_required_job_of_ci_waits_for_every_other_job() {
    let mut others = BTreeSet::new();
    let mut needed = BTreeSet::new();
    for job in jobs().iter().filter(|job| job.file == "ci.yml") {
        if job.name == "ci" {
            let needs = job.body["needs"].as_array().unwrap();
            needed = needs
                .iter()
                .map(|name| name.as_str().unwrap().to_owned())
                .collect();
        } else {
            others.insert(job.name.clone());
        }
    }
    assert_eq!(needed, others);
}

#[test]
fn the_steps_of_a_composite_action_count_as_steps_of_the_calling_job() {
    let action = json!({
        "inputs": {"cache": {"default": ""}},
        "runs": {"using": "composite", "steps": [
            {"run": "install", "shell": "bash"},
            {"if": "inputs.cache != ''", "uses": "a/cache@1", "with": {"key": "${{ inputs.cache }}-1"}},
        ]},
    });
    let without = steps_of_action(&action, &Value::Null);
    assert_eq!(without, [json!({"run": "install"})]);
    let with = steps_of_action(&action, &json!({"cache": "test"}));
    let cache = json!({"uses": "a/cache@1", "with": {"key": "test-1"}});
    assert_eq!(with, [json!({"run": "install"}), cache]);
}

#[test]
fn every_job_in_a_container_installs_rust_and_cargo_nextest_with_the_same_step() {
    let mut installed = BTreeSet::new();
    for job in jobs() {
        for step in job.steps() {
            let script = step["run"].as_str().unwrap_or_default();
            if script.contains("rustup-init") {
                assert_eq!(
                    step["name"], "Install Rust and cargo-nextest",
                    "{}",
                    job.name
                );
                assert!(script.contains("/cargo-nextest-"), "{script}");
                installed.insert(format!("{}/{}", job.file, job.name));
            }
        }
        let in_container = !job.body["container"].is_null();
        let name = format!("{}/{}", job.file, job.name);
        assert!(!in_container || installed.contains(&name), "{name}");
    }
}
