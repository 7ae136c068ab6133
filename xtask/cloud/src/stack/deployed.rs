//! The stack of an environment, for the commands that need it to be there.

use aws_sdk_cloudformation::types::StackStatus;
use infra::{Environment, names};
use xtask::failure::Failure;

use super::Stack;
use crate::aws::Aws;

/// Reads the stack of an environment.
///
/// # Errors
///
/// Where it has not been deployed, or only planned: words and a way out.
pub(crate) async fn read(aws: &Aws, environment: Environment) -> anyhow::Result<Stack> {
    let name = names::stack(environment);
    let stack = super::describe(&aws.cloudformation(), &name).await?;
    let deployed = stack.filter(|stack| stack.status != StackStatus::ReviewInProgress);
    deployed.ok_or_else(|| {
        let place = aws.endpoint_url().unwrap_or(aws.region());
        Failure::new(format!("there is no stack {name} at {place}"))
            .hint(format!(
                "deploy first (`cargo xtask deploy --env {environment}`), or give the --region, --profile or --endpoint-url where the stack is"
            ))
            .into()
    })
}
