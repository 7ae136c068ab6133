//! cfn-lint, as `tests/requirements` pins it: what CloudFormation's own schemas
//! say of a template.
//!
//! AWS's `cloudformation-validate` would be a second one. Of the faults in
//! `tests/faults.yaml` it finds none that cfn-lint does not.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use crate::failure::Failure;
use crate::python;

/// The tool's name, on `PyPI` and of its file of requirements.
pub const NAME: &str = "cfn-lint";

/// What it finds in the templates of these files, in its own words: each
/// finding with its file on a line that begins `{file}:`. Nothing if it finds
/// nothing.
///
/// # Errors
///
/// When it cannot be installed or does not work.
pub fn findings(folder: &Path, files: &[String]) -> anyhow::Result<String> {
    let output = Command::new(python::tool(NAME)?)
        .args(files)
        .current_dir(folder)
        .output()
        .with_context(|| format!("starting {NAME}"))?;
    let findings = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    // Without a finding, anything but success is a broken tool.
    if !output.status.success() && findings.is_empty() {
        return Err(Failure::new(format!(
            "{NAME} ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        ))
        .into());
    }
    Ok(findings)
}
