//! The environment variables of a function's process: what Lambda sets, what
//! the template sets, and where the local table is. Nothing is inherited but,
//! by a function that speaks to the network, the way out to it, so that no
//! variable of this machine can change what a function does.

use std::collections::BTreeMap;

use lambda_simulator::Simulator;

use crate::plan::FunctionPlan;

/// Variables that the simulator sets as Lambda's managed runtimes do, and that
/// do not belong here: search paths that mean folders of Lambda's own image,
/// and a name that Lambda does not define for OS-only runtimes.
const NOT_HERE: [&str; 3] = ["PATH", "LD_LIBRARY_PATH", "AWS_EXECUTION_ENV"];

/// Returns the variables of a function's process. `table_endpoint` is the base URL of the
/// DynamoDB API.
pub(super) fn variables(
    simulator: &Simulator,
    plan: &FunctionPlan,
    table_endpoint: &str,
) -> BTreeMap<String, String> {
    let mut variables: BTreeMap<String, String> = simulator
        .lambda_env_vars()
        .into_iter()
        .filter(|(name, _)| !NOT_HERE.contains(&name.as_str()))
        .collect();
    let mut set = |name: &str, value: &str| variables.insert(name.to_owned(), value.to_owned());
    set(
        "AWS_LAMBDA_LOG_GROUP_NAME",
        &format!("/aws/lambda/{}", plan.name),
    );
    // The table answers to any credentials; the SDK wants some to sign with.
    set("AWS_ACCESS_KEY_ID", "local");
    set("AWS_SECRET_ACCESS_KEY", "local");
    set("AWS_SESSION_TOKEN", "local");
    set("AWS_ENDPOINT_URL_DYNAMODB", table_endpoint);
    variables.extend(plan.environment.clone());
    variables
}
