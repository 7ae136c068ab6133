//! Binaries that a running `cargo xtask test` has built already.
//!
//! The tests start hundreds of commands, each of which would ask cargo once more
//! whether its binaries are up to date: a quarter of a second of CPU every time.
//!
//! The variables that name them mean nothing without the test run: left in a shell, they
//! would have `cargo xtask deploy` ship old binaries. The proof is a file that the run
//! keeps locked, which ends with its process.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use cfn::resources::lambda::Architecture;

use crate::output;

/// The variable with the file that the test run keeps locked.
const RUN: &str = "XTASK_BUILT_BY";
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

/// A test run, until it is dropped.
pub(crate) struct TestRun {
    lock: PathBuf,
    /// Holds the lock.
    _file: File,
}

impl TestRun {
    /// Begins a test run, whose lock is a file in `folder`.
    pub(crate) fn begin(folder: &Path) -> anyhow::Result<Self> {
        let since_1970 = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let name = format!("test-run-{}-{}", process::id(), since_1970.as_nanos());
        Self::with_lock(folder.join(name))
    }

    fn with_lock(lock: PathBuf) -> anyhow::Result<Self> {
        let begin = || {
            fs::create_dir_all(lock.parent().unwrap_or(Path::new(".")))?;
            let file = File::create_new(&lock)?;
            file.lock()?;
            Ok(file)
        };
        let file: std::io::Result<File> = begin();
        let file = file.with_context(|| format!("locking {}", lock.display()))?;
        Ok(TestRun { lock, _file: file })
    }

    /// Tells a command, and what it starts, which binaries need not be built again.
    ///
    /// # Errors
    ///
    /// When a path has a colon in it.
    pub(crate) fn tell(
        &self,
        command: &mut Command,
        variable: &str,
        binaries: &[PathBuf],
    ) -> anyhow::Result<()> {
        let paths = env::join_paths(binaries).context("telling the tests what is built")?;
        command.env(variable, paths).env(RUN, &self.lock);
        Ok(())
    }
}

impl Drop for TestRun {
    fn drop(&mut self) {
        // One that stays proves nothing: it is not locked.
        let _ = fs::remove_file(&self.lock);
    }
}

/// Returns true if the test run that keeps this file locked is still running.
fn is_running(lock: &Path) -> bool {
    File::open(lock)
        .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Keeps it from a command: cargo, and people who type `cargo xtask`, look for themselves.
pub(crate) fn forget(command: &mut Command) {
    for variable in [RUN, DEV, LAMBDA_ARM64, LAMBDA_X86_64] {
        command.env_remove(variable);
    }
}

/// Finds the binaries of `packages`, in their order, if a running test run has built all of
/// them.
pub(crate) fn find(variable: &str, packages: &[&str]) -> Option<Vec<PathBuf>> {
    find_of_run(env::var_os(variable), env::var_os(RUN), packages).unwrap_or_else(|| {
        output::progress(format_args!(
            "warning: {variable} is ignored, because the `cargo xtask test` that set it is over; unset it"
        ));
        None
    })
}

/// The outer `None` is a variable that no running test run has set.
#[expect(clippy::option_option, reason = "named in the comment")]
fn find_of_run(
    told: Option<OsString>,
    run: Option<OsString>,
    packages: &[&str],
) -> Option<Option<Vec<PathBuf>>> {
    let Some(told) = told else {
        return Some(None);
    };
    let is_proved = run.is_some_and(|lock| is_running(Path::new(&lock)));
    is_proved.then(|| among(&told, packages))
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
    fn binaries_count_while_the_test_run_that_built_them_is_running() {
        let folder = tempfile::tempdir().expect("a folder");
        let lock = folder.path().join("run");
        let told = || Some(OsString::from("/a/api"));
        let find = |run: Option<&Path>| {
            find_of_run(told(), run.map(|run| run.as_os_str().to_owned()), &["api"])
        };
        let built = Some(Some(vec![PathBuf::from("/a/api")]));
        let run = TestRun::with_lock(lock.clone()).expect("a new file");
        assert_eq!(find(Some(&lock)), built);
        assert_eq!(find(Some(&lock)), built, "as often as they are looked for");
        // As in a shell that has kept the variable but not the run.
        assert_eq!(find(None), None);
        drop(run);
        assert_eq!(find(Some(&lock)), None);
        // As a run that was killed leaves it.
        File::create_new(&lock).expect("the file is gone");
        assert_eq!(find(Some(&lock)), None);
        assert_eq!(find_of_run(None, None, &["api"]), Some(None));
    }

    #[test]
    fn what_a_command_is_told_can_be_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let run = TestRun::with_lock(folder.path().join("run")).expect("a new file");
        let mut command = crate::child::command("true");
        let paths = ["/a/api", "/a/update"].map(PathBuf::from);
        run.tell(&mut command, DEV, &paths)
            .expect("paths without a colon");
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
