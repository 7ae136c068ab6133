//! The ARNs that the pipeline's roles are held to: of what is there already, and
//! of what a stack will make, by the names that it gives.

use crate::template::{AnyArn, Pseudo, Value};
use crate::{Environment, names, sub};

pub(super) use crate::stack::arns::arn;

/// The environment's artifact bucket.
pub(super) fn artifact_bucket(environment: Environment) -> Value<AnyArn> {
    bucket_of(names::artifacts_stack(environment))
}

/// The artifact buckets of all environments.
pub(super) fn artifact_buckets() -> Value<AnyArn> {
    bucket_of(format!("{}-artifacts-*", names::PROJECT))
}

fn bucket_of(stack: String) -> Value<AnyArn> {
    sub![
        "arn:",
        Pseudo::Partition,
        ":s3:::",
        stack,
        "-",
        Pseudo::AccountId,
        "-",
        Pseudo::Region
    ]
}

/// The environment's secrets; Secrets Manager adds characters of its own.
pub(super) fn secrets(environment: Environment) -> Value<AnyArn> {
    let name = format!("{}/{environment}/*", names::PROJECT);
    arn("secretsmanager", "secret:", &name)
}

/// The roles of the environment's stack: CloudFormation gives them names that
/// begin with the stack's. No role of the pipeline has such a name.
pub(super) fn roles(environment: Environment) -> Value<AnyArn> {
    let name = names::stack(environment);
    sub![
        "arn:",
        Pseudo::Partition,
        ":iam::",
        Pseudo::AccountId,
        ":role/",
        format!("{name}-*")
    ]
}
