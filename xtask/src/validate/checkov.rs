//! Runs checkov, which checks templates for security problems. `tests/requirements` pins the version.
//! Findings are suppressed, each with a reason, in the Rust files of their resources.

use std::fmt;
use std::path::Path;

use anyhow::Context as _;
use infra::stack;
use serde_json::Value;

use crate::{child, python};

/// The name of the tool on `PyPI` and of its requirements.
pub const NAME: &str = "checkov";

/// A check that a resource failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedCheck {
    pub template: String,
    /// The check's id, such as `CKV_AWS_119`.
    pub check: String,
    /// The check's requirement in words.
    pub requirement: String,
    pub resource_type: String,
    /// The logical id.
    pub resource: String,
}

impl FailedCheck {
    /// Returns true if a suppression applies.
    pub fn is_suppressed(&self) -> bool {
        stack::suppressions().iter().any(|suppression| {
            suppression.applies_to(
                &self.check,
                &self.template,
                &self.resource_type,
                &self.resource,
            )
        })
    }

    fn read(failed: &Value) -> Self {
        let text = |name: &str| failed[name].as_str().unwrap_or_default();
        // `/{name}.json`
        let file = text("file_path").trim_start_matches('/');
        // `{type}.{logical id}`
        let resource = text("resource");
        let (resource_type, resource) = resource.rsplit_once('.').unwrap_or(("", resource));
        FailedCheck {
            template: file.strip_suffix(".json").unwrap_or(file).to_owned(),
            check: text("check_id").to_owned(),
            requirement: text("check_name").to_owned(),
            resource_type: resource_type.to_owned(),
            resource: resource.to_owned(),
        }
    }
}

impl fmt::Display for FailedCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}: {} ({})",
            self.template, self.resource, self.requirement, self.check
        )
    }
}

/// Returns the failed checks of the templates in files named `{name}.json`, suppressed or not.
///
/// # Errors
///
/// If checkov cannot be installed, or its report does not cover all templates.
pub fn failed(folder: &Path, files: &[String]) -> anyhow::Result<Vec<FailedCheck>> {
    let output = child::command(python::tool(NAME)?)
        .args(["--framework", "cloudformation", "--output", "json"])
        // Without `--skip-download`, checkov asks its vendor for details of each finding.
        .args(["--skip-download", "--quiet", "--compact"])
        .args(files.iter().flat_map(|file| ["--file", file]))
        .current_dir(folder)
        .output()
        .with_context(|| format!("starting {NAME}"))?;
    // Every template has a resource that checkov checks, so a report always has results.
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    match report["results"]["failed_checks"].as_array() {
        Some(failed) if report["summary"]["parsing_errors"] == 0 => {
            Ok(failed.iter().map(FailedCheck::read).collect())
        }
        _ => Err(python::failed(NAME, &output).into()),
    }
}
