//! CloudFormation's resource types: one file a service, and of each type only
//! the properties that we use.
//!
//! A struct reads like the template it renders to. A property that
//! CloudFormation requires is a plain field; one that it does not is an
//! `Option`, or a plain field where this project wants it always.

pub mod acm;
pub mod apigatewayv2;
pub mod cloudwatch;
pub mod codedeploy;
mod create_only;
pub mod dynamodb;
pub mod host_name;
pub mod iam;
pub mod lambda;
pub mod logs;
pub mod route53;
pub mod s3;
pub mod scheduler;
pub mod secretsmanager;
pub mod sns;
pub mod sqs;
mod tags;

pub use create_only::create_only;
pub use tags::{Tag, Tags};

/// The kind of a `Ref` to a type whose primary identifier has several parts. No
/// property takes it: a drift-aware change set resolves such a `Ref` to the first
/// part, whatever the type's page says
/// (<https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2505>).
#[derive(Debug)]
pub enum SeveralIdentifiers {}

/// Declares what values can mean: types that have no value of their own.
macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident),+ $(,)?) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug)]
            pub enum $name {}
        )+
    };
}

/// Declares kinds that are ARNs, and so may stand in a policy's resources.
macro_rules! arns {
    ($($(#[doc = $doc:literal])+ $name:ident),+ $(,)?) => {
        $crate::resources::kinds! { $($(#[doc = $doc])+ $name),+ }
        $(impl $crate::template::IsArn for $name {})+
    };
}

/// Ties a properties struct to its CloudFormation type.
macro_rules! resource {
    ($name:ident, $type:literal, Ref = $ref:ty) => {
        $crate::resources::resource!(
            $name,
            $type,
            Ref = $ref,
            UpdatePolicy = $crate::template::NoUpdatePolicy
        );
    };
    ($name:ident, $type:literal, Ref = $ref:ty, named by $property:literal) => {
        impl $crate::template::Resource for $name {
            const TYPE: &'static str = $type;
            type Ref = $ref;
            type UpdatePolicy = $crate::template::NoUpdatePolicy;
            const NAME: Option<&'static str> = Some($property);
        }
    };
    ($name:ident, $type:literal, Ref = $ref:ty, UpdatePolicy = $policy:ty) => {
        impl $crate::template::Resource for $name {
            const TYPE: &'static str = $type;
            type Ref = $ref;
            type UpdatePolicy = $policy;
        }
    };
}

pub(crate) use {arns, kinds, resource};
