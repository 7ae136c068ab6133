//! Runs cfn-lint, which checks templates against CloudFormation's schemas. `tests/requirements` pins
//! the version.
//!
//! AWS's `cloudformation-validate` adds nothing: it finds only those faults of `tests/faults.yaml`
//! that cfn-lint finds, too.

use std::path::Path;

use anyhow::Context as _;

use crate::{child, python};

/// The name of the tool on `PyPI` and of its requirements.
pub const NAME: &str = "cfn-lint";

/// The beginnings of wrong findings. W3037 accepts only the actions that the Service Authorization
/// Reference lists, but these actions exist, too.
///
/// - API Gateway checks the first two on the stage of an HTTP API
///   (<https://github.com/aws-amplify/amplify-studio/issues/889>).
/// - The registry's schema of buckets names the third in its `tagging.permissions`.
const WRONG: [&str; 3] = [
    "W3037 'tagresource' is not one of ['addcertificatetodomain',",
    "W3037 'untagresource' is not one of ['addcertificatetodomain',",
    "W3037 'deletebuckettagging' is not one of ['abortmultipartupload',",
];

/// Returns the findings in template files as cfn-lint prints them. Each finding has a line that starts
/// with `{file}:`. The text is empty if there are no findings.
///
/// # Errors
///
/// If cfn-lint cannot be installed or fails.
pub fn findings(folder: &Path, files: &[String]) -> anyhow::Result<String> {
    let output = child::command(python::tool(NAME)?)
        .args(files)
        .current_dir(folder)
        .output()
        .with_context(|| format!("starting {NAME}"))?;
    let findings = String::from_utf8_lossy(&output.stdout);
    let findings = findings.trim();
    // An exit code other than 0 without a finding is a failure of the tool.
    if !output.status.success() && findings.is_empty() {
        return Err(python::failed(NAME, &output).into());
    }
    Ok(without_wrong(findings))
}

/// Returns the template, the line and the message of each finding in a YAML file. Findings in JSON
/// files are ignored: they are the same, and a JSON file has only one line.
pub(super) fn in_yaml(findings: &str) -> impl Iterator<Item = (&str, usize, &str)> {
    findings.split("\n\n").filter_map(|finding| {
        // `{file}:{line}:{column}`
        let (message, place) = finding.trim().rsplit_once('\n')?;
        let (template, place) = place.split_once(".yaml:")?;
        Some((template, place.split(':').next()?.parse().ok()?, message))
    })
}

/// Removes the wrong findings from findings that are separated by blank lines.
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
    fn a_yaml_finding_is_parsed_and_a_json_finding_is_skipped() {
        let findings =
            "E1 one\nprod.json:1:70\n\nE1 one\nprod.yaml:12:3\n\nW2 two: b\nboundary-dev.yaml:7:1";
        let found: Vec<_> = in_yaml(findings).collect();
        assert_eq!(
            found,
            [("prod", 12, "E1 one"), ("boundary-dev", 7, "W2 two: b")]
        );
    }

    #[test]
    fn only_wrong_findings_are_removed() {
        let wrong =
            "W3037 'tagresource' is not one of ['addcertificatetodomain', 'put']\na.json:1:2";
        let right =
            "W3037 'tagresourse' is not one of ['addcertificatetodomain', 'put']\na.json:1:2";
        assert_eq!(without_wrong(wrong), "");
        let both = format!("{wrong}\n\n{right}\n\n{wrong}");
        assert_eq!(without_wrong(&both), right);
    }
}
