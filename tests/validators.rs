//! The templates pass the validators that others would run over them.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use infra::resources::create_only;
use infra::{Artifacts, RenderedTemplate, stack};
use tests::{python, settings};
use xtask::render;
use xtask::validate::cfn_lint;

/// Every template, and one with everything in it that an environment may leave out.
fn templates() -> Vec<(&'static str, RenderedTemplate)> {
    let everything = stack::service(&settings::everything(), &Artifacts::placeholder());
    let mut templates: Vec<_> = render::all(&Artifacts::placeholder())
        .unwrap()
        .into_iter()
        .map(|named| (named.name, named.template))
        .collect();
    templates.push(("everything", everything.render().unwrap()));
    templates
}

/// What cfn-lint finds in templates by their file names; nothing on a machine
/// without Python.
fn findings(templates: &[(String, String)]) -> Option<String> {
    python::interpreter(cfn_lint::NAME)?;
    let folder = tempfile::tempdir().unwrap();
    for (name, template) in templates {
        fs::write(folder.path().join(name), template).unwrap();
    }
    let files: Vec<String> = templates.iter().map(|(name, _)| name.clone()).collect();
    Some(cfn_lint::findings(folder.path(), &files).unwrap())
}

#[test]
fn cfn_lint_finds_nothing_in_any_template_in_either_format() {
    let templates: Vec<_> = templates()
        .into_iter()
        .flat_map(|(name, template)| {
            [
                (format!("{name}.yaml"), template.to_yaml()),
                (format!("{name}.json"), template.to_json()),
            ]
        })
        .collect();
    let Some(findings) = findings(&templates) else {
        return;
    };
    assert_eq!(findings, "");
}

/// What a diff predicts without an account stands and falls with this list.
#[test]
fn create_only_properties_are_those_of_the_resource_types_schemas() {
    let Some(python) = python::interpreter(cfn_lint::NAME) else {
        return;
    };
    let types: BTreeSet<String> = templates()
        .iter()
        .flat_map(|(_, template)| template.as_value()["Resources"].as_object().unwrap())
        .map(|(_, resource)| resource["Type"].as_str().unwrap().to_owned())
        .collect();
    let read_schemas = "
import json, sys
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER as schemas
def create_only(name):
    schema = schemas.get_resource_schema('us-east-1', name).schema
    paths = schema.get('createOnlyProperties', []) + schema.get('conditionalCreateOnlyProperties', [])
    return sorted(path.split('/')[2] for path in paths)
print(json.dumps({name: create_only(name) for name in sys.argv[1:]}))
";
    let output = Command::new(python)
        .args(["-c", read_schemas])
        .args(&types)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let schemas: BTreeMap<String, Vec<String>> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(schemas.len(), types.len());
    for (name, properties) in &schemas {
        let ours: Vec<String> = create_only(name)
            .unwrap_or_else(|| panic!("{name} is not in the list"))
            .iter()
            .map(|property| (*property).to_owned())
            .collect();
        assert_eq!(&ours, properties, "{name}");
    }
}
