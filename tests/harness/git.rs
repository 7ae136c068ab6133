//! Git repositories for tests.

use std::ffi::OsStr;
use std::path::Path;

use xtask::child;
use xtask::tools::GIT;

use crate::tools;

/// Git, independent of the configuration of this machine.
#[derive(Debug)]
pub struct Git;

/// Returns git. On a machine without git, prints one line on stderr and returns `None`. The test must
/// then be skipped.
///
/// # Panics
///
/// If `CI` is set and git is missing, because a pipeline must not pass by skipping.
pub fn installed() -> Option<Git> {
    tools::is_available(&GIT, "the test").then_some(Git)
}

impl Git {
    /// Runs git in a folder.
    ///
    /// # Panics
    ///
    /// If git fails.
    pub fn run(&self, folder: &Path, arguments: &[impl AsRef<OsStr>]) {
        let output = child::command("git")
            .args(["-c", "user.name=test", "-c", "user.email=test@example.com"])
            .args(arguments)
            .current_dir(folder)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env_remove("GIT_DIR")
            .env_remove("GIT_WORK_TREE")
            .output()
            .expect("git can be started");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
    }

    /// Creates a repository in a folder and commits all files.
    ///
    /// # Panics
    ///
    /// If git fails.
    pub fn commit_all(&self, folder: &Path) {
        self.run(folder, &["init", "--quiet"]);
        self.run(folder, &["add", "."]);
        self.run(folder, &["commit", "--quiet", "--message", "A commit"]);
    }
}
