//! ARNs of resources that may belong to another stack, built from the names of the resources.

use cfn::arn;
use cfn::template::{AnyArn, Pseudo, Value};
use contract::Function;

use crate::{Environment, names};

/// Returns the ARN of a resource in the stack's account and Region.
pub(crate) fn regional(service: &'static str, kind: &'static str, name: &str) -> Value<AnyArn> {
    let name = name.to_owned();
    arn![service, Pseudo::Region, Pseudo::AccountId, kind, name]
}

/// Returns the ARN of the environment's artifact bucket.
pub(crate) fn artifact_bucket(environment: Environment) -> Value<AnyArn> {
    let name = names::artifacts_stack(environment);
    arn![
        "s3",
        "",
        "",
        name,
        "-",
        Pseudo::AccountId,
        "-",
        Pseudo::Region
    ]
}

/// Returns the ARNs of the environment's functions, and of their versions and aliases. Each
/// function has its own ARN, because the pattern `function:crypto-watch-*-dev` would also match an
/// alias `x-dev` of prod's functions.
pub(crate) fn functions(environment: Environment) -> Vec<Value<AnyArn>> {
    let names = Function::ALL.map(|function| names::function(function, environment));
    names
        .iter()
        .flat_map(|name| [name.clone(), format!("{name}:*")])
        .map(|name| regional("lambda", "function:", &name))
        .collect()
}

/// Returns the pattern for the environment's secrets. Secrets Manager appends a random suffix
/// to their names.
pub(crate) fn secrets(environment: Environment) -> Value<AnyArn> {
    let name = format!("{}/{environment}/*", names::PROJECT);
    regional("secretsmanager", "secret:", &name)
}

/// Returns the pattern for the roles of the service's stack, whose generated names begin with the
/// stack's name. The pattern matches no role of the pipeline.
pub(crate) fn roles(environment: Environment) -> Value<AnyArn> {
    let stack = names::stack(environment);
    arn!["iam", "", Pseudo::AccountId, "role/", stack, "-*"]
}
