//! `cargo xtask diagram`: draws an environment's stack.

use infra::{Artifacts, Environment};

use crate::options::environment;
use crate::{flowchart, output, render};

#[derive(Debug, clap::Args)]
pub struct DiagramArgs {
    /// Environment whose service stack to draw
    #[arg(long = "env", value_parser = environment())]
    environment: Environment,
}

pub fn run(args: &DiagramArgs) -> anyhow::Result<()> {
    let stack = render::service(args.environment, &Artifacts::placeholder())?;
    output::text(&flowchart::mermaid(&stack.template))
}
