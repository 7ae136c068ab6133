//! The templates pass the validators that others would run over them.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use infra::Artifacts;
use infra::resources::create_only;
use tests::python;
use xtask::render;
use xtask::validate::cfn_lint;

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
    let templates: Vec<_> = render::all(&Artifacts::placeholder())
        .unwrap()
        .into_iter()
        .flat_map(|named| {
            [
                (format!("{}.yaml", named.name), named.template.to_yaml()),
                (format!("{}.json", named.name), named.template.to_json()),
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
    let types: BTreeSet<String> = render::all(&Artifacts::placeholder())
        .unwrap()
        .iter()
        .flat_map(|named| named.template.as_value()["Resources"].as_object().unwrap())
        .map(|(_, resource)| resource["Type"].as_str().unwrap().to_owned())
        // No environment sets `notification` of its own.
        .chain(["AWS::SNS::Subscription".to_owned()])
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
