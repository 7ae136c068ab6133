//! `cargo xtask clean`: deletes everything that can be created again.

use crate::cargo;

#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs `cargo clean`. Zips, tools and the emulator's data are in cargo's target directory. A
/// folder of `local --persist` is the user's and stays.
pub fn run(_args: &Args) -> anyhow::Result<()> {
    cargo::run(
        cargo::command().arg("clean"),
        "delete the target directory",
        "see cargo's message above",
    )
}
