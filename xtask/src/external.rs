//! External commands: binaries of other crates, which are built on demand.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::Context as _;

use crate::cargo::{self, Profile};

/// Builds `package` and replaces this process with its binary. The binary gets the arguments and the
/// credentials of this process, and its signals and exit code need no forwarding.
pub fn exec(package: &str, profile: Profile) -> anyhow::Result<()> {
    let binaries = cargo::build_binaries(&[package], profile)?;
    let binary = binaries.first().context("cargo built no binary")?;
    #[expect(
        clippy::disallowed_methods,
        reason = "the binary is a part of this program"
    )]
    let error = Command::new(binary)
        .args(std::env::args_os().skip(1))
        .exec();
    Err(error).with_context(|| format!("starting {}", binary.display()))
}
