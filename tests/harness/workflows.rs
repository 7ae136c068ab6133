//! The jobs and steps of `.github/workflows`. The calls of the actions in `.github/actions` are
//! replaced with the steps of these actions.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use xtask::workspace;

/// Returns the files of the workflows.
///
/// # Panics
///
/// If there are none.
pub fn files() -> Vec<PathBuf> {
    entries(".github/workflows")
}

/// Returns the files of our own actions.
///
/// # Panics
///
/// If there are none.
pub fn actions() -> Vec<PathBuf> {
    let folders = entries(".github/actions");
    folders.iter().map(|folder| action(folder)).collect()
}

fn action(folder: &Path) -> PathBuf {
    folder.join("action.yml")
}

fn entries(folder: &str) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(workspace::root().join(folder))
        .expect("the folder is committed")
        .map(|entry| entry.expect("the folder can be read").path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{folder}");
    paths
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).expect("a text file");
    serde_yaml::from_str(&text).expect("YAML")
}

#[derive(Debug)]
pub struct Job {
    /// The key of the job in its workflow.
    pub name: String,
    /// The name of the workflow's file.
    pub file: String,
    /// The job, with the steps of our own actions instead of their calls.
    pub body: Value,
    /// The whole workflow.
    pub workflow: Value,
}

/// Returns the jobs of every workflow.
///
/// # Panics
///
/// If a file is not a workflow, or calls an action of ours in an unsupported way.
pub fn jobs() -> Vec<Job> {
    let mut jobs = Vec::new();
    for path in files() {
        let workflow = read(&path);
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let bodies = workflow["jobs"].as_object().expect("a workflow has jobs");
        for (name, body) in bodies {
            let steps = body["steps"].as_array().expect("a job has steps");
            let mut body = body.clone();
            body["steps"] = Value::Array(with_own_actions(steps));
            jobs.push(Job {
                name: name.clone(),
                file: file.clone().into_owned(),
                body,
                workflow: workflow.clone(),
            });
        }
    }
    jobs
}

/// Replaces each call of one of our own actions with the steps of that action.
fn with_own_actions(steps: &[Value]) -> Vec<Value> {
    let mut expanded: Vec<Value> = Vec::new();
    for step in steps {
        let uses = step["uses"].as_str().unwrap_or_default();
        if !uses.starts_with("./") {
            expanded.push(step.clone());
            continue;
        }
        let is_checkout = |step: &Value| {
            let uses = step["uses"].as_str().unwrap_or_default();
            uses.starts_with("actions/checkout@")
        };
        assert!(expanded.iter().any(is_checkout), "{uses} before a checkout");
        assert!(step["if"].is_null(), "{uses} with a condition");
        let action = read(&action(&workspace::root().join(uses)));
        expanded.extend(steps_of_action(&action, &step["with"]));
    }
    expanded
}

/// Returns the steps that a call of one of our own actions runs. The only supported condition of a step
/// is `inputs.NAME != ''`: the step is omitted if that input is empty.
///
/// # Panics
///
/// If the action is not composite, has an unsupported condition or shell, or does not have an input of
/// the call.
pub fn steps_of_action(action: &Value, with: &Value) -> Vec<Value> {
    assert_eq!(action["runs"]["using"], "composite");
    let mut inputs: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, input) in action["inputs"].as_object().into_iter().flatten() {
        let default = input["default"].as_str();
        inputs.insert(name, default.expect("every input has a default"));
    }
    for (name, value) in with.as_object().into_iter().flatten() {
        let known = inputs.insert(name, value.as_str().expect("an input is a text"));
        assert!(known.is_some(), "no input {name}");
    }
    let steps = action["runs"]["steps"]
        .as_array()
        .expect("an action has steps");
    steps
        .iter()
        .filter(|step| {
            assert!(step["run"].is_null() || step["shell"] == "bash", "{step}");
            let Some(condition) = step["if"].as_str() else {
                return true;
            };
            let name = condition.strip_prefix("inputs.");
            let name = name.and_then(|rest| rest.strip_suffix(" != ''"));
            let input = name.and_then(|name| inputs.get(name));
            !input.unwrap_or_else(|| panic!("{condition}")).is_empty()
        })
        .map(|step| {
            let mut step = step.clone();
            let members = step.as_object_mut().expect("a step is a mapping");
            // The condition was evaluated above, and the shell of every step is bash.
            members.remove("shell");
            members.remove("if");
            with_inputs(&step, &inputs)
        })
        .collect()
}

fn with_inputs(value: &Value, inputs: &BTreeMap<&str, &str>) -> Value {
    match value {
        Value::String(text) => {
            let replaced = inputs.iter().fold(text.clone(), |text, (name, input)| {
                text.replace(&format!("${{{{ inputs.{name} }}}}"), input)
            });
            Value::String(replaced)
        }
        Value::Array(items) => items.iter().map(|item| with_inputs(item, inputs)).collect(),
        Value::Object(members) => {
            let members = members.iter();
            let members = members.map(|(name, value)| (name.clone(), with_inputs(value, inputs)));
            Value::Object(members.collect())
        }
        other => other.clone(),
    }
}

impl Job {
    /// Returns the steps of the job.
    ///
    /// # Panics
    ///
    /// If there are no steps.
    pub fn steps(&self) -> &[Value] {
        self.body["steps"].as_array().expect("a job has steps")
    }

    /// Returns the name of the job's GitHub environment, if it has one.
    pub fn environment(&self) -> Option<&str> {
        let environment = &self.body["environment"];
        environment
            .as_str()
            .or_else(|| environment["name"].as_str())
    }

    /// Returns the script of the step with this name.
    ///
    /// # Panics
    ///
    /// If there is no such step.
    pub fn script(&self, step: &str) -> &str {
        let found = self.steps().iter().find(|found| found["name"] == step);
        let found = found.unwrap_or_else(|| panic!("{}: no step {step}", self.name));
        found["run"].as_str().expect("a step that runs a script")
    }
}
