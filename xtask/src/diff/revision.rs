//! The templates of another git revision: the snapshots that it has committed.

use anyhow::Context as _;
use cfn::template::from_yaml;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::git::{self, GitError};
use crate::{snapshots, workspace};

/// A commit of this checkout.
pub(super) struct Revision {
    commit: String,
}

impl Revision {
    /// Finds the commit that a name, such as `main` or `HEAD~1`, stands for.
    ///
    /// # Errors
    ///
    /// A name that git does not know, and a checkout that git does not read.
    pub(super) fn find(name: &str) -> anyhow::Result<Self> {
        let commit = format!("{name}^{{commit}}");
        let arguments = [
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &commit,
        ];
        let commit = git::text(workspace::root(), &arguments).map_err(|error| match error {
            GitError::Silent => Failure::new(format!(
                "git knows no revision {name} in this checkout"
            ))
            .hint("fetch it first, such as with `git fetch origin main`, and name it as git does"),
            error => Failure::new(format!("could not find the revision {name}: {error}")).hint(
                "--against needs git and a clone of the repository, and no other command does",
            ),
        })?;
        Ok(Revision { commit })
    }

    /// Returns the template of this name as the revision has committed it, or an empty one
    /// if the revision has none.
    ///
    /// # Errors
    ///
    /// If git cannot read the revision's snapshot, or the snapshot is no template.
    pub(super) fn template(&self, name: &str) -> anyhow::Result<Value> {
        let root = workspace::root();
        let path = snapshots::path(name);
        let path = path.strip_prefix(root).unwrap_or(&path);
        let path = path.display().to_string();
        let failed = |error: GitError| {
            Failure::new(format!("could not read {path} of {}: {error}", self.commit))
        };
        // Relative to the checkout, which may lie in a larger repository.
        let listed = git::text(root, &["ls-tree", &self.commit, "--", &path]).map_err(failed)?;
        // `MODE TYPE OBJECT<tab>PATH`: https://git-scm.com/docs/git-ls-tree
        let Some(object) = listed.split_whitespace().nth(2) else {
            return Ok(json!({}));
        };
        let snapshot = git::run(root, &["cat-file", "blob", object]).map_err(failed)?;
        let snapshot = String::from_utf8(snapshot)
            .with_context(|| format!("{path} of {} is no UTF-8 text", self.commit))?;
        // Committed before `.gitattributes` fixed the line ends.
        let snapshot = snapshot.replace("\r\n", "\n");
        from_yaml(snapshots::contents(&snapshot))
            .with_context(|| format!("reading the template {path} of {}", self.commit))
    }
}

#[cfg(test)]
mod tests {
    use infra::Artifacts;

    use super::*;
    use crate::render;

    #[test]
    fn a_template_read_from_its_yaml_is_the_template() {
        for named in render::all(&Artifacts::placeholder()).expect("the templates render") {
            let read = from_yaml(&named.template.to_yaml()).expect("it is YAML");
            assert_eq!(&read, named.template.as_value(), "{}", named.name);
        }
    }
}
