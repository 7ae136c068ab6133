//! The templates of another git revision: the snapshots that it has committed.

use std::process::{Output, Stdio};

use anyhow::Context as _;
use serde_json::{Map, Value, json};
use serde_yaml::Value as Yaml;

use crate::failure::Failure;
use crate::{child, snapshots, workspace};

/// A commit of this checkout.
pub(super) struct Revision {
    commit: String,
}

impl Revision {
    /// Finds the commit that a name, such as `main` or `HEAD~1`, stands for.
    ///
    /// # Errors
    ///
    /// A name that git does not know, and a checkout without git.
    pub(super) fn find(name: &str) -> anyhow::Result<Self> {
        let commit = format!("{name}^{{commit}}");
        let output = git(&[
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &commit,
        ])?;
        if !output.status.success() {
            return Err(
                Failure::new(format!("git knows no revision {name} in this checkout"))
                    .hint("fetch it first, such as with `git fetch origin main`, and name it as git does")
                    .into(),
            );
        }
        let commit = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok(Revision { commit })
    }

    /// The template of this name as the revision has committed it; one without
    /// anything in it where the revision has none.
    pub(super) fn template(&self, name: &str) -> anyhow::Result<Value> {
        let path = snapshots::path(name);
        let path = path.strip_prefix(workspace::root()).unwrap_or(&path);
        // `./`: from the folder that git runs in, which may lie in a larger repository.
        let object = format!("{}:./{}", self.commit, path.display());
        let exists = git(&["cat-file", "-e", &object])?.status.success();
        if !exists {
            return Ok(json!({}));
        }
        let output = git(&["cat-file", "blob", &object])?;
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr);
            return Err(
                Failure::new(format!("git could not read {object}: {}", reason.trim())).into(),
            );
        }
        let snapshot = String::from_utf8(output.stdout)
            .with_context(|| format!("{object} is no UTF-8 text"))?;
        read_yaml(snapshots::contents(&snapshot))
            .with_context(|| format!("reading the template in {object}"))
    }
}

fn git(arguments: &[&str]) -> anyhow::Result<Output> {
    child::command("git")
        .arg("-C")
        .arg(workspace::root())
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .context("starting git")
}

/// Reads a template with the short forms of intrinsic functions.
fn read_yaml(text: &str) -> anyhow::Result<Value> {
    Ok(long_form(serde_yaml::from_str::<Yaml>(text)?)?)
}

fn long_form(yaml: Yaml) -> Result<Value, serde_yaml::Error> {
    Ok(match yaml {
        Yaml::Tagged(tagged) => {
            let name = tagged.tag.to_string();
            let name = name.trim_start_matches('!');
            let argument = long_form(tagged.value)?;
            match (name, argument) {
                ("Ref", argument) => json!({ "Ref": argument }),
                ("GetAtt", Value::String(path)) => {
                    let (id, attribute) = path.split_once('.').unwrap_or((&path, ""));
                    json!({ "Fn::GetAtt": [id, attribute] })
                }
                (name, argument) => json!({ format!("Fn::{name}"): argument }),
            }
        }
        Yaml::Mapping(map) => {
            let mut object = Map::new();
            for (key, value) in map {
                let key = serde_yaml::from_value::<String>(key)?;
                object.insert(key, long_form(value)?);
            }
            Value::Object(object)
        }
        Yaml::Sequence(items) => {
            Value::Array(items.into_iter().map(long_form).collect::<Result<_, _>>()?)
        }
        scalar => serde_yaml::from_value(scalar)?,
    })
}

#[cfg(test)]
mod tests {
    use infra::Artifacts;

    use super::*;
    use crate::render;

    #[test]
    fn a_template_read_from_its_yaml_is_the_template() {
        for named in render::all(&Artifacts::placeholder()).expect("the templates render") {
            let read = read_yaml(&named.template.to_yaml()).expect("it is YAML");
            assert_eq!(&read, named.template.as_value(), "{}", named.name);
        }
    }
}
