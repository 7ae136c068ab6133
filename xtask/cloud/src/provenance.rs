//! The provenance of a deployment: commit, deployer and origin, as its record has them.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use xtask::git::{self, GitError};
use xtask::{output, workspace};

use crate::identity::Identity;

/// The commit of a clean checkout, which the pipeline sets where it compiles the command
/// line for jobs without a checkout.
const COMPILED_IN: Option<&str> = option_env!("XTASK_COMMIT");

/// The origin of a deployment that no job of GitHub Actions made.
const LOCAL: &str = "local";

/// A commit of this repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Commit {
    /// The full hash.
    pub(crate) id: String,
    /// Whether the working tree differed from the commit.
    pub(crate) dirty: bool,
}

/// The circumstances of a deployment. Records of earlier versions have none of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Provenance {
    /// The commit that this command line was made from; unknown without git.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) commit: Option<Commit>,
    /// The ARN of the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deployer: Option<String>,
    /// The URL of the run of GitHub Actions, or `local`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) origin: Option<String>,
}

impl Commit {
    /// Finds the commit that this command line was made from, and prints it with the
    /// caller and the place.
    ///
    /// Without a compiled-in commit, git is asked about the checkout that `cargo xtask` has
    /// just compiled: a build script would know the tree as it was at an earlier build.
    pub(crate) fn find() -> Option<Self> {
        let commit = match COMPILED_IN {
            Some(id) => Ok(Commit {
                id: id.to_owned(),
                dirty: false,
            }),
            None => Self::of_checkout(workspace::root()),
        };
        let text = match &commit {
            Err(error) => format!("unknown: {error}"),
            Ok(commit) => commit.to_string(),
        };
        output::message(format_args!("commit       {text}"));
        commit.ok()
    }

    fn of_checkout(root: &Path) -> Result<Self, GitError> {
        let id = git::text(root, &["rev-parse", "--verify", "HEAD"])?;
        let changes = git::text(root, &["status", "--porcelain"])?;
        Ok(Commit {
            id,
            dirty: !changes.is_empty(),
        })
    }
}

impl fmt::Display for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)?;
        if self.dirty {
            f.write_str(", with uncommitted changes")?;
        }
        Ok(())
    }
}

impl Provenance {
    /// The circumstances of a deployment by this process.
    pub(crate) fn new(commit: Option<Commit>, identity: &Identity) -> Self {
        Provenance {
            commit,
            deployer: Some(identity.arn.clone()),
            origin: Some(origin(|name| std::env::var(name).ok())),
        }
    }
}

/// The URL of the run that this process belongs to, by the variables that GitHub sets:
/// <https://docs.github.com/actions/reference/workflows-and-actions/variables>.
fn origin(variable: impl Fn(&str) -> Option<String>) -> String {
    let run = || {
        let server = variable("GITHUB_SERVER_URL")?;
        let repository = variable("GITHUB_REPOSITORY")?;
        let id = variable("GITHUB_RUN_ID")?;
        let attempt = variable("GITHUB_RUN_ATTEMPT")?;
        Some(format!(
            "{server}/{repository}/actions/runs/{id}/attempts/{attempt}"
        ))
    };
    run().unwrap_or_else(|| LOCAL.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_run_of_github_actions_is_named_by_its_url() {
        let variable = |name: &str| {
            let value = match name {
                "GITHUB_SERVER_URL" => "https://github.com",
                "GITHUB_REPOSITORY" => "octo-org/octo-repo",
                "GITHUB_RUN_ID" => "1658821493",
                "GITHUB_RUN_ATTEMPT" => "3",
                _ => return None,
            };
            Some(value.to_owned())
        };
        assert_eq!(
            origin(variable),
            "https://github.com/octo-org/octo-repo/actions/runs/1658821493/attempts/3"
        );
        assert_eq!(origin(|_| None), "local");
    }

    #[test]
    fn a_checkout_knows_its_commit_and_whether_it_has_changes() {
        if !git::is_there() {
            output::progress("skipped: a checkout's commit needs git");
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
        };
        let found = || Commit::of_checkout(root).expect("a commit");
        assert_eq!(found(), commit(false));
        fs::write(root.join("file"), "second").expect("a file");
        assert_eq!(found(), commit(true));
        run(&["checkout", "--quiet", "file"]);
        fs::write(root.join("untracked"), "").expect("a file");
        assert_eq!(found(), commit(true));
    }

    #[test]
    fn a_record_of_an_earlier_version_has_no_provenance() {
        let read: Provenance = serde_json::from_str(r#"{"changeSet":"deploy-1"}"#).expect("JSON");
        assert_eq!(read, Provenance::default());
    }
}
