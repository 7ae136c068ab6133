//! The names of all resources and stacks.

use contract::Function;

use crate::Environment;
use crate::secret::ProviderKey;

pub use contract::PROJECT;

/// The stack of an older layout, with the pipeline roles of all environments. The stacks of
/// [`pipeline_stack`] replace it.
pub const OLDER_PIPELINE_STACK: &str = "crypto-watch-pipeline";

/// The stack of GitHub's identity provider, which an account has once.
pub const IDENTITY_PROVIDER_STACK: &str = "crypto-watch-identity-provider";

/// The Region of [`IDENTITY_PROVIDER_STACK`].
pub const IDENTITY_PROVIDER_REGION: &str = "us-east-1";

/// The key prefix of templates in the artifact bucket. Only older revisions upload templates;
/// the pipeline's roles still permit that.
pub const TEMPLATES_PREFIX: &str = "templates/";

/// The key prefix of deployment records in the artifact bucket.
pub const RECORDS_PREFIX: &str = "deployments/";

/// The key prefix of command-line binaries in the artifact bucket.
pub const COMMAND_LINES_PREFIX: &str = "command-line/";

/// The middle parts of the names of the alarms that stop a rollout.
pub(crate) const ROLLOUT_ALARMS: [&str; 3] = ["api-errors", "api-throttles", "api-5xx"];

/// Returns the name of a resource whose kind has no function of its own in this module:
/// `{project}-{what}-{environment}`.
pub fn of(environment: Environment, what: &str) -> String {
    format!("{PROJECT}-{what}-{environment}")
}

/// Returns the name of the service's stack.
pub fn stack(environment: Environment) -> String {
    format!("{PROJECT}-{environment}")
}

/// Returns the name of the stack with the artifact bucket.
pub fn artifacts_stack(environment: Environment) -> String {
    of(environment, "artifacts")
}

/// Returns the name of the stack with the permissions boundary.
pub fn boundary_stack(environment: Environment) -> String {
    of(environment, "boundary")
}

/// Returns the name of the stack with the pipeline's roles.
pub fn pipeline_stack(environment: Environment) -> String {
    of(environment, "pipeline")
}

/// Returns the name of the managed policy that is the permissions boundary. The name contains
/// the Region, because IAM's names are unique in an account and the stack is regional.
pub fn boundary_policy(environment: Environment, region: &str) -> String {
    format!("{}-{region}", boundary_stack(environment))
}

/// Returns the name of the role that CloudFormation assumes for the pipeline's deploys.
pub fn cloudformation_role(environment: Environment) -> String {
    of(environment, "cloudformation")
}

/// Returns the name of the table.
pub fn table(environment: Environment) -> String {
    of(environment, "data")
}

/// Returns the name of a function.
pub fn function(function: Function, environment: Environment) -> String {
    of(environment, function.name())
}

/// Returns the name of a function's log group, which is Lambda's default name.
pub fn function_log_group(function: Function, environment: Environment) -> String {
    format!("/aws/lambda/{}", self::function(function, environment))
}

/// Returns the name of the API's access log group. With the prefix `/aws/vendedlogs/`, the log
/// group does not count toward the size limit of CloudWatch Logs resource policies.
pub fn access_log_group(environment: Environment) -> String {
    format!("/aws/vendedlogs/{}", of(environment, "api"))
}

/// Returns the name of the dead-letter queue of the updates.
pub fn dead_letters(environment: Environment) -> String {
    of(environment, "update-dead-letters")
}

/// Returns the name of the deployment group that shifts a function's traffic.
pub fn deployment_group(function: Function, environment: Environment) -> String {
    of(environment, function.name())
}

/// Returns the name of the secret with a price provider's API key. No stack creates the
/// secret.
pub fn secret(environment: Environment, key: ProviderKey) -> String {
    format!("{PROJECT}/{environment}/{}", key.name())
}

/// Returns the names of the alarms that stop a rollout.
pub fn rollout_alarms(environment: Environment) -> [String; 3] {
    ROLLOUT_ALARMS.map(|what| of(environment, what))
}

/// Returns the name of the artifact bucket.
pub fn artifact_bucket(environment: Environment, account_id: &str, region: &str) -> String {
    format!("{}-{account_id}-{region}", artifacts_stack(environment))
}

/// Returns the key of a command-line binary in the artifact bucket, from its digest.
pub fn command_line_key(digest: &cfn::Sha256Digest) -> String {
    format!("{COMMAND_LINES_PREFIX}{digest}")
}

/// Returns the key of a zip in the artifact bucket, from its digest: equal zips are the same
/// object, so a deploy does not upload a zip twice.
pub fn artifact_key(function: Function, digest: &cfn::Sha256Digest) -> String {
    format!("{}/{digest}.zip", function.name())
}
