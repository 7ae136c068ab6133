//! `cargo xtask outputs`: what a deployed stack gives.

use std::process::ExitCode;

use xtask::cloud::OutputsArgs;
use xtask::options::OutputFormat;
use xtask::output;

use crate::aws::Aws;
use crate::stack::Outputs;
use crate::{stack, table};

/// Runs the command.
pub(crate) async fn run(args: &OutputsArgs) -> anyhow::Result<ExitCode> {
    let target = &args.target;
    let aws = Aws::to_read(&target.aws).await?;
    let outputs = stack::of_environment(&aws, target.environment)
        .await?
        .outputs;
    match target.output {
        OutputFormat::Json => output::json_line(&outputs)?,
        OutputFormat::Text => output::text(&table(&outputs))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes outputs as a table.
pub(crate) fn table(outputs: &Outputs) -> String {
    let lines = outputs.iter().map(|(name, value)| [name, value]);
    table::text(lines.map(|line| line.map(String::clone)))
}
