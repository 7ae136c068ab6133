//! Tests that the templates pass cfn-lint and checkov, and that the crate `cfn` agrees with
//! CloudFormation's schemas of the resource types. The package of cfn-lint has these schemas.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use cfn::resources;
use cfn::template::{Expression, TagForm};
use infra::{Artifacts, RenderedTemplate, stack};
use serde::Deserialize;
use serde_json::Value;
use tests::{python, settings};
use xtask::validate::{cfn_lint, checkov};
use xtask::{child, render};

/// Returns all templates, and one with every optional setting.
fn templates() -> Vec<(String, RenderedTemplate)> {
    let everything = stack::service(&settings::everything(), &Artifacts::placeholder());
    let mut templates: Vec<_> = render::all(&Artifacts::placeholder())
        .unwrap()
        .into_iter()
        .map(|named| (named.name, named.template))
        .collect();
    templates.push(("everything".to_owned(), everything.render().unwrap()));
    templates
}

/// Runs cfn-lint over templates, which are given by file name and text. Returns `None` on a machine
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

#[test]
fn every_finding_of_checkov_is_suppressed_and_every_suppression_is_needed() {
    if python::interpreter(checkov::NAME).is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for (name, template) in templates() {
        let file = format!("{name}.json");
        fs::write(folder.path().join(&file), template.to_json()).unwrap();
        files.push(file);
    }
    let failed = checkov::failed(folder.path(), &files).unwrap();
    let open: Vec<String> = failed
        .iter()
        .filter(|failed| !failed.is_suppressed())
        .map(ToString::to_string)
        .collect();
    assert_eq!(open, [""; 0]);
    for suppression in stack::suppressions() {
        let still_found = failed.iter().any(|failed| {
            let (template, id) = (&failed.template, &failed.resource);
            suppression.applies_to(&failed.check, template, &failed.resource_type, id)
        });
        assert!(still_found, "{suppression:?}");
        assert!(suppression.reason.len() > 20, "{suppression:?}");
    }
}

/// Reads the schema of each resource type from cfn-lint. Returns `None` on a machine without Python.
fn schemas() -> Option<BTreeMap<String, Schema>> {
    let python = python::interpreter(cfn_lint::NAME)?;
    let types: BTreeSet<String> = templates()
        .iter()
        .flat_map(|(_, template)| template.as_value()["Resources"].as_object().unwrap())
        .map(|(_, resource)| resource["Type"].as_str().unwrap().to_owned())
        .collect();
    let read_schemas = "
import json, sys
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER as schemas
def read(name):
    schema = schemas.get_resource_schema('us-east-1', name).schema
    paths = schema.get('createOnlyProperties', []) + schema.get('conditionalCreateOnlyProperties', [])
    return {
        'create_only': sorted(path.split('/')[2] for path in paths),
        'identifiers': len(schema['primaryIdentifier']),
        'tags': (schema['properties'].get('Tags') or {}).get('type'),
    }
print(json.dumps({name: read(name) for name in sys.argv[1:]}))
";
    let output = child::command(python)
        .args(["-c", read_schemas])
        .args(&types)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let schemas: BTreeMap<String, Schema> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(schemas.len(), types.len());
    Some(schemas)
}

#[derive(Deserialize)]
struct Schema {
    create_only: Vec<String>,
    /// The number of parts of the primary identifier.
    identifiers: usize,
    /// The JSON type of the property `Tags`.
    tags: Option<String>,
}

#[test]
fn the_tag_form_of_every_type_agrees_with_its_schema() {
    let Some(schemas) = schemas() else {
        return;
    };
    for (name, schema) in &schemas {
        let form = match schema.tags.as_deref() {
            Some("array") => TagForm::List,
            Some("object") => TagForm::Map,
            None => TagForm::None,
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(resources::find(name).unwrap().tags, form, "{name}");
    }
}

/// A drift-aware change set resolves such a `Ref` to the first identifier only
/// (aws-cloudformation/cloudformation-coverage-roadmap#2505).
#[test]
fn no_template_has_a_ref_to_a_type_with_several_identifiers() {
    let Some(schemas) = schemas() else {
        return;
    };
    for (template_name, template) in templates() {
        for target in ref_targets(template.as_value()) {
            let kind = &template.as_value()["Resources"][&target]["Type"];
            if let Some(schema) = kind.as_str().map(|kind| &schemas[kind]) {
                assert_eq!(schema.identifiers, 1, "{template_name}: {target}");
            }
        }
    }
}

fn ref_targets(value: &Value) -> Vec<String> {
    match (Expression::function(value), value) {
        (Some(Expression::Ref(id)), _) => vec![id.into_owned()],
        (Some(Expression::Sub(parts)), _) => parts
            .into_iter()
            .filter_map(|part| match part {
                Expression::Ref(id) => Some(id.into_owned()),
                _ => None,
            })
            .collect(),
        (_, Value::Array(items)) => items.iter().flat_map(ref_targets).collect(),
        (_, Value::Object(map)) => map.values().flat_map(ref_targets).collect(),
        _ => Vec::new(),
    }
}

/// `cargo xtask diff` predicts replacements from these properties.
#[test]
fn the_create_only_properties_of_every_type_agree_with_its_schema() {
    let Some(schemas) = schemas() else {
        return;
    };
    for (name, schema) in &schemas {
        assert_eq!(
            resources::find(name).unwrap().create_only,
            schema.create_only,
            "{name}"
        );
    }
}
