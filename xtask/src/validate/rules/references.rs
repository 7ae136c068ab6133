//! References: each leads to a resource of the template, and none is a `Ref` to a type
//! with several identifiers.

use serde_json::Value;

use super::super::template::Checked;
use crate::reference;

/// The types whose primary identifier has several parts, as their schemas say. A
/// drift-aware change set resolves a `Ref` to one of them to the first part, which for
/// an integration is the API's id:
/// <https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2505>.
pub const SEVERAL_IDENTIFIERS: [&str; 8] = [
    "AWS::ApiGatewayV2::ApiMapping",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::ApiGatewayV2::Stage",
    "AWS::CodeDeploy::DeploymentGroup",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::Permission",
    "AWS::Route53::RecordSet",
];

pub(super) fn check(checked: &mut Checked<'_>) {
    let resources = &checked.template["Resources"];
    let is_there = |id: &str| resources.get(id).is_some();
    let resolves = |target: &str| is_there(target) || target.starts_with("AWS::");
    for resource in checked.resources {
        for target in reference::targets(resource.body) {
            checked.require(
                resolves(target),
                "reference",
                resource.id,
                format_args!("it refers to {target}, which is not there"),
            );
        }
        for target in resource.depends_on() {
            checked.require(
                is_there(target),
                "reference",
                resource.id,
                format_args!("it depends on {target}, which is not there"),
            );
        }
        several_identifiers(checked, resource.id, resource.body);
    }
    for target in reference::targets(&checked.template["Outputs"]) {
        checked.require(
            resolves(target),
            "reference",
            "Outputs",
            format_args!("an output refers to {target}, which is not there"),
        );
    }
    let outputs = &checked.template["Outputs"];
    several_identifiers(checked, "Outputs", outputs);
}

fn several_identifiers(checked: &mut Checked<'_>, at: &str, value: &Value) {
    for target in reference::refs(value) {
        let kind = checked.template["Resources"][target]["Type"].as_str();
        checked.require(
            !kind.is_some_and(|kind| SEVERAL_IDENTIFIERS.contains(&kind)),
            "several-identifiers",
            at,
            format_args!(
                "a Ref to {target} is ambiguous: use a read-only attribute, or the name with DependsOn"
            ),
        );
    }
}
