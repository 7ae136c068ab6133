//! `cargo xtask outputs`: the outputs of an environment's stack.

use std::process::ExitCode;

use serde::Serialize;
use xtask::cloud::EnvironmentArgs;
use xtask::options::OutputFormat;
use xtask::output;

use crate::aws::Aws;
use crate::report::print_event;
use crate::stack::Outputs;
use crate::{stack, table};

/// The outputs of the stack by their names.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct StackOutputs {
    outputs: Outputs,
}

pub(crate) async fn run(target: &EnvironmentArgs) -> anyhow::Result<ExitCode> {
    let aws = Aws::to_read(&target.aws).await?;
    let outputs = stack::of_environment(&aws, target.environment)
        .await?
        .outputs;
    match target.output {
        OutputFormat::Json => print_event(&StackOutputs { outputs })?,
        OutputFormat::Text => output::text(&table::outputs(&outputs))?,
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{Example, line, outputs};

    impl Example for StackOutputs {
        fn examples() -> Vec<String> {
            let outputs = outputs();
            vec![line(&StackOutputs { outputs })]
        }
    }
}
