//! `cargo xtask build`: builds the functions' zips and prints their paths and digests.

use std::process::ExitCode;

use xtask::build::{BuildArgs, BuildOutput, PackageCommand};
use xtask::options::OutputFormat;
use xtask::output;

fn main() -> ExitCode {
    xtask::start(|PackageCommand::Build(args)| build(&args).map(|()| ExitCode::SUCCESS))
}

fn build(args: &BuildArgs) -> anyhow::Result<()> {
    let artifacts = xtask_package::build(args.architecture())?;
    match args.output {
        OutputFormat::Json => output::json_line(&BuildOutput { artifacts }),
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
