//! The templates pass the validators that others would run over them.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::process::{Command, Output};

use infra::Artifacts;
use tests::python;
use xtask::render;

/// Runs cfn-lint over one template; nothing on a machine without Python.
fn cfn_lint(name: &str, template: &str) -> Option<Output> {
    let cfn_lint = python::tool("cfn-lint")?;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, template).unwrap();
    Some(Command::new(cfn_lint).arg(&path).output().unwrap())
}

#[test]
fn cfn_lint_finds_nothing_in_any_template_in_either_format() {
    for named in render::all(&Artifacts::placeholder()).unwrap() {
        for (format, template) in [
            ("yaml", named.template.to_yaml()),
            ("json", named.template.to_json()),
        ] {
            let name = format!("{}.{format}", named.name);
            let Some(output) = cfn_lint(&name, &template) else {
                return;
            };
            let findings = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{name}: {findings}");
            assert_eq!(findings.trim(), "", "{name}");
        }
    }
}

/// Without this a broken installation would look like a clean template.
#[test]
fn cfn_lint_finds_a_seeded_fault() {
    let template = render::service(infra::Environment::Dev, &Artifacts::placeholder()).unwrap();
    let faulty = template
        .template
        .to_yaml()
        .replace("BillingMode: PAY_PER_REQUEST", "BillingMode: PREPAID");
    let Some(output) = cfn_lint("faulty.yaml", &faulty) else {
        return;
    };
    let findings = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success());
    assert!(findings.contains("'PREPAID' is not one of"), "{findings}");
}
