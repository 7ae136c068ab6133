//! Who may do what: no role of a running service may do anything to everything.

use serde_json::Value;

use super::super::template::{Checked, Resource};

pub(super) fn check(checked: &mut Checked<'_>) {
    for role in checked.of_type("AWS::IAM::Role") {
        checked.require(
            role.at("/ManagedPolicyArns").is_null(),
            "iam-managed-policy",
            role.id,
            "a managed policy allows what somebody else decides, and more than is needed",
        );
        for statement in role.items("/AssumeRolePolicyDocument/Statement") {
            trust(checked, role, statement);
        }
        for policy in role.items("/Policies") {
            let statements = &policy["PolicyDocument"]["Statement"];
            for statement in statements.as_array().into_iter().flatten() {
                permission(checked, role, statement);
            }
        }
    }
}

fn trust(checked: &mut Checked<'_>, role: Resource<'_>, statement: &Value) {
    let principal = &statement["Principal"];
    let services = texts(&principal["Service"]);
    let only_services = principal.as_object().is_some_and(|map| map.len() == 1);
    checked.require(
        only_services
            && !services.is_empty()
            && services.iter().all(|s| s.ends_with(".amazonaws.com")),
        "iam-trust",
        role.id,
        "only services of AWS may assume a role of this stack",
    );
}

fn permission(checked: &mut Checked<'_>, role: Resource<'_>, statement: &Value) {
    let allows = statement["Effect"] == "Allow";
    checked.require(
        statement["NotAction"].is_null() && statement["NotResource"].is_null(),
        "iam-wildcard",
        role.id,
        "what a statement does not name, it allows: name what is needed",
    );
    let actions = texts(&statement["Action"]);
    checked.require(
        !allows || (!actions.is_empty() && actions.iter().all(|action| !action.contains('*'))),
        "iam-wildcard",
        role.id,
        "an action with a wildcard allows what AWS adds later",
    );
    let resources = statement["Resource"]
        .as_array()
        .map_or(std::slice::from_ref(&statement["Resource"]), Vec::as_slice);
    for resource in resources {
        let text = resource
            .as_str()
            .or_else(|| resource["Fn::Sub"].as_str())
            .unwrap_or("a reference");
        checked.require(
            !allows || !is_everything(text),
            "iam-wildcard",
            role.id,
            format!("{} on {text} is on everything", actions.join(", ")),
        );
    }
    let writes = actions.iter().any(|action| {
        [
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
            "dynamodb:DeleteItem",
        ]
        .contains(action)
    });
    checked.require(
        !allows || !writes || leading_keys(&statement["Condition"]),
        "iam-leading-keys",
        role.id,
        "what writes to the table names the partition keys that it may write",
    );
}

/// A bare `*`, or an ARN with nothing but `*` behind the service.
fn is_everything(resource: &str) -> bool {
    let after_account = resource.splitn(6, ':').nth(5);
    resource.is_empty() || resource == "*" || after_account == Some("*")
}

/// Whether the condition holds the write to keys that begin in a known way.
fn leading_keys(condition: &Value) -> bool {
    let keys = &condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
    let keys = texts(keys);
    !keys.is_empty()
        && keys
            .iter()
            .all(|key| key.contains('#') && !key.starts_with('*'))
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}
