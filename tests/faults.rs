//! Tests of the checks of a template: one of our rules, cfn-lint or checkov must catch each fault of
//! `faults.yaml` in a template that has no other fault.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use ::xtask::validate::{self, cfn_lint, checkov};
use ::xtask::{render, workspace};
use cfn::resources;
use infra::{Artifacts, stack};
use serde::Deserialize;
use serde_json::{Value, json};
use tests::{python, settings};

/// The template with all optional resources.
const EVERYTHING: &str = "everything";

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Fault {
    #[serde(rename = "fault")]
    description: String,
    template: String,
    /// A logical id. A `*` at its end matches a digest.
    resource: String,
    /// A JSON pointer into the resource.
    at: String,
    /// The new value. `None` removes the value at `at`.
    set: Option<Value>,
    /// One of our rules, `cfn-lint` or `checkov`.
    caught_by: String,
}

impl Fault {
    /// Puts the fault into a template, and returns the id of the faulty resource.
    fn put_into(&self, template: &mut Value) -> String {
        let resources = template["Resources"].as_object_mut().unwrap();
        let prefix = self.resource.strip_suffix('*');
        let id = resources
            .keys()
            .find(|id| prefix.map_or(**id == self.resource, |prefix| id.starts_with(prefix)))
            .unwrap_or_else(|| panic!("{} has no {}", self.template, self.resource))
            .clone();
        let (parent, name) = self.at.rsplit_once('/').unwrap();
        let parent = resources[&id]
            .pointer_mut(parent)
            .unwrap_or_else(|| panic!("{}", self.name()));
        match (&self.set, parent) {
            (Some(value), Value::Array(items)) => {
                items[name.parse::<usize>().unwrap()] = value.clone();
            }
            (Some(value), parent) => parent[name] = value.clone(),
            (None, parent) => {
                let removed = parent.as_object_mut().unwrap().remove(name);
                assert!(removed.is_some(), "{}: nothing to remove", self.name());
            }
        }
        id
    }

    fn name(&self) -> String {
        format!("{} {}: {}", self.template, self.resource, self.description)
    }

    fn is_for_our_rules(&self) -> bool {
        ![cfn_lint::NAME, checkov::NAME].contains(&&*self.caught_by)
    }
}

fn faults() -> Vec<Fault> {
    let path = workspace::root().join("tests/faults.yaml");
    serde_yaml::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn templates() -> BTreeMap<String, Value> {
    let everything = stack::service(&settings::everything(), &Artifacts::placeholder());
    let everything = everything.render().unwrap();
    render::all(&Artifacts::placeholder())
        .unwrap()
        .into_iter()
        .map(|named| (named.name, named.template))
        .chain([(EVERYTHING.to_owned(), everything)])
        .map(|(name, template)| (name, template.as_value().clone()))
        .collect()
}

#[test]
fn our_rules_find_nothing_in_any_template() {
    for (name, template) in templates() {
        assert_eq!(validate::check(&template), [], "{name}");
    }
}

#[test]
fn each_of_our_rules_catches_the_faults_that_it_must_catch() {
    let templates = templates();
    let faults = faults();
    let mut missed = Vec::new();
    for fault in faults.iter().filter(|fault| fault.is_for_our_rules()) {
        let mut template = templates[&*fault.template].clone();
        fault.put_into(&mut template);
        if !is_caught(&template, &fault.caught_by) {
            missed.push(fault.name());
        }
    }
    assert_eq!(missed, [""; 0]);
}

fn is_caught(template: &Value, rule: &str) -> bool {
    let findings = validate::check(template);
    findings.iter().any(|finding| finding.rule == rule)
}

#[test]
fn an_api_endpoint_output_without_the_custom_domain_is_caught() {
    let mut template = templates()[EVERYTHING].clone();
    template["Outputs"]["ApiEndpoint"] = json!({"Value": "https://example.com"});
    assert!(is_caught(&template, "domain-output"));
}

/// Writes one template for each fault that a tool must catch. For each file, returns the id of the
/// faulty resource and the name of the fault.
fn write_faulty_templates(folder: &Path, tool: &str) -> BTreeMap<String, (String, String)> {
    let templates = templates();
    let faults = faults();
    let faults = faults.iter().filter(|fault| fault.caught_by == tool);
    let mut files = BTreeMap::new();
    for (number, fault) in faults.enumerate() {
        let mut template = templates[&*fault.template].clone();
        let id = fault.put_into(&mut template);
        let file = format!("{number}.json");
        fs::write(folder.join(&file), template.to_string()).unwrap();
        files.insert(file, (id, fault.name()));
    }
    files
}

/// Writes one template for each resource type, in which one resource has a misspelt property.
/// Returns the same as [`write_faulty_templates`].
fn write_misspelt_templates(folder: &Path) -> BTreeMap<String, (String, String)> {
    let mut files = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for template in templates().values() {
        for (id, resource) in template["Resources"].as_object().unwrap() {
            let kind = resource["Type"].as_str().unwrap();
            if seen.insert(kind.to_owned()) {
                let mut template = template.clone();
                template["Resources"][id]["Properties"]["Misspelt"] = json!("x");
                let file = format!("{id}.json");
                fs::write(folder.join(&file), template.to_string()).unwrap();
                files.insert(file, (id.clone(), format!("a misspelt property of {kind}")));
            }
        }
    }
    let known: BTreeSet<String> = resources::all()
        .map(|known| known.name.to_owned())
        .collect();
    assert_eq!(seen, known, "each type of the crate `cfn` is in a template");
    files
}

#[test]
fn cfn_lint_catches_each_fault_that_it_must_catch() {
    if python::interpreter(cfn_lint::NAME).is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut files = write_faulty_templates(folder.path(), cfn_lint::NAME);
    files.extend(write_misspelt_templates(folder.path()));
    let names: Vec<String> = files.keys().cloned().collect();
    let findings = cfn_lint::findings(folder.path(), &names).unwrap();
    for (file, (_, fault)) in files {
        let caught = findings
            .lines()
            .any(|line| line.starts_with(&format!("{file}:")));
        assert!(caught, "{fault}: {findings}");
    }
}

#[test]
fn checkov_catches_each_fault_that_it_must_catch() {
    if python::interpreter(checkov::NAME).is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let files = write_faulty_templates(folder.path(), checkov::NAME);
    let names: Vec<String> = files.keys().cloned().collect();
    let failed = checkov::failed(folder.path(), &names).unwrap();
    for (file, (id, fault)) in files {
        let caught = failed.iter().any(|failed| {
            format!("{}.json", failed.template) == file
                && failed.resource == id
                && !failed.is_suppressed()
        });
        assert!(caught, "{fault}: {failed:?}");
    }
}
