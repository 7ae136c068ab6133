//! `cargo xtask clean`: removes everything that can be made again.

use crate::cargo;

#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command. Zips, test tools and emulators all are in cargo's target
/// directory, so cargo's own command removes them too; a folder given to
/// `local --persist` is the user's and stays.
pub fn run(_args: &Args) -> anyhow::Result<()> {
    cargo::run(
        cargo::command().arg("clean"),
        "remove the target directory",
        "see cargo's message above",
    )
}
