//! The workflows of `.github`, checked before GitHub runs them.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod actionlint;
mod commands;
mod pins;
mod privileges;

use std::collections::BTreeSet;

use tests::workflows::jobs;

#[test]
fn the_job_to_require_waits_for_every_other_one() {
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
