//! The stack of an environment, for the commands that need it to be there.

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
    let stack = stack.ok_or_else(|| missing(aws, environment))?;
    if stack.is_only_planned() {
        return Err(Failure::new(format!(
            "nothing is deployed: the stack {name} is only planned ({})",
            stack.status
        ))
        .hint(way_on(&stack, environment))
        .into());
    }
    Ok(stack)
}

/// The failure of a command that needs the stack of an environment.
pub(crate) fn missing(aws: &Aws, environment: Environment) -> Failure {
    let name = names::stack(environment);
    let place = aws.endpoint_url().unwrap_or(aws.region());
    Failure::new(format!("there is no stack {name} at {place}")).hint(format!(
        "deploy first (`cargo xtask deploy --env {environment}`), or give the --region, --profile or --endpoint-url where the stack is"
    ))
}

/// The commands for a stack that is only planned.
pub(crate) fn way_on(stack: &Stack, environment: Environment) -> String {
    format!(
        "`cargo xtask deploy --env {environment}` deploys it; {} removes the plan",
        stack.command("delete-stack")
    )
}
