//! The jobs and steps of `.github/workflows`.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use xtask::workspace;

/// The files of the workflows.
///
/// # Panics
///
/// When there are none.
pub fn files() -> Vec<PathBuf> {
    let folder = workspace::root().join(".github/workflows");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the workflows are committed")
        .map(|entry| entry.expect("the folder can be read").path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

/// A job of a workflow.
#[derive(Debug)]
pub struct Job {
    /// The key of the job in its workflow.
    pub name: String,
    /// The name of the workflow's file.
    pub file: String,
    /// The job as it is written.
    pub body: Value,
    /// The whole workflow.
    pub workflow: Value,
}

/// The jobs of every workflow.
///
/// # Panics
///
/// When a file is no workflow.
pub fn jobs() -> Vec<Job> {
    let mut jobs = Vec::new();
    for path in files() {
        let text = fs::read_to_string(&path).expect("a workflow is text");
        let workflow: Value = serde_yaml::from_str(&text).expect("a workflow is YAML");
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let bodies = workflow["jobs"].as_object().expect("a workflow has jobs");
        for (name, body) in bodies {
            jobs.push(Job {
                name: name.clone(),
                file: file.clone().into_owned(),
                body: body.clone(),
                workflow: workflow.clone(),
            });
        }
    }
    jobs
}

impl Job {
    /// The steps in their order.
    ///
    /// # Panics
    ///
    /// When there are none.
    pub fn steps(&self) -> &[Value] {
        self.body["steps"].as_array().expect("a job has steps")
    }

    /// The script of the step of this name.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn script(&self, step: &str) -> &str {
        let found = self.steps().iter().find(|found| found["name"] == step);
        let found = found.unwrap_or_else(|| panic!("{}: no step {step}", self.name));
        found["run"].as_str().expect("a step that runs a script")
    }
}
