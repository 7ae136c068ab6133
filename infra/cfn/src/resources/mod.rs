//! CloudFormation's resource types: one file for each service, and of each type only the
//! properties that the workspace uses.
//!
//! A struct reads like the template that it renders to. A property that CloudFormation
//! requires is a plain field. Another one is an `Option`, or a plain field if every template
//! has to have it. A property with only one right value is a type without other values.

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
mod registry;
pub mod route53;
pub mod s3;
pub mod scheduler;
pub mod secretsmanager;
pub mod sns;
pub mod sqs;
mod tags;

pub use registry::{ALL, find};
pub use tags::{Tag, Tags};
