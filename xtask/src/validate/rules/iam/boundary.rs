//! Permissions boundaries: every role of the running service has its environment's,
//! and a boundary allows nothing with which a role could escape it.

use cfn::template::substitution;
use infra::{Environment, names};

use super::super::super::template::{Checked, Resource, each, texts};
use super::duty::Duty;

/// Services whose actions would let a role extend its own permissions.
const ESCALATING: [&str; 3] = ["iam:", "sts:", "cloudformation:"];

/// Returns true if a managed policy is a permissions boundary.
pub(super) fn is_boundary(policy: Resource<'_>) -> bool {
    let name = substitution(policy.at("/ManagedPolicyName"));
    let is_of = |environment| name.as_deref() == Some(&*policy_name(environment));
    Environment::ALL.into_iter().any(is_of)
}

/// The boundary's name in the notation of `Fn::Sub`.
fn policy_name(environment: Environment) -> String {
    names::boundary_policy(environment, "${AWS::Region}")
}

/// The boundary's ARN in the notation of `Fn::Sub`.
pub(super) fn arn(environment: Environment) -> String {
    let name = policy_name(environment);
    format!("arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:policy/{name}")
}

/// Checks the boundary of a role. A template with functions contains no role of the
/// pipeline, whatever the trust policy says.
pub(super) fn of_role(checked: &mut Checked<'_>, role: Resource<'_>, duty: Duty) {
    let serves = checked.of_type("AWS::Lambda::Function").next().is_some();
    if duty == Duty::Deploy && !serves {
        return;
    }
    let tags = role.items("/Tags");
    let environment = tags
        .filter(|tag| tag["Key"] == "Environment")
        .find_map(|tag| tag["Value"].as_str()?.parse::<Environment>().ok());
    let boundary = environment.map(arn);
    let found = substitution(role.at("/PermissionsBoundary"));
    checked.require(
        boundary.is_some() && found == boundary,
        "iam-boundary",
        role.id,
        "a role of the service needs the permissions boundary of its environment: without it, a \
         job that deploys could make itself an administrator",
    );
}

/// Checks the statements of a boundary.
pub(super) fn check(checked: &mut Checked<'_>, policy: Resource<'_>) {
    for statement in each(policy.at("/PolicyDocument/Statement")) {
        let actions = texts(&statement["Action"]);
        let escalates = |action: &&str| {
            ESCALATING
                .iter()
                .any(|service| action.to_lowercase().starts_with(service))
        };
        let named = |action: &&str| !action.contains('*');
        let allows = statement["Effect"] == "Allow";
        checked.require(
            allows
                && !actions.is_empty()
                && actions
                    .iter()
                    .all(|action| named(action) && !escalates(action)),
            "iam-boundary-escape",
            policy.id,
            "a permissions boundary allows actions by their names, and none of IAM, STS or \
             CloudFormation",
        );
    }
}
