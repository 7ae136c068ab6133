//! Who may do what: no role of the running service may do anything to
//! everything, and a role that deploys only what AWS cannot restrict.

mod boundary;
mod duty;
mod escalation;
mod permission;
mod trust;

use super::super::template::{Checked, Resource, each};
use duty::{Duty, duty};

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
