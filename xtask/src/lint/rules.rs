//! The workspace's own rules, which no other tool checks.

use std::path::Path;

use super::files::File;
use crate::fmt::ENV_EXAMPLE;

/// The folder of sources that a test expects not to compile.
const FIXTURES: &str = "infra/cfn/tests/compile_fail";

/// The folder of the code whose messages may contain text from AWS.
const CLOUD: &str = "xtask/cloud/src";

/// Lists the violations of every rule, as `FILE: RULE`.
pub(super) fn check(files: &[File]) -> Vec<String> {
    let text = |path: &Path| {
        let file = files.iter().find(|file| file.path == path);
        file.map_or("", |file| &*file.text)
    };
    let workspace = text(Path::new("Cargo.toml"));
    let mut broken = Vec::new();
    let mut add = |path: &Path, rules: Vec<String>| {
        let path = path.display();
        broken.extend(rules.into_iter().map(|rule| format!("{path}: {rule}")));
    };
    for File { path, text: source } in files {
        if path.extension().is_some_and(|extension| extension == "rs") {
            add(path, source_rules(path, source));
        }
        if path.ends_with("Cargo.toml") && path != Path::new("Cargo.toml") {
            let modules = ["src/lib.rs", "src/main.rs"].map(|module| path.with_file_name(module));
            let root_module = modules
                .iter()
                .map(|module| text(module))
                .collect::<String>();
            add(path, manifest_rules(source));
            add(
                path,
                checkout_rule(workspace, source, &root_module)
                    .into_iter()
                    .collect(),
            );
        }
    }
    add(Path::new("Cargo.toml"), unexplained(workspace));
    if text(Path::new(ENV_EXAMPLE)) != contract::environment::env_example() {
        let rule = "is not the text that functions/contract generates".to_owned();
        add(Path::new(ENV_EXAMPLE), vec![rule]);
    }
    broken
}

fn source_rules(file: &Path, text: &str) -> Vec<String> {
    let mut rules = Vec::new();
    if !text.starts_with("//! ") && !file.starts_with(FIXTURES) {
        rules.push("the first line does not describe the file".to_owned());
    }
    if file.starts_with(CLOUD) {
        rules.extend(debug_representations(file, text));
    }
    rules
}

/// Finds debug representations outside of tests. They do not belong in messages: the representation
/// of an SDK error is a page of type names, and that of an external value may contain a secret.
fn debug_representations(file: &Path, text: &str) -> Vec<String> {
    if file.ends_with("tests.rs") {
        return Vec::new();
    }
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let lines = code.lines().map(str::trim).filter(|line| {
        let signs = [":?}", ":#?}", "DisplayErrorContext", "dbg!"];
        !line.starts_with("//") && signs.iter().any(|sign| line.contains(sign))
    });
    lines
        .map(|line| format!("`{line}` prints a debug representation"))
        .collect()
}

/// Checks that a manifest inherits the lints and all dependencies from the workspace.
fn manifest_rules(text: &str) -> Vec<String> {
    let mut rules = Vec::new();
    if !text.contains("[lints]\nworkspace = true") {
        rules.push("does not inherit the workspace's lints".to_owned());
    }
    let mut is_dependency = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            is_dependency = line.ends_with("dependencies]") && line != "[workspace.dependencies]";
        } else if is_dependency
            && line.contains(" = ")
            && !line.starts_with('#')
            && !line.contains("workspace = true")
        {
            rules.push(format!("`{line}` is not inherited from the workspace"));
        }
    }
    rules
}

/// Finds dependencies of the workspace without a reason: a comment above the dependency or above
/// one of the same family, such as `aws-*`.
fn unexplained(workspace: &str) -> Vec<String> {
    let mut rules = Vec::new();
    let mut explained = None;
    let mut is_dependency = false;
    let mut after_comment = false;
    for line in workspace.lines() {
        if line.starts_with('[') {
            is_dependency = line == "[workspace.dependencies]";
        }
        let name = line.split_once(" = ").map(|(name, _)| name);
        if let Some(name) = name.filter(|_| is_dependency && !line.starts_with('#')) {
            let family = name.split('-').next();
            let is_ours = line.contains("{ path = ");
            if !is_ours && !after_comment && explained != family {
                rules.push(format!(
                    "no comment gives a reason for the dependency `{name}`"
                ));
            }
            explained = family;
        } else if line.is_empty() {
            explained = None;
        }
        after_comment = line.starts_with('#');
    }
    rules
}

/// Checks that a package reads the variable `XTASK_CHECKOUT`, or depends on a package that does. The
/// variable makes cargo compile a package again for another checkout (see `.cargo/config.toml`), and
/// with it all packages that depend on it.
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
        "the root module does not read XTASK_CHECKOUT: copy the line from functions/contract/src/lib.rs"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_needs_a_reason_above_it() {
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
    fn a_package_must_read_the_checkout_or_depend_on_a_package_that_reads_it() {
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
    fn a_source_file_must_begin_with_a_description() {
        let file = Path::new("infra/src/lib.rs");
        assert!(source_rules(file, "//! The parser.\n").is_empty());
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
    fn debug_representations_are_refused_outside_of_tests() {
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
    fn a_manifest_must_inherit_lints_and_dependencies() {
        let good = "[lints]\nworkspace = true\n[dependencies]\nserde.workspace = true\n";
        assert!(manifest_rules(good).is_empty());
        let workspace = format!("[workspace.dependencies]\nserde = \"1\"\n{good}");
        assert!(manifest_rules(&workspace).is_empty());
        assert_eq!(manifest_rules("[dependencies]\nserde = \"1\"\n").len(), 2);
    }
}
