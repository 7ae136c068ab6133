//! Permissions boundaries: every role of the running service has the boundary of its environment, and
//! a boundary allows no action with which a role could escape it.

use cfn::template::substitution;
use infra::{Environment, names};

use super::super::super::template::{Checked, Resource, texts};
use super::duty::Duty;

/// Services whose actions would let a role extend its own permissions.
const ESCALATING: [&str; 3] = ["iam:", "sts:", "cloudformation:"];

/// Returns true if a managed policy is a permissions boundary.
pub(super) fn is_boundary(policy: Resource<'_>) -> bool {
    let name = substitution(policy.at("/ManagedPolicyName"));
    let mut names = Environment::ALL.into_iter().map(policy_name);
    names.any(|boundary| Some(boundary) == name)
}

/// Returns the boundary's name in the notation of `Fn::Sub`.
fn policy_name(environment: Environment) -> String {
    names::boundary_policy(environment, "${AWS::Region}")
}

/// Returns the boundary's ARN in the notation of `Fn::Sub`.
pub(super) fn arn(environment: Environment) -> String {
    let name = policy_name(environment);
    format!("arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:policy/{name}")
}

/// Checks that a role has its boundary. A role of the pipeline, whose duty is `Deploy`, needs none. A
/// template with functions has no role of the pipeline, so there every role needs its boundary.
pub(super) fn of_role(checked: &mut Checked<'_>, role: Resource<'_>, duty: Duty) {
    let has_functions = checked.any("AWS::Lambda::Function", |_| true);
    if duty == Duty::Deploy && !has_functions {
        return;
    }
    let mut tags = role.items("/Tags");
    let environment = tags.find(|tag| tag["Key"] == "Environment");
    let environment = environment.and_then(|tag| tag["Value"].as_str()?.parse().ok());
    let boundary = environment.map(arn);
    checked.require(
        boundary.is_some() && substitution(role.at("/PermissionsBoundary")) == boundary,
        "iam-boundary",
        role.id,
        "a role of the service must have the permissions boundary of its environment: without it, \
         a job that deploys could make itself an administrator",
    );
}

/// Checks the statements of a boundary.
pub(super) fn check(checked: &mut Checked<'_>, policy: Resource<'_>) {
    for statement in policy.items("/PolicyDocument/Statement") {
        let actions = texts(&statement["Action"]);
        let escalates = |action: &&str| {
            let action = action.to_lowercase();
            action.contains('*') || ESCALATING.iter().any(|service| action.starts_with(service))
        };
        checked.require(
            statement["Effect"] == "Allow" && !actions.is_empty() && !actions.iter().any(escalates),
            "iam-boundary-escape",
            policy.id,
            "a permissions boundary must allow actions by name, and none of IAM, STS or \
             CloudFormation",
        );
    }
}
