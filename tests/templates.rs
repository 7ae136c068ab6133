//! The templates, whole: what a reviewer sees change in a pull request.

#![cfg(test)]

use cfn::resources;
use cfn::template::{TagForm, substitution};
use infra::constructs::alarm::RUNBOOK;
use infra::{Artifacts, Environment, names};
use serde_json::{Value, json};
use xtask::validate::{self, TEMPLATE_BYTES_IN_A_REQUEST};
use xtask::{render, runbook};

#[test]
fn every_template_is_as_it_was_reviewed() {
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

#[test]
fn every_template_fits_a_request_and_one_that_aws_does_not_take_is_refused() {
    for named in render::all(&Artifacts::placeholder()).unwrap() {
        let bytes = named.template.to_json().len();
        assert!(bytes <= TEMPLATE_BYTES_IN_A_REQUEST, "{}", named.name);
    }
    for (bytes, refused) in [(60_000, false), (1_000_000, true)] {
        let template = json!({"Description": "x".repeat(bytes), "Resources": {}});
        let findings = validate::check(&template);
        let of_size = |finding: &validate::Finding| finding.to_string().contains("template-size");
        assert_eq!(findings.iter().any(of_size), refused, "{bytes} bytes");
    }
}

/// CloudFormation takes 51,200 bytes in a request, and the roles will need more
/// permissions.
#[test]
fn every_template_of_the_pipeline_has_room_for_what_its_roles_will_need() {
    let templates = render::all(&Artifacts::placeholder()).unwrap();
    let pipelines: Vec<_> = templates
        .iter()
        .filter(|named| named.name.starts_with("pipeline"))
        .collect();
    assert_eq!(pipelines.len(), Environment::ALL.len());
    for named in pipelines {
        let bytes = named.template.to_json().len();
        assert!(bytes < 40_000, "{} has {bytes} bytes", named.name);
    }
}

fn resources_of(template: &Value) -> impl Iterator<Item = (&String, &Value)> {
    template["Resources"].as_object().unwrap().iter()
}

#[test]
fn every_alarm_has_a_section_in_the_runbook_and_says_so() {
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

/// Numbers of alarms are written by the alarms themselves.
#[test]
fn the_runbooks_table_is_that_of_the_alarms() {
    let hint = "run: cargo xtask test snapshots --accept";
    assert!(runbook::is_current().unwrap(), "{hint}");
}

#[test]
fn every_resource_has_the_tags_of_its_environment_in_the_form_of_its_type() {
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

/// The update is invoked once in five minutes: no share of its traffic can be judged.
#[test]
fn only_the_apis_alias_shifts_traffic() {
    for named in render::all(&Artifacts::placeholder()).unwrap() {
        for (id, resource) in resources_of(named.template.as_value()) {
            let shifts = !resource["UpdatePolicy"].is_null();
            let may_shift = id == "ApiAlias" && named.name != "dev";
            assert_eq!(shifts, may_shift, "{}: {id}", named.name);
        }
    }
}

#[test]
fn only_the_composite_alarm_pages_people_and_it_watches_all_that_needs_them() {
    let prod = render::service(Environment::Prod, &Artifacts::placeholder()).unwrap();
    let template = prod.template.as_value();
    let rule = &template["Resources"]["ServiceAlarm"]["Properties"]["AlarmRule"];
    let rule = substitution(rule).unwrap();
    for (id, resource) in resources_of(template) {
        if resource["Type"] == "AWS::CloudWatch::Alarm" {
            for actions in ["AlarmActions", "OKActions", "InsufficientDataActions"] {
                assert!(resource["Properties"][actions].is_null(), "{id}");
            }
            // Both repair themselves: the second provider serves, and the next run does
            // what the given-up one would have done.
            let silent = ["ProviderFailuresAlarm", "DeadLettersAlarm"].contains(&id.as_str());
            assert_ne!(rule.contains(&format!("ALARM(${{{id}}})")), silent, "{id}");
        }
    }
}
