//! Binaries that an outer command has built already.
//!
//! The tests start hundreds of commands, each of which would ask cargo once more
//! whether its binaries are up to date: a quarter of a second of CPU every time.

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;
use infra::resources::lambda::Architecture;

/// The variable with the paths of binaries that were built with the dev profile.
pub(crate) const DEV: &str = "XTASK_BUILT_DEV";
const LAMBDA_ARM64: &str = "XTASK_BUILT_LAMBDA_ARM64";
const LAMBDA_X86_64: &str = "XTASK_BUILT_LAMBDA_X86_64";

/// The variable with the paths of binaries that were built for Lambda.
pub(crate) const fn for_lambda(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Arm64 => LAMBDA_ARM64,
        Architecture::X86_64 => LAMBDA_X86_64,
    }
}

/// Tells a command, and what it starts, which binaries need not be built again.
///
/// # Errors
///
/// When a path has a colon in it.
pub(crate) fn tell(
    command: &mut Command,
    variable: &str,
    binaries: &[PathBuf],
) -> anyhow::Result<()> {
    let paths = env::join_paths(binaries).context("telling the tests what is built")?;
    command.env(variable, paths);
    Ok(())
}

/// Keeps it from a command: cargo, and whoever types `cargo xtask`, look for themselves.
pub(crate) fn forget(command: &mut Command) {
    for variable in [DEV, LAMBDA_ARM64, LAMBDA_X86_64] {
        command.env_remove(variable);
    }
}

/// Where the binaries of `packages` are, in their order, if an outer command has built
/// all of them.
pub(crate) fn find(variable: &str, packages: &[&str]) -> Option<Vec<PathBuf>> {
    among(&env::var_os(variable)?, packages)
}

fn among(told: &OsStr, packages: &[&str]) -> Option<Vec<PathBuf>> {
    let told: Vec<PathBuf> = env::split_paths(told).collect();
    packages
        .iter()
        .map(|package| {
            let named = |path: &&PathBuf| path.file_name() == Some(OsStr::new(package));
            told.iter().find(named).cloned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_the_binaries_are_there_or_none() {
        let told = OsStr::new("/target/debug/api:/target/debug/update");
        let found = among(told, &["update", "api"]).expect("both");
        assert_eq!(
            found,
            ["/target/debug/update", "/target/debug/api"].map(PathBuf::from)
        );
        assert_eq!(among(told, &["api", "verify"]), None);
        assert_eq!(among(told, &["debug"]), None);
    }

    #[test]
    fn what_a_command_is_told_can_be_taken_back() {
        let mut command = crate::child::command("true");
        let paths = ["/a/api", "/a/update"].map(PathBuf::from);
        tell(&mut command, DEV, &paths).expect("paths without a colon");
        let said = |command: &Command| {
            let mut variables = command.get_envs();
            let value = variables.find(|(name, _)| *name == DEV)?.1?;
            among(value, &["api", "update"])
        };
        assert_eq!(said(&command), Some(paths.to_vec()));
        forget(&mut command);
        assert_eq!(said(&command), None);
    }
}
