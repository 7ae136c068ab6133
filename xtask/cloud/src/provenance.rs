//! The provenance of a deployment: commit, deployer and origin.

use serde::{Deserialize, Serialize};
pub(crate) use xtask::commit::Commit;

use crate::identity::Identity;

/// The origin of a deployment outside GitHub Actions.
const LOCAL: &str = "local";

/// The provenance in the record of a deployment. Records that an older `xtask-cloud` wrote have none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Provenance {
    /// The commit from which this binary was built; `None` without git.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) commit: Option<Commit>,
    /// The ARN of the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deployer: Option<String>,
    /// The URL of the run of GitHub Actions, or `local`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) origin: Option<String>,
}

impl Provenance {
    pub(crate) fn new(commit: Option<Commit>, identity: &Identity) -> Self {
        Provenance {
            commit,
            deployer: Some(identity.arn.clone()),
            origin: Some(origin(|name| std::env::var(name).ok())),
        }
    }
}

/// Returns the URL of the run of GitHub Actions that this process belongs to, or [`LOCAL`] without the
/// variables of such a run:
/// <https://docs.github.com/actions/reference/workflows-and-actions/variables>.
fn origin(variable: impl Fn(&str) -> Option<String>) -> String {
    let run = || {
        let server = variable("GITHUB_SERVER_URL")?;
        let repository = variable("GITHUB_REPOSITORY")?;
        let id = variable("GITHUB_RUN_ID")?;
        let attempt = variable("GITHUB_RUN_ATTEMPT")?;
        Some(format!(
            "{server}/{repository}/actions/runs/{id}/attempts/{attempt}"
        ))
    };
    run().unwrap_or_else(|| LOCAL.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_github_actions_is_named_by_its_url() {
        let variable = |name: &str| {
            let value = match name {
                "GITHUB_SERVER_URL" => "https://github.com",
                "GITHUB_REPOSITORY" => "octo-org/octo-repo",
                "GITHUB_RUN_ID" => "1658821493",
                "GITHUB_RUN_ATTEMPT" => "3",
                _ => return None,
            };
            Some(value.to_owned())
        };
        assert_eq!(
            origin(variable),
            "https://github.com/octo-org/octo-repo/actions/runs/1658821493/attempts/3"
        );
        assert_eq!(origin(|_| None), "local");
    }

    #[test]
    fn a_record_of_an_earlier_version_has_no_provenance() {
        let read: Provenance = serde_json::from_str(r#"{"changeSet":"deploy-1"}"#).expect("JSON");
        assert_eq!(read, Provenance::default());
    }
}
