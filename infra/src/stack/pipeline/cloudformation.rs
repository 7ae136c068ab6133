//! The permissions of CloudFormation's role: to read, create, change and delete the resources
//! of a stack.

use cfn::resources::iam::{Condition, Statement};
use cfn::{actions, sub};

use super::domain;
use super::wildcard_actions::{self, Caller};
use crate::constructs::arns::{artifact_bucket, roles, secrets};
use crate::constructs::permissions::ResourcePermissions;
use crate::constructs::permissions_boundary::permissions_boundary;
use crate::constructs::{function, role};
use crate::stack::{api, artifacts, data, observability, rollout, updater};
use crate::{Environment, Settings};

/// Lists the permissions on the resources of the service's stack, sorted by AWS service.
fn service_permissions(environment: Environment) -> Vec<ResourcePermissions> {
    let mut all: Vec<_> = [
        api::permissions(),
        data::permissions(environment),
        function::permissions(environment),
        observability::permissions(environment),
        role::permissions(environment),
        rollout::permissions(environment),
        updater::permissions(environment),
    ]
    .into_iter()
    .flatten()
    .collect();
    all.sort_by_key(ResourcePermissions::service);
    all
}

/// Allows reading every resource. A job that detects drift needs these permissions too, because
/// CloudFormation detects drift with the caller's credentials. One policy would exceed IAM's size
/// limit, so there are two. The second policy is for the bucket and the domain.
///
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html>
pub(super) fn read_statements(settings: &Settings) -> [Vec<Statement>; 2] {
    let read = ResourcePermissions::read_statement;
    let mut first = vec![wildcard_actions::statement(&[Caller::DriftReader])];
    first.extend(
        service_permissions(settings.environment)
            .into_iter()
            .map(read),
    );
    let mut second = vec![read(artifacts::permissions(settings.environment))];
    if let Some(domain) = &settings.domain {
        second.extend(domain::permissions(domain).into_iter().map(read));
        second.extend(domain::list_hosted_zones(domain));
    }
    [first, second]
}

/// Allows creating, changing and deleting every resource.
pub(super) fn write_statements(settings: &Settings) -> Vec<Statement> {
    let environment = settings.environment;
    let write = service_permissions(environment)
        .into_iter()
        .chain([artifacts::permissions(environment)])
        .chain(settings.domain.iter().flat_map(domain::permissions))
        .filter_map(ResourcePermissions::write_statement);
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

/// Allows giving permissions only to roles with the environment's boundary. Without this
/// condition, a job of dev could create a role with every permission, and so bypass the
/// approval of prod's deploys.
///
/// The other actions on roles, in `constructs::role`, need no such condition, because every role
/// with the stack's name prefix has the boundary.
fn create_roles(settings: &Settings) -> Statement {
    let environment = settings.environment;
    Statement {
        condition: Some(Condition::new(
            "StringEquals",
            "iam:PermissionsBoundary",
            [permissions_boundary(environment).into_text()],
        )),
        ..Statement::allow(
            "CreateRolesWithBoundary",
            actions![
                "iam:CreateRole",
                "iam:PutRolePermissionsBoundary",
                "iam:PutRolePolicy"
            ],
            vec![roles(environment)],
        )
    }
}
