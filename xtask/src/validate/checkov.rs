//! checkov, as `tests/requirements` pins it: what an auditor would ask of a
//! template. What is not fixed has an answer beside the resource.

use std::path::Path;

use anyhow::Context as _;
use infra::stack;
use serde::Deserialize;

use crate::failure::Failure;
use crate::{child, python};

/// The tool's name, on `PyPI` and of its file of requirements.
pub const NAME: &str = "checkov";

/// A check that a resource has not passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The name of the template.
    pub template: String,
    /// The check's id, such as `CKV_AWS_119`.
    pub check: String,
    /// What it asks for.
    pub wanted: String,
    /// The resource's type.
    pub resource_type: String,
    /// The resource's logical id.
    pub resource: String,
}

impl Failed {
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
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Failed {
            template,
            check,
            wanted,
            resource,
            ..
        } = self;
        write!(f, "{template}: {resource}: {wanted} ({check})")
    }
}

/// Every template of ours has a resource that it checks, so that there always are
/// results.
#[derive(Deserialize)]
struct Report {
    results: Results,
    summary: Summary,
}

#[derive(Deserialize)]
struct Results {
    failed_checks: Vec<FailedCheck>,
}

#[derive(Deserialize)]
struct Summary {
    parsing_errors: u32,
}

#[derive(Deserialize)]
struct FailedCheck {
    check_id: String,
    check_name: String,
    /// `/{name}.json`
    file_path: String,
    /// `{type}.{logical id}`
    resource: String,
}

/// The checks that the templates in these files, `{name}.json` in a folder, have
/// not passed, answered or not.
///
/// # Errors
///
/// When it cannot be installed or does not work.
pub fn failed(folder: &Path, files: &[String]) -> anyhow::Result<Vec<Failed>> {
    let output = child::command(python::tool(NAME)?)
        .args(["--framework", "cloudformation", "--output", "json"])
        // It would ask its maker for more about each finding.
        .args(["--skip-download", "--quiet", "--compact"])
        .args(files.iter().flat_map(|file| ["--file", file]))
        .current_dir(folder)
        .output()
        .with_context(|| format!("starting {NAME}"))?;
    let report: Report = serde_json::from_slice(&output.stdout).map_err(|error| {
        Failure::new(format!(
            "{NAME} ended with {}, and what it says is no report: {error}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        ))
    })?;
    if report.summary.parsing_errors > 0 {
        return Err(Failure::new(format!(
            "{NAME} cannot read a template: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ))
        .into());
    }
    Ok(report.results.failed_checks.into_iter().map(read).collect())
}

fn read(failed: FailedCheck) -> Failed {
    let file = failed.file_path.trim_start_matches('/');
    let (resource_type, resource) = failed
        .resource
        .rsplit_once('.')
        .unwrap_or(("", &failed.resource));
    Failed {
        template: file.strip_suffix(".json").unwrap_or(file).to_owned(),
        check: failed.check_id,
        wanted: failed.check_name,
        resource_type: resource_type.to_owned(),
        resource: resource.to_owned(),
    }
}
