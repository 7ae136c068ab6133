//! The ARNs of the pipeline's permissions: those of resources that exist, and by their
//! names those of resources that a stack will create.

use cfn::sub;
use cfn::template::{AnyArn, Pseudo, Value};
use contract::Function;

use crate::{Environment, names};

pub(super) use crate::stack::arns::arn;

/// The environment's artifact bucket.
pub(super) fn artifact_bucket(environment: Environment) -> Value<AnyArn> {
    sub![
        "arn:",
        Pseudo::Partition,
        ":s3:::",
        names::artifacts_stack(environment),
        "-",
        Pseudo::AccountId,
        "-",
        Pseudo::Region
    ]
}

/// The environment's functions, each with its versions and aliases. They are listed by
/// name: `function:crypto-watch-*-dev` would match an alias `x-dev` of prod's function.
pub(super) fn functions(environment: Environment) -> Vec<Value<AnyArn>> {
    let names = Function::ALL.map(|function| names::function(function, environment));
    names
        .iter()
        .flat_map(|name| [name.clone(), format!("{name}:*")])
        .map(|name| arn("lambda", "function:", &name))
        .collect()
}

/// The environment's secrets; Secrets Manager adds characters of its own.
pub(super) fn secrets(environment: Environment) -> Value<AnyArn> {
    let name = format!("{}/{environment}/*", names::PROJECT);
    arn("secretsmanager", "secret:", &name)
}

/// The roles of the environment's stack: CloudFormation gives them names that begin
/// with the stack's. No role of the pipeline has such a name.
pub(super) fn roles(environment: Environment) -> Value<AnyArn> {
    sub![
        "arn:",
        Pseudo::Partition,
        ":iam::",
        Pseudo::AccountId,
        format!(":role/{}-*", names::stack(environment))
    ]
}
