//! The workspace's own rules: what no other tool checks.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::fmt::ENV_EXAMPLE;
use crate::workspace;

/// Folders of files that are input for tests and not code of ours.
const FIXTURES: [&str; 1] = ["infra/cfn/tests/compile_fail"];

/// The code whose messages tell of AWS.
const OPERATED: &str = "xtask/cloud/src";

/// A rule that a file breaks.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken {
    file: PathBuf,
    rule: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.rule)
    }
}

/// Checks every rule over the whole checkout.
pub(super) fn check() -> anyhow::Result<Vec<Broken>> {
    let root = workspace::root();
    let mut files = Vec::new();
    for folder in ["functions", "infra", "xtask", "tests"] {
        collect(&root.join(folder), &mut files)?;
    }
    files.sort();

    let workspace = read(&root.join("Cargo.toml"))?;
    let mut broken = Vec::new();
    for path in &files {
        let file = path.strip_prefix(root).unwrap_or(path);
        let rules = match path.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => source_rules(file, &read(path)?),
            Some("toml") if path.ends_with("Cargo.toml") => {
                let manifest = read(path)?;
                let mut rules = manifest_rules(&manifest);
                rules.extend(checkout_rule(&workspace, &manifest, &root_module(path)));
                rules
            }
            _ => continue,
        };
        broken.extend(rules.into_iter().map(|rule| Broken {
            file: file.to_owned(),
            rule,
        }));
    }
    broken.extend(unexplained(&workspace).into_iter().map(|rule| Broken {
        file: "Cargo.toml".into(),
        rule,
    }));
    if read(&root.join(ENV_EXAMPLE)).ok().as_deref() != Some(&contract::environment::env_example())
    {
        broken.push(Broken {
            file: ENV_EXAMPLE.into(),
            rule: "it is not what functions/contract generates".to_owned(),
        });
    }
    Ok(broken)
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("reading the folder {}", folder.display()))?;
    for entry in entries {
        let path = entry
            .with_context(|| format!("reading the folder {}", folder.display()))?
            .path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn source_rules(file: &Path, text: &str) -> Vec<String> {
    if FIXTURES.iter().any(|folder| file.starts_with(folder)) {
        return Vec::new();
    }
    let mut rules = Vec::new();
    if !text.starts_with("//! ") {
        rules.push("the first line does not say what the file contains".to_owned());
    }
    if file.starts_with(OPERATED) {
        rules.extend(debug_representations(file, text));
    }
    rules
}

/// Finds debug representations, which no operator reads: of the SDK's errors they are a page
/// of type names, and of an external value they may be a secret. Tests may have them.
fn debug_representations(file: &Path, text: &str) -> Vec<String> {
    if file.ends_with("tests.rs") {
        return Vec::new();
    }
    let own = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let has_one = |line: &&str| {
        let is_comment = line.trim_start().starts_with("//");
        let signs = [":?}", ":#?}", "DisplayErrorContext", "dbg!"];
        !is_comment && signs.iter().any(|sign| line.contains(sign))
    };
    let lines = own.lines().filter(has_one);
    lines
        .map(|line| format!("`{}` prints a debug representation", line.trim()))
        .collect()
}

/// A manifest inherits the lints, and every dependency from the workspace.
fn manifest_rules(text: &str) -> Vec<String> {
    let mut rules = Vec::new();
    if !text.contains("[lints]\nworkspace = true") {
        rules.push("it does not inherit the workspace's lints".to_owned());
    }
    let mut dependencies = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            dependencies = line.ends_with("dependencies]") && line != "[workspace.dependencies]";
        } else if dependencies && line.contains(" = ") && !line.starts_with('#') {
            let inherited = line.contains(".workspace = true") || line.contains("workspace = true");
            if !inherited {
                rules.push(format!("`{line}` is not inherited from the workspace"));
            }
        }
    }
    rules
}

/// Each dependency of the workspace has its reason in a comment above it, which it may share
/// with those of the same family, such as `aws-*`.
fn unexplained(workspace: &str) -> Vec<String> {
    let family = |name: &str| name.split('-').next().unwrap_or_default().to_owned();
    let mut rules = Vec::new();
    let mut explained: Option<String> = None;
    let mut is_dependency = false;
    let mut after_comment = false;
    for line in workspace.lines() {
        if line.starts_with('[') {
            is_dependency = line == "[workspace.dependencies]";
        }
        let name = line.split_once(" = ").map(|(name, _)| name);
        if let Some(name) = name.filter(|_| is_dependency && !line.starts_with('#')) {
            let family = family(name);
            let is_ours = line.contains("{ path = ");
            if !is_ours && !after_comment && explained.as_ref() != Some(&family) {
                rules.push(format!("no comment says why `{name}` is a dependency"));
            }
            explained = Some(family);
        } else if line.is_empty() {
            explained = None;
        }
        after_comment = line.starts_with('#');
    }
    rules
}

/// Returns the text of a package's root module, which is empty if there is none.
fn root_module(manifest: &Path) -> String {
    ["src/lib.rs", "src/main.rs"]
        .iter()
        .find_map(|file| fs::read_to_string(manifest.with_file_name(file)).ok())
        .unwrap_or_default()
}

/// A package without a dependency on another one of the workspace names the checkout, so that
/// cargo compiles it again for another checkout: see `.cargo/config.toml`. All packages that
/// depend on it are compiled again too.
fn checkout_rule(workspace: &str, manifest: &str, root_module: &str) -> Option<String> {
    let ours = workspace
        .lines()
        .filter(|line| line.contains("{ path = "))
        .filter_map(|line| line.split_whitespace().next());
    let depends_on = |name: &str| {
        let inherited = [
            format!("{name}.workspace = "),
            format!("{name} = {{ workspace = "),
        ];
        manifest
            .lines()
            .any(|line| inherited.iter().any(|start| line.starts_with(start)))
    };
    let is_covered = manifest.contains("[workspace]")
        || root_module.contains("option_env!(\"XTASK_CHECKOUT\")")
        || ours.into_iter().any(depends_on);
    (!is_covered).then(|| {
        "its root module does not name the checkout: copy the line from functions/contract/src/lib.rs"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_has_its_reason_above_it() {
        let rule = |dependencies: &str| {
            unexplained(&format!(
                "[a]\nb = 1\n[workspace.dependencies]\n{dependencies}"
            ))
            .len()
        };
        assert_eq!(rule("# For AWS.\naws-a = \"1\"\naws-b = \"1\"\n"), 0);
        assert_eq!(rule("# One.\na = \"1\"\n# Two.\nb = \"1\"\n"), 0);
        assert_eq!(rule("# One.\na = \"1\"\nb = \"1\"\n"), 1);
        assert_eq!(rule("# A heading.\n\na = \"1\"\n"), 1);
        assert_eq!(rule("ours = { path = \"ours\" }\n"), 0);
    }

    #[test]
    fn a_package_names_the_checkout_or_depends_on_one_that_does() {
        let workspace = "contract = { path = \"functions/contract\" }\nserde = \"1\"\n";
        let rule = |manifest, module| checkout_rule(workspace, manifest, module);
        assert!(rule("serde.workspace = true\n", "").is_some());
        assert!(rule("[dev-dependencies]\ncontracts.workspace = true\n", "").is_some());
        let line = "const _: Option<&str> = option_env!(\"XTASK_CHECKOUT\");\n";
        assert_eq!(rule("", line), None);
        for manifest in [
            "contract.workspace = true\n",
            "contract = { workspace = true, features = [\"a\"] }\n",
            "[workspace]\n",
        ] {
            assert_eq!(rule(manifest, ""), None, "{manifest}");
        }
    }

    #[test]
    fn a_source_file_says_what_it_contains() {
        let file = Path::new("infra/src/lib.rs");
        assert!(source_rules(file, "//! What it is for.\n").is_empty());
        assert_eq!(source_rules(file, "use std;\n").len(), 1);
        assert!(
            source_rules(
                Path::new("infra/cfn/tests/compile_fail/a.rs"),
                "fn main() {}"
            )
            .is_empty()
        );
    }

    #[test]
    fn an_operator_reads_no_debug_representation() {
        let rules = |file: &str, text: &str| {
            source_rules(Path::new(file), &format!("//! A file.\n{text}")).len()
        };
        let dumps = "format!(\"{error:?}\")\nformat!(\"{:#?}\", error)\nDisplayErrorContext(e)\n";
        assert_eq!(rules("xtask/cloud/src/aws.rs", dumps), 3);
        assert_eq!(rules("xtask/src/diff.rs", dumps), 0);
        let in_test = format!("// {{:?}}\n#[cfg(test)]\nmod tests {{\n{dumps}}}\n");
        assert_eq!(rules("xtask/cloud/src/aws.rs", &in_test), 0);
        assert_eq!(rules("xtask/cloud/src/stack/tests.rs", dumps), 0);
    }

    #[test]
    fn a_manifest_inherits_lints_and_dependencies() {
        let good = "[lints]\nworkspace = true\n[dependencies]\nserde.workspace = true\n";
        assert!(manifest_rules(good).is_empty());
        let workspace = format!("[workspace.dependencies]\nserde = \"1\"\n{good}");
        assert!(manifest_rules(&workspace).is_empty());
        assert_eq!(manifest_rules("[dependencies]\nserde = \"1\"\n").len(), 2);
    }
}
