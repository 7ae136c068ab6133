//! The templates, whole: what a reviewer sees change in a pull request.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;

use infra::Artifacts;
use serde_json::Value;
use xtask::render;

#[test]
fn every_template_is_as_it_was_reviewed() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for named in render::all(&Artifacts::placeholder()).unwrap() {
            insta::assert_snapshot!(named.name, named.template.to_yaml());
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
fn every_template_fits_into_one_request_to_cloudformation() {
    for named in render::all(&Artifacts::placeholder()).unwrap() {
        let bytes = named.template.to_json().len();
        assert!(bytes <= 51_200, "{} has {bytes} bytes", named.name);
    }
}

/// The types that take no tags, by their CloudFormation pages.
const UNTAGGED: [&str; 10] = [
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::CloudWatch::Dashboard",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Version",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::Scheduler::Schedule",
];

#[test]
fn every_resource_whose_type_takes_tags_is_tagged() {
    for named in render::all(&Artifacts::placeholder()).unwrap() {
        for (id, resource) in resources(named.template.as_value()) {
            let kind = resource["Type"].as_str().unwrap();
            let tagged = !resource["Properties"]["Tags"].is_null();
            assert_eq!(
                tagged,
                !UNTAGGED.contains(&kind),
                "{}: {id} ({kind})",
                named.name
            );
        }
    }
}

#[test]
fn no_run_time_role_may_do_something_to_everything() {
    for named in render::all(&Artifacts::placeholder()).unwrap() {
        for (id, resource) in resources(named.template.as_value()) {
            if resource["Type"] != "AWS::IAM::Role" {
                continue;
            }
            assert!(
                resource["Properties"]["ManagedPolicyArns"].is_null(),
                "{id}"
            );
            for policy in resource["Properties"]["Policies"].as_array().unwrap() {
                for statement in policy["PolicyDocument"]["Statement"].as_array().unwrap() {
                    for target in statement["Resource"].as_array().unwrap() {
                        assert_ne!(target, "*", "{}: {id}", named.name);
                    }
                    for action in statement["Action"].as_array().unwrap() {
                        let action = action.as_str().unwrap();
                        assert!(!action.contains('*'), "{}: {id}: {action}", named.name);
                    }
                }
            }
        }
    }
}

#[test]
fn every_function_is_told_exactly_the_variables_that_it_reads() {
    let api: BTreeSet<_> = names(contract::environment::ApiEnvironment::<String>::VARIABLES);
    let update: BTreeSet<_> = names(contract::environment::UpdateEnvironment::<String>::VARIABLES);
    for named in render::all(&Artifacts::placeholder()).unwrap() {
        for (id, known) in [("ApiFunction", &api), ("UpdateFunction", &update)] {
            let function = &named.template.as_value()["Resources"][id];
            let Some(told) = function["Properties"]["Environment"]["Variables"].as_object() else {
                continue;
            };
            for name in told.keys() {
                assert!(
                    known.contains(name.as_str()),
                    "{}: {id}: {name}",
                    named.name
                );
            }
            for required in ["DYNAMODB_TABLE_NAME", "ENVIRONMENT"] {
                assert!(
                    told.contains_key(required),
                    "{}: {id}: {required}",
                    named.name
                );
            }
        }
    }
}

fn names(variables: &[contract::environment::Variable]) -> BTreeSet<&'static str> {
    variables.iter().map(|variable| variable.name).collect()
}

fn resources(template: &Value) -> impl Iterator<Item = (&String, &Value)> {
    template["Resources"].as_object().unwrap().iter()
}

#[test]
fn every_alarm_has_a_section_in_the_runbook_and_says_so() {
    let runbook =
        std::fs::read_to_string(xtask::workspace::root().join("docs/runbook.md")).unwrap();
    let prod = render::service(infra::Environment::Prod, &Artifacts::placeholder()).unwrap();
    let mut alarms = 0;
    for (id, resource) in resources(prod.template.as_value()) {
        if resource["Type"] != "AWS::CloudWatch::Alarm" {
            continue;
        }
        alarms += 1;
        let description = resource["Properties"]["AlarmDescription"].as_str().unwrap();
        let (_, section) = description.split_once("docs/runbook.md#").unwrap();
        assert!(runbook.contains(&format!("\n## {section}\n")), "{id}");
    }
    assert_eq!(alarms, runbook.matches("\n## ").count());
}

#[test]
fn only_the_composite_alarm_calls_people_and_it_watches_all_that_needs_them() {
    let prod = render::service(infra::Environment::Prod, &Artifacts::placeholder()).unwrap();
    let template = prod.template.as_value();
    let rule = template["Resources"]["ServiceAlarm"]["Properties"]["AlarmRule"]["Fn::Sub"]
        .as_str()
        .unwrap();
    for (id, resource) in resources(template) {
        if resource["Type"] == "AWS::CloudWatch::Alarm" {
            assert!(resource["Properties"]["AlarmActions"].is_null(), "{id}");
            // Ordinary, and no outage, while the second provider serves.
            let calls = id != "ProviderFailuresAlarm";
            assert_eq!(rule.contains(&format!("ALARM(${{{id}}})")), calls, "{id}");
        }
    }
}

#[test]
fn the_dashboard_is_json_once_its_references_are_resolved() {
    let prod = render::service(infra::Environment::Prod, &Artifacts::placeholder()).unwrap();
    let body = prod.template.as_value()["Resources"]["Dashboard"]["Properties"]["DashboardBody"]
        ["Fn::Sub"]
        .as_str()
        .unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    let widgets = body["widgets"].as_array().unwrap();
    assert_eq!(widgets[0]["type"], "alarm");
    for widget in widgets {
        let right = widget["x"].as_u64().unwrap() + widget["width"].as_u64().unwrap();
        assert!(right <= 24, "{widget}");
    }
}
