//! What CloudFormation may do: make the resources of a stack, and read them.

use super::arns::{artifact_bucket, roles, secrets};
use super::services;
use super::unscoped::{self, By};
use crate::resources::iam::{Condition, Statement};
use crate::{Environment, actions, sub};

/// Reading everything that a stack has: who looks for drift does that with
/// credentials of their own.
///
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html>
pub(super) fn reading(environment: Environment) -> Vec<Statement> {
    let mut statements = vec![unscoped::statement(&[By::Reader])];
    statements.extend(
        services::all(environment)
            .into_iter()
            .map(|service| Statement::allow(service.sid, service.read, service.resources)),
    );
    statements
}

/// Creating, changing and removing it: what CloudFormation does beside reading.
pub(super) fn making(environment: Environment) -> Vec<Statement> {
    let mut statements = vec![
        unscoped::statement(&[By::Deployer, By::Maker]),
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
                "HandOutRoles",
                actions!["iam:PassRole"],
                vec![roles(environment)],
            )
        },
        Statement::allow(
            "ReadZips",
            actions!["s3:GetObject", "s3:GetObjectVersion"],
            vec![sub![&artifact_bucket(), "/*"]],
        ),
        // A dynamic reference is resolved by whoever makes the resource.
        Statement::allow(
            "ResolveSecrets",
            actions!["secretsmanager:GetSecretValue"],
            vec![secrets(environment)],
        ),
    ];
    statements.extend(
        services::all(environment)
            .into_iter()
            .filter(|service| !service.write.is_empty())
            .map(|service| Statement::allow(service.sid, service.write, service.resources)),
    );
    statements
}
