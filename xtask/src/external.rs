//! Commands in binaries of other crates, which are built on demand.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::Context as _;

use crate::cargo::{self, Profile};

/// Builds `package` and becomes it, with the arguments and credentials of this process.
///
/// The process is replaced, so signals and the exit code need no forwarding.
pub fn exec(package: &str, profile: Profile) -> anyhow::Result<()> {
    let binaries = cargo::build_binaries(&[package], profile)?;
    let binary = binaries
        .first()
        .with_context(|| format!("cargo built no {package}"))?;
    #[expect(
        clippy::disallowed_methods,
        reason = "it is this program, in another binary"
    )]
    let error = Command::new(binary)
        .args(std::env::args_os().skip(1))
        .exec();
    Err(error).with_context(|| format!("starting {}", binary.display()))
}
