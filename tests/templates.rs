//! Tests of whole templates, and of the snapshots that reviewers compare.

#![cfg(test)]

use cfn::resources;
use cfn::template::{TagForm, substitution};
use infra::constructs::alarm::RUNBOOK;
use infra::environment::TrafficShifting;
use infra::{Artifacts, Environment, names};
use serde_json::{Value, json};
use xtask::validate::{self, TEMPLATE_BYTES};
use xtask::{documents, render};

#[test]
fn every_template_equals_its_snapshot() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for named in render::all(&Artifacts::placeholder()).unwrap() {
            insta::assert_snapshot!(named.name.as_str(), named.template.to_yaml());
        }
    });
}

#[test]
fn rendering_twice_gives_the_same_bytes() {
    let first = render::all(&Artifacts::placeholder()).unwrap();
    let second = render::all(&Artifacts::placeholder()).unwrap();
    for (first, second) in first.iter().zip(&second) {
        assert_eq!(first.template.to_json(), second.template.to_json());
        assert_eq!(first.template.to_yaml(), second.template.to_yaml());
    }
}

/// The limit for the pipeline's templates is lower, to leave space for more permissions.
#[test]
fn every_template_is_well_below_the_size_limit_of_a_request() {
    let templates = render::all(&Artifacts::placeholder()).unwrap();
    let pipelines = templates
        .iter()
        .filter(|named| named.name.starts_with("pipeline"));
    assert_eq!(pipelines.count(), Environment::ALL.len());
    for named in templates {
        let bytes = named.template.to_json().len();
        let limit = if named.name.starts_with("pipeline") {
            40_000
        } else {
            48_000
        };
        assert!(bytes < limit, "{} has {bytes} bytes", named.name);
    }
}

#[test]
fn a_template_above_the_size_limit_is_rejected_with_its_size() {
    let check_size = |bytes: usize| {
        let empty = json!({"Description": "", "Resources": {}})
            .to_string()
            .len();
        let template = json!({"Description": "x".repeat(bytes - empty), "Resources": {}});
        validate::refuse_faulty("crypto-watch-dev", &template).map_err(|error| error.to_string())
    };
    assert_eq!(check_size(TEMPLATE_BYTES), Ok(()));
    let words = "the template of crypto-watch-dev is not valid: Template: 51201 bytes, and \
                 CloudFormation takes at most 51200 in a request; move resources to another stack \
                 (template-size)";
    assert_eq!(check_size(TEMPLATE_BYTES + 1), Err(words.to_owned()));
}

fn resources_of(template: &Value) -> impl Iterator<Item = (&String, &Value)> {
    template["Resources"].as_object().unwrap().iter()
}

#[test]
fn the_runbook_has_a_section_for_every_alarm_and_no_other_section() {
    let runbook =
        std::fs::read_to_string(xtask::workspace::root().join("docs/runbook.md")).unwrap();
    let prod = render::service(Environment::Prod, &Artifacts::placeholder()).unwrap();
    let mut alarms = 0;
    for (id, resource) in resources_of(prod.template.as_value()) {
        if resource["Type"] != "AWS::CloudWatch::Alarm" {
            continue;
        }
        alarms += 1;
        let description = resource["Properties"]["AlarmDescription"].as_str().unwrap();
        let (_, section) = description.split_once(RUNBOOK).unwrap();
        assert!(runbook.contains(&format!("\n## {section}\n")), "{id}");
    }
    assert_eq!(alarms, runbook.matches("\n## ").count());
}

#[test]
fn every_generated_part_of_a_document_is_current() {
    let outdated = documents::outdated(&render::services().unwrap()).unwrap();
    let hint = "run: cargo xtask test snapshots --accept";
    assert!(outdated.is_empty(), "{outdated:?}; {hint}");
}

#[test]
fn every_resource_with_tags_has_the_project_tag_in_the_form_of_its_type() {
    for named in render::all(&Artifacts::placeholder()).unwrap() {
        for (id, resource) in resources_of(named.template.as_value()) {
            let kind = resource["Type"].as_str().unwrap();
            let tags = &resource["Properties"]["Tags"];
            let project = match resources::find(kind).unwrap().tags {
                TagForm::List => tags
                    .as_array()
                    .unwrap()
                    .iter()
                    .find(|tag| tag["Key"] == "Project")
                    .map(|tag| &tag["Value"]),
                TagForm::Map => tags.get("Project"),
                TagForm::None => {
                    assert!(tags.is_null(), "{}: {id}", named.name);
                    continue;
                }
            };
            assert_eq!(project.unwrap(), names::PROJECT, "{}: {id}", named.name);
        }
    }
}

#[test]
fn only_the_alias_of_the_api_shifts_traffic() {
    for named in render::all(&Artifacts::placeholder()).unwrap() {
        for (id, resource) in resources_of(named.template.as_value()) {
            let shifts = !resource["UpdatePolicy"].is_null();
            let environment = named.name.parse::<Environment>();
            let may_shift = id == "ApiAlias"
                && environment.unwrap().settings().traffic_shifting != TrafficShifting::None;
            assert_eq!(shifts, may_shift, "{}: {id}", named.name);
        }
    }
}

#[test]
fn only_the_composite_alarm_notifies_and_two_alarms_are_not_in_its_rule() {
    let prod = render::service(Environment::Prod, &Artifacts::placeholder()).unwrap();
    let template = prod.template.as_value();
    let rule = &template["Resources"]["ServiceAlarm"]["Properties"]["AlarmRule"];
    let rule = substitution(rule).unwrap();
    for (id, resource) in resources_of(template) {
        if resource["Type"] == "AWS::CloudWatch::Alarm" {
            for actions in ["AlarmActions", "OKActions", "InsufficientDataActions"] {
                assert!(resource["Properties"][actions].is_null(), "{id}");
            }
            // These two alarms do not need the operator: the second provider supplies prices, and
            // the next update replaces a failed update.
            let silent = ["ProviderFailuresAlarm", "DeadLettersAlarm"].contains(&id.as_str());
            assert_ne!(rule.contains(&format!("ALARM(${{{id}}})")), silent, "{id}");
        }
    }
}
