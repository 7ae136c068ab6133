//! The templates pass the validators that others would run over them.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::process::{Command, Output};

use infra::Artifacts;
use tests::python;
use xtask::render;

/// Runs cfn-lint over templates by their file names; nothing on a machine
/// without Python.
fn cfn_lint(templates: &[(String, String)]) -> Option<Output> {
    let cfn_lint = python::tool("cfn-lint")?;
    let folder = tempfile::tempdir().unwrap();
    for (name, template) in templates {
        fs::write(folder.path().join(name), template).unwrap();
    }
    let files = templates.iter().map(|(name, _)| name);
    Some(
        Command::new(cfn_lint)
            .args(files)
            .current_dir(folder.path())
            .output()
            .unwrap(),
    )
}

#[test]
fn cfn_lint_finds_nothing_in_any_template_in_either_format() {
    let templates: Vec<_> = render::all(&Artifacts::placeholder())
        .unwrap()
        .into_iter()
        .flat_map(|named| {
            [
                (format!("{}.yaml", named.name), named.template.to_yaml()),
                (format!("{}.json", named.name), named.template.to_json()),
            ]
        })
        .collect();
    let Some(output) = cfn_lint(&templates) else {
        return;
    };
    let findings = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{findings}");
    assert_eq!(findings.trim(), "");
}

/// Without this a broken installation would look like a clean template.
#[test]
fn cfn_lint_finds_a_seeded_fault() {
    let dev = render::service(infra::Environment::Dev, &Artifacts::placeholder()).unwrap();
    let faulty = dev
        .template
        .to_yaml()
        .replace("BillingMode: PAY_PER_REQUEST", "BillingMode: PREPAID");
    let Some(output) = cfn_lint(&[("faulty.yaml".to_owned(), faulty)]) else {
        return;
    };
    let findings = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success());
    assert!(findings.contains("'PREPAID' is not one of"), "{findings}");
}
