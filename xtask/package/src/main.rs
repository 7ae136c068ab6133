//! `cargo xtask build`: builds the functions and says where their zips are.

use std::process::ExitCode;

use serde::Serialize;
use xtask::build::{Args, Artifact};
use xtask::failure::Failure;
use xtask::options::OutputFormat;
use xtask::{Command, output};

fn main() -> ExitCode {
    xtask::start(|command| run(&command).map(|()| ExitCode::SUCCESS))
}

fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Build(args) => build(args),
        _ => Err(Failure::new("xtask-package runs build only")
            .hint("run it as cargo xtask, which knows where each command is")
            .into()),
    }
}

fn build(args: &Args) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct Built {
        artifacts: Vec<Artifact>,
    }

    let artifacts = xtask_package::build(args.architecture())?;
    match args.output {
        OutputFormat::Json => output::json_line(&Built { artifacts }),
        OutputFormat::Text => artifacts.iter().try_for_each(|artifact| {
            output::text(&format!(
                "{}  {} bytes  sha256 {}\n",
                artifact.path.display(),
                artifact.bytes,
                artifact.sha256
            ))
        }),
    }
}
