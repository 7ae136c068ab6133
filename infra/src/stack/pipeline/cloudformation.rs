//! CloudFormation's permissions: to create the resources of a stack, and to read
//! them.

use super::arns::{artifact_buckets, roles, secrets};
use super::domain;
use super::services::{self, Service};
use super::unscoped::{self, By};
use crate::resources::iam::{Condition, Statement};
use crate::{Settings, actions, sub};

/// Reading everything that a stack has: who looks for drift does that with
/// credentials of their own.
///
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html>
pub(super) fn reading(settings: &Settings) -> Vec<Statement> {
    let zones = settings.domain.as_ref().and_then(domain::list_hosted_zones);
    reads(services::own(settings)).chain(zones).collect()
}

/// The same of what the environments share.
pub(super) fn shared_reading() -> Vec<Statement> {
    let mut statements = vec![unscoped::statement(&[By::Reader])];
    statements.extend(reads(services::shared()));
    statements
}

/// Creating, changing and removing it: what CloudFormation does beside reading.
pub(super) fn making(settings: &Settings) -> Vec<Statement> {
    let environment = settings.environment;
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
    if settings.domain.is_some() {
        statements.push(domain::service_linked_role());
    }
    statements.extend(writes(services::own(settings)));
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
