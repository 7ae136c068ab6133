//! The names of all resources and stacks.

use contract::Function;

use crate::Environment;
use crate::secret::ProviderKey;

pub use contract::PROJECT;

/// The stack that had the pipeline's roles of all environments in an older layout. Each environment
/// now has a [`pipeline_stack`].
pub const OLDER_PIPELINE_STACK: &str = "crypto-watch-pipeline";

/// The stack of the identity provider for GitHub. An account can have only one such provider.
pub const IDENTITY_PROVIDER_STACK: &str = "crypto-watch-identity-provider";

/// The Region of [`IDENTITY_PROVIDER_STACK`].
pub const IDENTITY_PROVIDER_REGION: &str = "us-east-1";

/// The key prefix of templates in the artifact bucket. Only older revisions of `cargo xtask` upload
/// templates. The pipeline's roles still allow these uploads.
pub const TEMPLATES_PREFIX: &str = "templates/";

/// The key prefix of deployment records in the artifact bucket.
pub const RECORDS_PREFIX: &str = "deployments/";

/// The key prefix of command-line binaries in the artifact bucket.
pub const COMMAND_LINES_PREFIX: &str = "command-line/";

/// The alarms that stop a rollout, by the middle part of their names.
pub(crate) const ROLLOUT_ALARMS: [&str; 3] = ["api-errors", "api-throttles", "api-5xx"];

/// Returns `{project}-{what}-{environment}`, the form of most names.
pub fn resource(environment: Environment, what: &str) -> String {
    format!("{PROJECT}-{what}-{environment}")
}

/// Returns the name of the service's stack.
pub fn stack(environment: Environment) -> String {
    format!("{PROJECT}-{environment}")
}

/// Returns the name of the stack with the artifact bucket.
pub fn artifacts_stack(environment: Environment) -> String {
    resource(environment, "artifacts")
}

/// Returns the name of the stack with the permissions boundary.
pub fn boundary_stack(environment: Environment) -> String {
    resource(environment, "boundary")
}

/// Returns the name of the stack with the pipeline's roles.
pub fn pipeline_stack(environment: Environment) -> String {
    resource(environment, "pipeline")
}

/// Returns the name of the managed policy that is the permissions boundary. The name contains the
/// Region: each Region can have such a stack, and the names of policies are unique in the account.
pub fn boundary_policy(environment: Environment, region: &str) -> String {
    format!("{}-{region}", boundary_stack(environment))
}

/// Returns the name of the role that CloudFormation assumes for the pipeline's deploys.
pub fn cloudformation_role(environment: Environment) -> String {
    resource(environment, "cloudformation")
}

pub fn table(environment: Environment) -> String {
    resource(environment, "data")
}

pub fn function(function: Function, environment: Environment) -> String {
    resource(environment, function.name())
}

/// Returns the name of a function's log group: the name that Lambda uses by default.
pub fn function_log_group(function: Function, environment: Environment) -> String {
    format!("/aws/lambda/{}", self::function(function, environment))
}

/// Returns the name of the API's access log group. With the prefix `/aws/vendedlogs/`, the log
/// group does not count toward the size limit of CloudWatch Logs resource policies.
pub fn access_log_group(environment: Environment) -> String {
    format!("/aws/vendedlogs/{}", resource(environment, "api"))
}

/// Returns the name of the dead-letter queue of the updates.
pub fn dead_letters(environment: Environment) -> String {
    resource(environment, "update-dead-letters")
}

/// Returns the name of the CodeDeploy deployment group that shifts a function's traffic.
pub fn deployment_group(function: Function, environment: Environment) -> String {
    resource(environment, function.name())
}

/// Returns the name of the secret with a price provider's API key. An operator creates the secret.
pub fn secret(environment: Environment, key: ProviderKey) -> String {
    format!("{PROJECT}/{environment}/{}", key.name())
}

pub fn rollout_alarms(environment: Environment) -> [String; 3] {
    ROLLOUT_ALARMS.map(|what| resource(environment, what))
}

pub fn artifact_bucket(environment: Environment, account_id: &str, region: &str) -> String {
    format!("{}-{account_id}-{region}", artifacts_stack(environment))
}

/// Returns the key of a command-line binary in the artifact bucket.
pub fn command_line_key(digest: &cfn::Sha256Digest) -> String {
    format!("{COMMAND_LINES_PREFIX}{digest}")
}

/// Returns the key of a zip in the artifact bucket. The key contains the digest, so equal zips are
/// the same object, and a deploy does not upload a zip twice.
pub fn artifact_key(function: Function, digest: &cfn::Sha256Digest) -> String {
    format!("{}/{digest}.zip", function.name())
}
