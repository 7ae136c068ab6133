//! Every physical name, in one place.

use contract::Function;

use crate::Environment;
use crate::secret::ProviderKey;

pub use contract::PROJECT;

/// The stack of the older layout with the pipeline roles of all environments. The
/// stacks of [`pipeline_stack`] replace it.
pub const OLDER_PIPELINE_STACK: &str = "crypto-watch-pipeline";

/// The stack of GitHub's identity provider, which an account has once.
pub const IDENTITY_PROVIDER_STACK: &str = "crypto-watch-identity-provider";

/// The region of [`IDENTITY_PROVIDER_STACK`].
pub const IDENTITY_PROVIDER_REGION: &str = "us-east-1";

/// The stack of an environment's artifact bucket.
pub fn artifacts_stack(environment: Environment) -> String {
    of(environment, "artifacts")
}

/// The stack of an environment's permissions boundary.
pub fn boundary_stack(environment: Environment) -> String {
    of(environment, "boundary")
}

/// The managed policy that is an environment's permissions boundary. Its name
/// contains the region: IAM's names are unique in an account, and the stack is
/// regional.
pub fn boundary_policy(environment: Environment, region: &str) -> String {
    format!("{}-{region}", boundary_stack(environment))
}

/// The stack of the roles with which the pipeline deploys an environment.
pub fn pipeline_stack(environment: Environment) -> String {
    of(environment, "pipeline")
}

/// The role of the pipeline's jobs that deploy an environment.
pub fn deploy_role(environment: Environment) -> String {
    of(environment, "deploy")
}

/// The role of the pipeline's jobs that plan a deploy.
pub fn plan_role(environment: Environment) -> String {
    of(environment, "plan")
}

/// The role of the pipeline's jobs that read: drift and status.
pub fn read_role(environment: Environment) -> String {
    of(environment, "read")
}

/// The role of the pipeline's jobs that roll back.
pub fn rollback_role(environment: Environment) -> String {
    of(environment, "rollback")
}

/// The role that CloudFormation assumes for the pipeline's deploys.
pub fn cloudformation_role(environment: Environment) -> String {
    of(environment, "cloudformation")
}

/// An environment's stack.
pub fn stack(environment: Environment) -> String {
    format!("{PROJECT}-{environment}")
}

/// An environment's table.
pub fn table(environment: Environment) -> String {
    format!("{PROJECT}-data-{environment}")
}

/// A function.
pub fn function(function: Function, environment: Environment) -> String {
    format!("{PROJECT}-{}-{environment}", function.name())
}

/// A function's log group; Lambda's own name for it.
pub fn function_log_group(function: Function, environment: Environment) -> String {
    format!("/aws/lambda/{}", self::function(function, environment))
}

/// The log group of the API's access logs. With `/aws/vendedlogs/` in front it
/// does not count towards the size of CloudWatch Logs' resource policy.
pub fn access_log_group(environment: Environment) -> String {
    format!("/aws/vendedlogs/{PROJECT}-api-{environment}")
}

/// The prefix of templates in the bucket, which only a deploy of an earlier revision
/// writes: the pipeline's roles permit it.
pub const TEMPLATES_PREFIX: &str = "templates/";

/// The prefix of the bucket's records of deployments.
pub const RECORDS_PREFIX: &str = "deployments/";

/// The queue of the updates that were given up.
pub fn dead_letters(environment: Environment) -> String {
    of(environment, "update-dead-letters")
}

/// The CodeDeploy deployment group that moves a function's traffic.
pub fn deployment_group(function: Function, environment: Environment) -> String {
    of(environment, function.name())
}

/// The secret with the key of a price provider. Nothing in the stack makes it.
pub fn secret(environment: Environment, key: ProviderKey) -> String {
    format!("{PROJECT}/{environment}/{}", key.name())
}

/// Anything else of an environment: the API, the schedule, an alarm.
pub fn of(environment: Environment, what: &str) -> String {
    format!("{PROJECT}-{what}-{environment}")
}

/// What stands in the names of the alarms that stop a rollout, all of them of
/// the API: errors, throttles, answers with 5xx.
pub(crate) const ROLLOUT_ALARMS: [&str; 3] = ["api-errors", "api-throttles", "api-5xx"];

/// The alarms that stop a rollout.
pub fn rollout_alarms(environment: Environment) -> [String; 3] {
    ROLLOUT_ALARMS.map(|what| of(environment, what))
}

/// The bucket that holds the zips of an environment's functions.
pub fn artifact_bucket(environment: Environment, account_id: &str, region: &str) -> String {
    format!("{}-{account_id}-{region}", artifacts_stack(environment))
}

/// The prefix of the command lines in the bucket.
pub const COMMAND_LINES_PREFIX: &str = "command-line/";

/// The key of a command line in the bucket, named by its content like a zip.
pub fn command_line_key(digest: &cfn::Sha256Digest) -> String {
    format!("{COMMAND_LINES_PREFIX}{digest}")
}

/// Where a zip is in the bucket: by its content, so that the same zip is the
/// same object and an upload can be skipped.
pub fn artifact_key(function: Function, digest: &cfn::Sha256Digest) -> String {
    format!("{}/{digest}.zip", function.name())
}
