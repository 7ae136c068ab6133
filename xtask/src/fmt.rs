//! `cargo xtask fmt`: formats the code and updates the generated files.

use std::fs;

use crate::{cargo, files, output, workspace};

#[derive(Debug, clap::Args)]
pub struct FmtArgs {}

/// A file that is generated from `functions/contract`.
pub(crate) const ENV_EXAMPLE: &str = ".env.example";

pub fn run(_args: &FmtArgs) -> anyhow::Result<()> {
    cargo::run(
        cargo::command().args(["fmt", "--all"]),
        "format the code",
        "see cargo's message above",
    )?;
    let path = workspace::root().join(ENV_EXAMPLE);
    let current = contract::environment::env_example();
    if fs::read_to_string(&path).ok().as_ref() != Some(&current) {
        files::replace(&path, current, files::PUBLIC)?;
        output::progress(format_args!("wrote {ENV_EXAMPLE}"));
    }
    Ok(())
}
