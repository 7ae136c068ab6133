//! The environment variables of a function's process.

use std::collections::BTreeMap;

use crate::plan::FunctionPlan;

/// The region of everything local.
pub(super) const REGION: &str = "us-east-1";

/// Returns the variables that Lambda sets
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>), the variables of the
/// template, and the base URL of the table. The caller sets `AWS_LAMBDA_RUNTIME_API`. A process inherits
/// no variable of this machine, so that none changes what the function does.
pub fn environment_variables(
    plan: &FunctionPlan,
    table_endpoint: &str,
) -> BTreeMap<String, String> {
    let log_group = format!("/aws/lambda/{}", plan.name);
    let memory = plan.memory_mb.to_string();
    let mut variables: BTreeMap<String, String> = [
        ("AWS_LAMBDA_FUNCTION_NAME", plan.name.as_str()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &memory),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", &log_group),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "local"),
        ("AWS_REGION", REGION),
        ("AWS_DEFAULT_REGION", REGION),
        ("LAMBDA_TASK_ROOT", "/var/task"),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
        ("_HANDLER", "bootstrap"),
        ("TZ", ":UTC"),
        ("LANG", "en_US.UTF-8"),
        // The table accepts any credentials, but the SDK needs some to sign with.
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_SESSION_TOKEN", "local"),
        ("AWS_ENDPOINT_URL_DYNAMODB", table_endpoint),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    variables.extend(plan.environment.clone());
    variables
}
