//! The templates of another git revision: its committed snapshots.

use anyhow::Context as _;
use cfn::template::from_yaml;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::{git, snapshots, workspace};

/// A commit of this checkout.
pub(super) struct Revision {
    commit: String,
}

impl Revision {
    /// Finds the commit of a revision such as `main` or `HEAD~1`.
    ///
    /// # Errors
    ///
    /// If git does not know the revision or cannot read the checkout.
    pub(super) fn find(name: &str) -> anyhow::Result<Self> {
        let commit = format!("{name}^{{commit}}");
        let arguments = ["rev-parse", "--verify", "--end-of-options", &commit];
        let commit = git::text(workspace::root(), &arguments).map_err(|error| {
            Failure::new(format!("could not find the revision {name}: {error:#}")).hint(
                "--against requires git and a clone with the revision: \
                 fetch it, such as with `git fetch origin main`",
            )
        })?;
        Ok(Revision { commit })
    }

    /// Reads the template of this name from the revision's snapshot. Without a snapshot the
    /// template is empty.
    ///
    /// # Errors
    ///
    /// If git cannot read the snapshot, or the snapshot is not a template.
    pub(super) fn template(&self, name: &str) -> anyhow::Result<Value> {
        let root = workspace::root();
        let path = snapshots::path(name);
        let path = path
            .strip_prefix(root)
            .unwrap_or(&path)
            .display()
            .to_string();
        let doing = || format!("reading {path} of {}", self.commit);
        // The path is relative to the checkout, which may be in a larger repository.
        let listed = git::text(root, &["ls-tree", &self.commit, "--", &path]);
        // `MODE TYPE OBJECT<tab>PATH`: https://git-scm.com/docs/git-ls-tree
        let listed = listed.with_context(doing)?;
        let Some(object) = listed.split_whitespace().nth(2) else {
            return Ok(json!({}));
        };
        let snapshot = git::run(root, &["cat-file", "blob", object]).with_context(doing)?;
        let snapshot = String::from_utf8(snapshot).with_context(doing)?;
        // The snapshot may be older than `.gitattributes`, which fixes the line ends.
        let snapshot = snapshot.replace("\r\n", "\n");
        from_yaml(snapshots::contents(&snapshot)).with_context(doing)
    }
}

#[cfg(test)]
mod tests {
    use infra::Artifacts;

    use super::*;
    use crate::render;

    #[test]
    fn a_template_is_unchanged_after_it_is_written_and_read_as_yaml() {
        for named in render::all(&Artifacts::placeholder()).expect("the templates render") {
            let read = from_yaml(&named.template.to_yaml()).expect("it is YAML");
            assert_eq!(&read, named.template.as_value(), "{}", named.name);
        }
    }
}
