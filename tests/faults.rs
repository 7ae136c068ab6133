//! The gates in front of a deploy, tried: every fault in `faults.yaml` is put
//! into a template that is in order, and has to be caught by the gate that it
//! names, a rule of ours or cfn-lint.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use ::xtask::validate::{self, cfn_lint};
use ::xtask::{render, workspace};
use infra::{Artifacts, stack};
use serde::Deserialize;
use serde_json::{Value, json};
use tests::{python, settings};

/// The template with everything in it that an environment may leave out.
const EVERYTHING: &str = "everything";

/// One fault.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Fault {
    #[serde(rename = "fault")]
    what: String,
    template: String,
    /// A logical id; a `*` at its end stands for a digest.
    resource: String,
    /// A JSON pointer into the resource.
    at: String,
    /// What is put there; without it, what is there is taken away.
    set: Option<Value>,
    /// A rule of ours, or `cfn-lint`.
    caught_by: String,
}

impl Fault {
    /// Puts the fault into a template, and says which resource has it.
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
                assert!(removed.is_some(), "{}: nothing to take away", self.name());
            }
        }
        id
    }

    fn name(&self) -> String {
        format!("{} {}: {}", self.template, self.resource, self.what)
    }

    fn is_for_cfn_lint(&self) -> bool {
        self.caught_by == cfn_lint::NAME
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
fn there_are_faults_in_every_kind_of_resource() {
    let faults = faults();
    assert!(faults.len() >= 60, "{}", faults.len());
    let templates = templates();
    let mut seeded = BTreeSet::new();
    for fault in &faults {
        let mut seeded_with = templates[&*fault.template].clone();
        let id = fault.put_into(&mut seeded_with);
        assert_ne!(seeded_with, templates[&*fault.template], "{}", fault.name());
        let kind = &templates[&*fault.template]["Resources"][&id]["Type"];
        seeded.insert(kind.as_str().unwrap().to_owned());
    }
    let kinds: BTreeSet<String> = templates
        .values()
        .flat_map(|template| template["Resources"].as_object().unwrap().values())
        .map(|resource| resource["Type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(seeded, kinds);
}

#[test]
fn each_fault_for_a_rule_of_ours_is_caught_by_that_rule() {
    let templates = templates();
    for fault in faults().iter().filter(|fault| !fault.is_for_cfn_lint()) {
        let mut faulty = templates[&*fault.template].clone();
        fault.put_into(&mut faulty);
        assert_caught(&faulty, &fault.caught_by, &fault.name());
    }
}

#[track_caller]
fn assert_caught(template: &Value, rule: &str, fault: &str) {
    let findings = validate::check(template);
    let caught = findings.iter().any(|finding| finding.rule == rule);
    assert!(caught, "{fault}: {findings:?}");
}

#[test]
fn a_fault_of_the_whole_template_is_caught_too() {
    let templates = templates();
    let many = |count: usize, what: &Value| -> Value {
        let named = (0..count).map(|number| (format!("Extra{number}"), what.clone()));
        named.collect::<serde_json::Map<_, _>>().into()
    };
    let queue = json!({"Type": "AWS::SQS::Queue", "Properties": {}});
    for (rule, section, name, value) in [
        (
            "reference",
            "Outputs",
            "TableName",
            json!({"Value": {"Ref": "NoTable"}}),
        ),
        (
            "domain-output",
            "Outputs",
            "ApiEndpoint",
            json!({"Value": "https://example.com"}),
        ),
        ("logical-id", "Resources", "Dead-Letters", queue.clone()),
        ("logical-id", "Resources", &"x".repeat(256), queue.clone()),
    ] {
        let mut faulty = templates[EVERYTHING].clone();
        faulty[section][name] = value;
        assert_caught(&faulty, rule, name);
    }
    for (section, count, what) in [
        ("Resources", 501, &queue),
        ("Outputs", 201, &json!({"Value": "x"})),
    ] {
        let mut faulty = templates[EVERYTHING].clone();
        faulty[section] = many(count, what);
        assert_caught(&faulty, "template-size", section);
        faulty[section] = many(count - 1, what);
        let findings = validate::check(&faulty);
        let too_large = findings
            .iter()
            .any(|finding| finding.rule == "template-size");
        assert!(!too_large, "{section}: {findings:?}");
    }
}

#[test]
fn each_fault_for_cfn_lint_is_caught_by_it() {
    if python::interpreter(cfn_lint::NAME).is_none() {
        return;
    }
    let templates = templates();
    let folder = tempfile::tempdir().unwrap();
    let mut names = BTreeMap::new();
    for (number, fault) in faults().iter().enumerate() {
        if fault.is_for_cfn_lint() {
            let mut faulty = templates[&*fault.template].clone();
            fault.put_into(&mut faulty);
            let file = format!("{number}.json");
            fs::write(folder.path().join(&file), faulty.to_string()).unwrap();
            names.insert(file, fault.name());
        }
    }
    let files: Vec<String> = names.keys().cloned().collect();
    let findings = cfn_lint::findings(folder.path(), &files).unwrap();
    for (file, name) in names {
        let caught = findings
            .lines()
            .any(|line| line.starts_with(&format!("{file}:")));
        assert!(caught, "{name}: {findings}");
    }
}
