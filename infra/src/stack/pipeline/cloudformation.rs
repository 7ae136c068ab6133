//! CloudFormation's permissions: to read the resources of a stack, and to create, change
//! and delete them.

use cfn::resources::iam::{Condition, Statement};
use cfn::{actions, sub};

use super::arns::{artifact_bucket, roles, secrets};
use super::domain;
use super::services::{self, Service};
use super::wildcard_actions::{self, By};
use crate::Settings;
use crate::constructs::permissions_boundary::permissions_boundary;

/// Lets a role read every resource. A job that detects drift needs that itself, because
/// CloudFormation detects drift with the caller's credentials. There are two policies,
/// because one would be too long for IAM: the second is for the bucket and the domain.
///
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html>
pub(super) fn reading(settings: &Settings) -> [Vec<Statement>; 2] {
    let read = |service: Service| Statement::allow(service.sid, service.read, service.resources);
    let mut first = vec![wildcard_actions::statement(&[By::Reader])];
    first.extend(services::own(settings.environment).into_iter().map(read));
    let mut second = vec![read(services::bucket(settings.environment))];
    if let Some(domain) = &settings.domain {
        second.extend(domain::services(domain).into_iter().map(read));
        second.extend(domain::list_hosted_zones(domain));
    }
    [first, second]
}

/// Lets CloudFormation do everything beyond reading.
pub(super) fn making(settings: &Settings) -> Vec<Statement> {
    let environment = settings.environment;
    let write = services::own(environment)
        .into_iter()
        .chain([services::bucket(environment)])
        .chain(settings.domain.iter().flat_map(domain::services))
        .filter(|service| !service.write.is_empty())
        .map(|service| Statement::allow(service.sid, service.write, service.resources));
    let mut statements = vec![
        wildcard_actions::statement(&[By::Mover, By::Maker]),
        create_roles(settings),
        Statement {
            condition: Some(Condition::new(
                "StringEquals",
                "iam:PassedToService",
                [
                    "codedeploy.amazonaws.com".into(),
                    "lambda.amazonaws.com".into(),
                    "scheduler.amazonaws.com".into(),
                ],
            )),
            ..Statement::allow(
                "PassRoles",
                actions!["iam:PassRole"],
                vec![roles(environment)],
            )
        },
        Statement::allow(
            "ReadZips",
            actions!["s3:GetObject", "s3:GetObjectVersion"],
            vec![sub![&artifact_bucket(environment), "/*"]],
        ),
        // CloudFormation resolves a dynamic reference with the role's credentials.
        Statement::allow(
            "ResolveSecrets",
            actions!["secretsmanager:GetSecretValue"],
            vec![secrets(environment)],
        ),
    ];
    if settings.domain.is_some() {
        statements.push(domain::service_linked_role());
    }
    statements.extend(write);
    statements
}

/// Lets CloudFormation give permissions to a role only inside the environment's
/// boundary. Without this condition, a job of dev could create a role that may do
/// anything, and the approval of prod's deploys would be void.
///
/// The actions on roles in `services` have no such condition. They are safe because no
/// role with a name of the stack exists without the boundary.
fn create_roles(settings: &Settings) -> Statement {
    let environment = settings.environment;
    Statement {
        condition: Some(Condition::new(
            "StringEquals",
            "iam:PermissionsBoundary",
            [permissions_boundary(environment).into_text()],
        )),
        ..Statement::allow(
            "CreateRolesInsideTheBoundary",
            actions![
                "iam:CreateRole",
                "iam:PutRolePermissionsBoundary",
                "iam:PutRolePolicy"
            ],
            vec![roles(environment)],
        )
    }
}
