//! The permissions of CloudFormation's role: to read, create, change and delete the resources
//! of a stack.

use cfn::resources::iam::{Condition, Statement};
use cfn::{actions, sub};

use super::arns::{artifact_bucket, roles, secrets};
use super::domain;
use super::services::{self, Service};
use super::wildcard_actions::{self, Caller};
use crate::Settings;
use crate::constructs::permissions_boundary::permissions_boundary;

/// Allows reading every resource. A job that detects drift needs these permissions too,
/// because CloudFormation detects drift with the caller's credentials. One policy would exceed
/// IAM's limit, so there are two: the second one is for the bucket and the domain.
///
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html>
pub(super) fn reading(settings: &Settings) -> [Vec<Statement>; 2] {
    let read = |service: Service| Statement::allow(service.sid, service.read, service.resources);
    let mut first = vec![wildcard_actions::statement(&[Caller::DriftReader])];
    first.extend(services::own(settings.environment).into_iter().map(read));
    let mut second = vec![read(services::bucket(settings.environment))];
    if let Some(domain) = &settings.domain {
        second.extend(domain::services(domain).into_iter().map(read));
        second.extend(domain::list_hosted_zones(domain));
    }
    [first, second]
}

/// Allows creating, changing and deleting every resource.
pub(super) fn making(settings: &Settings) -> Vec<Statement> {
    let environment = settings.environment;
    let write = services::own(environment)
        .into_iter()
        .chain([services::bucket(environment)])
        .chain(settings.domain.iter().flat_map(domain::services))
        .filter(|service| !service.write.is_empty())
        .map(|service| Statement::allow(service.sid, service.write, service.resources));
    let mut statements = vec![
        wildcard_actions::statement(&[Caller::TrafficMover, Caller::CloudFormation]),
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

/// Allows giving permissions to a role with the environment's boundary only. Without this
/// condition, a job of dev could create a role with every permission, and so bypass the
/// approval of prod's deploys.
///
/// The actions on roles in `services` have no such condition. They are safe, because every
/// role with the stack's name prefix has the boundary.
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
