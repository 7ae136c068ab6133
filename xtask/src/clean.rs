//! `cargo xtask clean`: deletes everything that the commands can create again.

use crate::cargo;

#[derive(Debug, clap::Args)]
pub struct CleanArgs {}

/// Runs `cargo clean`, which also deletes zips, tools and the emulator's data: all of them are in
/// cargo's target directory. A folder of `local --persist` stays.
pub fn run(_args: &CleanArgs) -> anyhow::Result<()> {
    cargo::run(
        cargo::command().arg("clean"),
        "delete the target directory",
        "see cargo's message above",
    )
}
