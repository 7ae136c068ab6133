//! Who may do what: no role of the running service may do anything to
//! everything, and a role that deploys only what AWS cannot restrict.

mod boundary;
mod escalation;
mod permission;
mod trust;

use serde_json::Value;

use super::super::template::{Checked, Resource};

/// What a role is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Duty {
    /// It is a part of the running service.
    Run,
    /// A pipeline, or CloudFormation for it, deploys with it.
    Deploy,
    /// A permissions boundary: a limit, which grants nothing.
    Limit,
}

pub(super) fn check(checked: &mut Checked<'_>) {
    for role in checked.of_type("AWS::IAM::Role") {
        let duty = duty(role);
        managed_policies(checked, role, duty);
        boundary::of_role(checked, role, duty);
        for statement in role.items("/AssumeRolePolicyDocument/Statement") {
            trust::check(checked, role, statement);
        }
        for policy in role.items("/Policies") {
            for statement in each(&policy["PolicyDocument"]["Statement"]) {
                permission::check(checked, role, duty, statement);
            }
        }
    }
    for policy in checked.of_type("AWS::IAM::ManagedPolicy") {
        let duty = if boundary::is_boundary(policy) {
            boundary::check(checked, policy);
            Duty::Limit
        } else {
            Duty::Deploy
        };
        for statement in policy.items("/PolicyDocument/Statement") {
            permission::check(checked, policy, duty, statement);
        }
    }
}

/// A role that somebody outside, or CloudFormation, can become is one to deploy
/// with; every other one is to run with.
fn duty(role: Resource<'_>) -> Duty {
    let deploys = role
        .items("/AssumeRolePolicyDocument/Statement")
        .map(|statement| &statement["Principal"])
        .any(|principal| {
            !principal["Federated"].is_null()
                || texts(&principal["Service"]).contains(&"cloudformation.amazonaws.com")
        });
    if deploys { Duty::Deploy } else { Duty::Run }
}

fn managed_policies(checked: &mut Checked<'_>, role: Resource<'_>, duty: Duty) {
    let own = |arn| checked.refers_to(arn, "AWS::IAM::ManagedPolicy");
    let holds = match duty {
        Duty::Run | Duty::Limit => role.at("/ManagedPolicyArns").is_null(),
        Duty::Deploy => role.items("/ManagedPolicyArns").all(own),
    };
    checked.require(
        holds,
        "iam-managed-policy",
        role.id,
        "a managed policy allows what somebody else decides, and more than is needed",
    );
}

/// A list's items, or the one that is there without a list.
fn each(value: &Value) -> &[Value] {
    value
        .as_array()
        .map_or(std::slice::from_ref(value), Vec::as_slice)
}

/// The texts of a list, or the one that is there without a list.
fn texts(value: &Value) -> Vec<&str> {
    each(value).iter().filter_map(Value::as_str).collect()
}
