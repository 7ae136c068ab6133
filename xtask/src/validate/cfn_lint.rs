//! cfn-lint, as `tests/requirements` pins it: what CloudFormation's own schemas
//! say of a template.
//!
//! AWS's `cloudformation-validate` would be a second one. Of the faults in
//! `tests/faults.yaml` it finds none that cfn-lint does not.

use std::path::Path;

use anyhow::Context as _;

use crate::failure::Failure;
use crate::{child, python};

/// The tool's name, on `PyPI` and of its file of requirements.
pub const NAME: &str = "cfn-lint";

/// Beginnings of findings that are wrong: W3037 knows the actions of the Service
/// Authorization Reference, and AWS checks these without listing them there.
///
/// - API Gateway demands both on the stage of an HTTP API
///   (<https://github.com/aws-amplify/amplify-studio/issues/889>).
/// - The registry's schema of buckets names the third among its `tagging.permissions`.
const WRONG: [&str; 3] = [
    "W3037 'tagresource' is not one of ['addcertificatetodomain',",
    "W3037 'untagresource' is not one of ['addcertificatetodomain',",
    "W3037 'deletebuckettagging' is not one of ['abortmultipartupload',",
];

/// Lists its findings in the templates of these files, in its own words: each with its
/// file on a line that begins `{file}:`. The text is empty if there are none.
///
/// # Errors
///
/// When it cannot be installed or does not work.
pub fn findings(folder: &Path, files: &[String]) -> anyhow::Result<String> {
    let output = child::command(python::tool(NAME)?)
        .args(files)
        .current_dir(folder)
        .output()
        .with_context(|| format!("starting {NAME}"))?;
    let findings = String::from_utf8_lossy(&output.stdout);
    let findings = findings.trim();
    // Without a finding, anything but success is a broken tool.
    if !output.status.success() && findings.is_empty() {
        return Err(Failure::new(format!(
            "{NAME} ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        ))
        .into());
    }
    Ok(without_wrong(findings))
}

/// The findings, which have a blank line between them, apart from the wrong ones.
fn without_wrong(findings: &str) -> String {
    let is_wrong = |finding: &&str| WRONG.iter().any(|begin| finding.starts_with(begin));
    let rest: Vec<&str> = findings
        .split("\n\n")
        .filter(|finding| !is_wrong(finding))
        .collect();
    rest.join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_that_only_the_reference_lacks_is_no_finding() {
        let wrong =
            "W3037 'tagresource' is not one of ['addcertificatetodomain', 'put']\na.json:1:2";
        let right =
            "W3037 'tagresourse' is not one of ['addcertificatetodomain', 'put']\na.json:1:2";
        assert_eq!(without_wrong(wrong), "");
        let both = format!("{wrong}\n\n{right}\n\n{wrong}");
        assert_eq!(without_wrong(&both), right);
    }
}
