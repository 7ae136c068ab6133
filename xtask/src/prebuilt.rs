//! Binaries that a running `cargo xtask test` has built.
//!
//! The tests run hundreds of commands. Without this module, each command would call cargo to check
//! its binaries, which takes a quarter of a second of CPU time.
//!
//! The variable [`RUN`] names the directory of a test run, with links to the binaries and a locked
//! file. After the test run, the file is not locked and the variable is ignored. Otherwise,
//! `cargo xtask deploy` could ship old binaries.

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::time::SystemTime;
use std::{env, io};

use anyhow::Context as _;
use cfn::resources::lambda::Architecture;

use crate::output;

/// The variable with the directory of the test run.
pub(crate) const RUN: &str = "XTASK_TEST_RUN";
/// The folder of binaries of the dev profile.
pub(crate) const DEV: &str = "dev";
const LOCK: &str = "lock";

/// Returns the folder of binaries for Lambda.
pub(crate) const fn for_lambda(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Arm64 => "lambda-arm64",
        Architecture::X86_64 => "lambda-x86_64",
    }
}

/// A test run, which ends when this value is dropped.
pub(crate) struct TestRun {
    directory: PathBuf,
    _lock: File,
}

impl TestRun {
    /// Creates the directory of a test run in `parent`.
    pub(crate) fn begin(parent: &Path) -> anyhow::Result<Self> {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let name = format!("test-run-{}-{}", process::id(), now.as_nanos());
        let directory = parent.join(name);
        let lock = || -> io::Result<File> {
            fs::create_dir_all(&directory)?;
            let lock = File::create_new(directory.join(LOCK))?;
            lock.lock()?;
            Ok(lock)
        };
        let lock = lock().with_context(|| format!("locking {}", directory.display()))?;
        Ok(TestRun {
            directory,
            _lock: lock,
        })
    }

    pub(crate) fn add(&self, folder: &str, binaries: &[PathBuf]) -> io::Result<()> {
        let folder = self.directory.join(folder);
        fs::create_dir_all(&folder)?;
        binaries.iter().try_for_each(|binary| {
            symlink(binary, folder.join(binary.file_name().unwrap_or_default()))
        })
    }

    /// Makes the binaries known to a command and to its child processes.
    pub(crate) fn export(&self, command: &mut Command) {
        command.env(RUN, &self.directory);
    }
}

impl Drop for TestRun {
    fn drop(&mut self) {
        // If the directory cannot be deleted, it is no longer locked and therefore ignored.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Returns the binaries of `packages` in the same order, if a running test run has built all of them.
pub(crate) fn find(folder: &str, packages: &[&str]) -> Option<Vec<PathBuf>> {
    let run = PathBuf::from(env::var_os(RUN)?);
    if !is_running(&run) {
        output::progress(format_args!(
            "warning: {RUN} is ignored, because the `cargo xtask test` that set it has ended; unset it"
        ));
        return None;
    }
    find_in(&run.join(folder), packages)
}

fn is_running(run: &Path) -> bool {
    File::open(run.join(LOCK))
        .is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn find_in(folder: &Path, packages: &[&str]) -> Option<Vec<PathBuf>> {
    packages
        .iter()
        .map(|package| Some(folder.join(package)).filter(|binary| binary.exists()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binaries_of_a_test_run_are_found_until_the_run_ends() {
        let folder = tempfile::tempdir().expect("a folder");
        let built = ["api", "update"].map(|name| folder.path().join(name));
        for binary in &built {
            fs::write(binary, "binary").expect("a file");
        }
        let run = TestRun::begin(folder.path()).expect("a directory");
        run.add(DEV, &built).expect("links");
        let directory = run.directory.clone();
        let dev = directory.join(DEV);
        let found = find_in(&dev, &["update", "api"]).expect("both");
        assert_eq!(found, [dev.join("update"), dev.join("api")]);
        assert_eq!(find_in(&dev, &["api", "verify"]), None);
        assert_eq!(find_in(&directory.join("lambda-arm64"), &["api"]), None);
        assert!(is_running(&directory));
        assert!(is_running(&directory), "the first call keeps no lock");
        drop(run);
        assert!(!directory.exists());
        assert!(!is_running(&directory));
        // A killed run leaves its directory behind.
        fs::create_dir(&directory).expect("a folder");
        File::create_new(directory.join(LOCK)).expect("a file");
        assert!(!is_running(&directory));
    }
}
