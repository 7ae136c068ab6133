//! CloudFormation's resource types: one file for each service, with only the properties that
//! the workspace uses.
//!
//! A struct reads like the template that it renders to. A required property is a plain field, and
//! an optional property is an `Option`. If a property must have one certain value, its type has only
//! this value.

pub mod acm;
pub mod apigatewayv2;
pub mod cloudwatch;
pub mod codedeploy;
pub mod dynamodb;
pub mod host_name;
pub mod iam;
pub mod lambda;
pub mod logs;
mod macros;
pub mod route53;
pub mod s3;
pub mod scheduler;
pub mod secretsmanager;
pub mod sns;
pub mod sqs;
mod tags;

pub use tags::{Tag, Tags};

use crate::template::ResourceType;

/// Lists all resource types of this crate.
pub fn all() -> impl Iterator<Item = ResourceType> {
    [
        apigatewayv2::TYPES,
        cloudwatch::TYPES,
        codedeploy::TYPES,
        dynamodb::TYPES,
        iam::TYPES,
        lambda::TYPES,
        logs::TYPES,
        route53::TYPES,
        s3::TYPES,
        scheduler::TYPES,
        sns::TYPES,
        sqs::TYPES,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// Finds the facts of a type by its name, such as `AWS::SNS::Topic`.
pub fn find(resource_type: &str) -> Option<ResourceType> {
    all().find(|known| known.name == resource_type)
}
