//! Privilege escalation: a role that deploys gives permissions only to roles inside the
//! permissions boundary of its environment, and changes no boundary.

use cfn::template::substitution;
use infra::{Environment, names};
use serde_json::Value;

use super::super::super::template::{Checked, Resource, each, texts};
use super::boundary;

/// Actions that give permissions to a role and support the condition key
/// `iam:PermissionsBoundary`.
///
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html>
const GIVING: [&str; 3] = [
    "iam:CreateRole",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
];

/// Actions of IAM that give no permission. The actions on roles reach only roles inside the boundary,
/// because every role whose name begins with the stack's name has the boundary.
const HARMLESS: [&str; 8] = [
    "iam:DeleteRole",
    "iam:DeleteRolePolicy",
    "iam:PassRole",
    "iam:TagRole",
    "iam:UntagRole",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateRole",
    "iam:UpdateRoleDescription",
];

/// Checks a statement of a role that deploys.
pub(super) fn check(checked: &mut Checked<'_>, holder: Resource<'_>, statement: &Value) {
    for action in texts(&statement["Action"]) {
        let holds = if GIVING.contains(&action) {
            is_inside_the_boundary(statement)
        } else if action == "iam:CreateServiceLinkedRole" {
            !texts(&statement["Condition"]["StringEquals"]["iam:AWSServiceName"]).is_empty()
        } else {
            is_harmless(action)
        };
        checked.require(
            holds,
            "iam-escalation",
            holder.id,
            format_args!(
                "{action} would let a job that deploys make itself an administrator: only roles \
                 inside the environment's permissions boundary may get permissions, and no job \
                 may change a boundary"
            ),
        );
    }
}

fn is_harmless(action: &str) -> bool {
    match action.split_once(':') {
        Some(("iam", name)) => {
            name.starts_with("Get") || name.starts_with("List") || HARMLESS.contains(&action)
        }
        Some(("sts", _)) => false,
        _ => true,
    }
}

/// Returns true if the condition names the boundary of the environment whose roles are the
/// statement's resources.
fn is_inside_the_boundary(statement: &Value) -> bool {
    let wanted = each(&statement["Condition"]["StringEquals"]["iam:PermissionsBoundary"]);
    let [boundary] = wanted else { return false };
    let resources = each(&statement["Resource"]);
    Environment::ALL.into_iter().any(|environment| {
        let roles = format!(":role/{}-*", names::stack(environment));
        let is_role = |arn: &Value| substitution(arn).is_some_and(|arn| arn.ends_with(&roles));
        substitution(boundary) == Some(boundary::arn(environment)) && resources.iter().all(is_role)
    })
}
