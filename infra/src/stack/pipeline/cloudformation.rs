//! What CloudFormation may do: make the resources of a stack, and read them.

use super::arns::{artifact_buckets, roles, secrets};
use super::services::{self, Service};
use super::unscoped::{self, By};
use crate::resources::iam::{Condition, Statement};
use crate::{Environment, actions, sub};

/// Reading everything that a stack has: who looks for drift does that with
/// credentials of their own.
///
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html>
pub(super) fn reading(environment: Environment) -> Vec<Statement> {
    reads(services::own(environment)).collect()
}

/// The same of what the environments share.
pub(super) fn shared_reading() -> Vec<Statement> {
    let mut statements = vec![unscoped::statement(&[By::Reader])];
    statements.extend(reads(services::shared()));
    statements
}

/// Creating, changing and removing it: what CloudFormation does beside reading.
pub(super) fn making(environment: Environment) -> Vec<Statement> {
    let mut statements = vec![
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
        // A dynamic reference is resolved by whoever makes the resource.
        Statement::allow(
            "ResolveSecrets",
            actions!["secretsmanager:GetSecretValue"],
            vec![secrets(environment)],
        ),
    ];
    statements.extend(writes(services::own(environment)));
    statements
}

/// The same of what the environments share.
pub(super) fn shared_making() -> Vec<Statement> {
    let mut statements = vec![
        unscoped::statement(&[By::Deployer, By::Maker]),
        Statement::allow(
            "ReadZips",
            actions!["s3:GetObject", "s3:GetObjectVersion"],
            vec![sub![&artifact_buckets(), "/*"]],
        ),
    ];
    statements.extend(writes(services::shared()));
    statements
}

fn reads(services: Vec<Service>) -> impl Iterator<Item = Statement> {
    services
        .into_iter()
        .map(|service| Statement::allow(service.sid, service.read, service.resources))
}

fn writes(services: Vec<Service>) -> impl Iterator<Item = Statement> {
    services
        .into_iter()
        .filter(|service| !service.write.is_empty())
        .map(|service| Statement::allow(service.sid, service.write, service.resources))
}
