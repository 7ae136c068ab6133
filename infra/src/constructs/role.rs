//! A role that the service uses at run time, with the environment's permissions boundary.

use cfn::actions;
use cfn::resources::iam::{Condition, Policy, PolicyDocument, Role, ServicePrincipal, Statement};
use cfn::template::{Handle, LogicalId, Pseudo, Template};

use super::arns;
use super::permissions::ResourcePermissions;
use super::permissions_boundary::permissions_boundary;
use crate::{Environment, Settings, names};

/// The properties in which one role differs from another.
pub(crate) struct RoleProps {
    pub(crate) id: LogicalId,
    /// The description without ` of {stack}` at the end.
    pub(crate) purpose: String,
    /// The AWS service that assumes the role.
    pub(crate) service: ServicePrincipal,
    /// The name of the inline policy.
    pub(crate) policy_name: &'static str,
    pub(crate) statements: Vec<Statement>,
}

pub(crate) fn add(template: &mut Template, settings: &Settings, props: RoleProps) -> Handle<Role> {
    template.add(
        props.id,
        Role {
            description: format!(
                "{} of {}",
                props.purpose,
                names::stack(settings.environment)
            ),
            assume_role_policy_document: PolicyDocument::assumed_by(
                props.service,
                trust_condition(props.service),
            ),
            permissions_boundary: permissions_boundary(settings.environment),
            policies: vec![Policy {
                policy_name: props.policy_name.to_owned(),
                policy_document: PolicyDocument::new(props.statements),
            }],
            tags: settings.tags().list(),
        },
    )
}

/// Returns the condition of the trust policy. Only Scheduler needs one: without the condition, a
/// schedule of another account could use the role.
fn trust_condition(service: ServicePrincipal) -> Option<Condition> {
    (service == ServicePrincipal::Scheduler).then(|| {
        let own_account = [Pseudo::AccountId.into()];
        Condition::new("StringEquals", "aws:SourceAccount", own_account)
    })
}

/// Lists the permissions of the pipeline on the roles.
pub(crate) fn permissions(environment: Environment) -> Vec<ResourcePermissions> {
    vec![
        // The actions that give permissions to a role have a condition, and are in
        // `stack/pipeline/cloudformation.rs`.
        ResourcePermissions {
            sid: "Roles",
            read: actions![
                "iam:GetRole",
                "iam:GetRolePolicy",
                "iam:ListAttachedRolePolicies",
                "iam:ListRolePolicies",
                "iam:ListRoleTags"
            ],
            write: actions![
                "iam:DeleteRole",
                "iam:DeleteRolePolicy",
                "iam:TagRole",
                "iam:UntagRole",
                "iam:UpdateAssumeRolePolicy",
                "iam:UpdateRole",
                "iam:UpdateRoleDescription"
            ],
            resources: vec![arns::roles(environment)],
        },
    ]
}
