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

/// Types that take tags, each in its own form, by their CloudFormation pages.
const UNTAGGED: [&str; 9] = [
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Version",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
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
