//! The templates pass the validators that others would run over them.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Command, Output};

use infra::Artifacts;
use infra::resources::create_only;
use tests::python;
use xtask::render;

/// Runs cfn-lint over templates by their file names; nothing on a machine
/// without Python.
fn cfn_lint(templates: &[(String, String)]) -> Option<Output> {
    let cfn_lint = python::tool("cfn-lint")?;
    let folder = tempfile::tempdir().unwrap();
    for (name, template) in templates {
        fs::write(folder.path().join(name), template).unwrap();
    }
    let files = templates.iter().map(|(name, _)| name);
    Some(
        Command::new(cfn_lint)
            .args(files)
            .current_dir(folder.path())
            .output()
            .unwrap(),
    )
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
    let Some(output) = cfn_lint(&templates) else {
        return;
    };
    let findings = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{findings}");
    assert_eq!(findings.trim(), "");
}

/// Without this a broken installation would look like a clean template.
#[test]
fn cfn_lint_finds_a_seeded_fault() {
    let dev = render::service(infra::Environment::Dev, &Artifacts::placeholder()).unwrap();
    let faulty = dev
        .template
        .to_yaml()
        .replace("BillingMode: PAY_PER_REQUEST", "BillingMode: PREPAID");
    let Some(output) = cfn_lint(&[("faulty.yaml".to_owned(), faulty)]) else {
        return;
    };
    let findings = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success());
    assert!(findings.contains("'PREPAID' is not one of"), "{findings}");
}

/// What a diff predicts without an account stands and falls with this list.
#[test]
fn create_only_properties_are_those_of_the_resource_types_schemas() {
    let Some(python) = python::interpreter("cfn-lint") else {
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
