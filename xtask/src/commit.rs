//! The commit from which this program was built.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{git, output, workspace};

/// The commit that the pipeline compiles into the binary. The pipeline compiles a clean checkout, and
/// runs the binary in jobs that have no checkout.
const COMPILED_IN: Option<&str> = option_env!("XTASK_COMMIT");
const COMPILED_IN_SUBJECT: Option<&str> = option_env!("XTASK_SUBJECT");

/// A commit of this repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Commit {
    /// The full hash.
    pub id: String,
    /// Whether the working tree differed from the commit.
    pub dirty: bool,
    /// The first line of the message. Absent in older records and plans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

impl Commit {
    /// Reads and prints the commit, or prints the reason why the commit is unknown.
    pub fn find() -> Option<Self> {
        let commit = Self::read();
        let text = match &commit {
            Err(error) => format!("unknown: {error:#}"),
            Ok(commit) => commit.to_string(),
        };
        output::message(format_args!("commit       {text}"));
        commit.ok()
    }

    /// Returns the compiled-in commit. Without one, git reads the commit of the checkout, which
    /// `cargo xtask` has just compiled. A build script does not run again after every commit.
    ///
    /// # Errors
    ///
    /// If git cannot read the checkout, for example an unpacked source archive.
    pub fn read() -> anyhow::Result<Self> {
        match COMPILED_IN {
            Some(id) => Ok(Commit {
                id: id.to_owned(),
                dirty: false,
                subject: COMPILED_IN_SUBJECT.map(str::to_owned),
            }),
            None => Self::of_checkout(workspace::root()),
        }
    }

    fn of_checkout(root: &Path) -> anyhow::Result<Self> {
        let id = git::text(root, &["rev-parse", "--verify", "HEAD"])?;
        let changes = git::text(root, &["status", "--porcelain"])?;
        Ok(Commit {
            id,
            dirty: !changes.is_empty(),
            subject: Some(git::text(root, &["log", "-1", "--format=%s"])?),
        })
    }
}

impl fmt::Display for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)?;
        if let Some(subject) = &self.subject {
            write!(f, " \"{subject}\"")?;
        }
        if self.dirty {
            f.write_str(", with uncommitted changes")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::tools::GIT;

    #[test]
    fn a_checkout_knows_its_commit_and_whether_it_has_changes() {
        if !GIT.is_installed() {
            output::progress("skipped: reading a checkout's commit requires git");
            return;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        let unknown = Commit::of_checkout(root).expect_err("there is no repository");
        let message = unknown.to_string();
        assert!(message.contains("not a git repository"), "{message}");
        let run = |arguments: &[&str]| git::text(root, arguments).expect("git runs");
        run(&["init", "--quiet"]);
        assert!(Commit::of_checkout(root).is_err(), "there is no commit yet");
        fs::write(root.join("file"), "first").expect("a file");
        run(&["add", "file"]);
        run(&[
            "-c",
            "user.name=test",
            "-c",
            "user.email=test@example.com",
            "-c",
            "commit.gpgsign=false",
            "commit",
            "--quiet",
            "--message",
            "A commit",
        ]);
        let id = run(&["rev-parse", "HEAD"]);
        let commit = |dirty| Commit {
            id: id.clone(),
            dirty,
            subject: Some("A commit".to_owned()),
        };
        let found = || Commit::of_checkout(root).expect("a commit");
        assert_eq!(found(), commit(false));
        fs::write(root.join("file"), "second").expect("a file");
        assert_eq!(found(), commit(true));
        run(&["checkout", "--quiet", "file"]);
        fs::write(root.join("untracked"), "").expect("a file");
        assert_eq!(found(), commit(true));
        assert_eq!(
            found().to_string(),
            format!("{id} \"A commit\", with uncommitted changes")
        );
    }
}
