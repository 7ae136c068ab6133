//! Permissions: a role of the running service has no action on all resources. A role that deploys has
//! an action on all resources only if AWS cannot restrict the action.

mod boundary;
mod duty;
mod escalation;
mod permission;
mod trust;

use super::super::template::{Checked, Resource, each};
use duty::Duty;

pub(super) fn check(checked: &mut Checked<'_>) {
    for role in checked.of_type("AWS::IAM::Role") {
        let duty = Duty::of_role(role);
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

fn managed_policies(checked: &mut Checked<'_>, role: Resource<'_>, duty: Duty) {
    let is_own = |arn| checked.refers_to(arn, "AWS::IAM::ManagedPolicy");
    let holds = match duty {
        Duty::Deploy => role.items("/ManagedPolicyArns").all(is_own),
        Duty::Run | Duty::Limit => role.at("/ManagedPolicyArns").is_null(),
    };
    checked.require(
        holds,
        "iam-managed-policy",
        role.id,
        "a managed policy of AWS allows more than is needed, and AWS can change it",
    );
}
