//! The JSON events of `cargo xtask deploy` and `cargo xtask plan`.

use serde::Serialize;
use xtask::diff::{GrantChanges, Weakening};

use super::changes::Change;
use crate::stack::baseline::KnownDifference;
use crate::stack::drift::DriftedResource;

/// The drift of one stack before the deployment. The list `resources` is empty if nothing has drifted.
#[derive(Serialize)]
#[serde(tag = "event", rename = "drift")]
pub(crate) struct DriftEvent<'a> {
    pub(crate) stack: &'a str,
    /// The resources that have drifted.
    pub(crate) resources: &'a [DriftedResource],
    /// Differences in the baseline, which do not count as drift: CloudFormation reported them right after a
    /// deployment.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(crate) baseline: &'a [KnownDifference],
}

/// The differences that a deployment added to the baseline.
#[derive(Serialize)]
#[serde(tag = "event", rename = "baseline")]
pub(crate) struct BaselineEvent<'a> {
    /// The new differences of the baseline.
    pub(crate) added: &'a [KnownDifference],
}

/// Differences after a deployment that were not added to the baseline.
#[derive(Serialize)]
#[serde(tag = "event", rename = "not-in-baseline", rename_all = "camelCase")]
pub(crate) struct NotInBaselineEvent<'a> {
    /// Differences that existed before the deployment.
    pub(crate) continued: &'a [KnownDifference],
    /// Differences that arose during the deployment.
    pub(crate) changed_meanwhile: &'a [KnownDifference],
    /// Differences that the deployment had to revert, and that still exist.
    pub(crate) not_reverted: &'a [KnownDifference],
}

/// The planned changes of one stack. The list `changes` is empty if the stack is up to date.
#[derive(Serialize)]
#[serde(tag = "event", rename = "change-set")]
pub(crate) struct ChangeSetEvent<'a> {
    pub(crate) stack: &'a str,
    /// The planned changes, the most harmful first.
    pub(crate) changes: &'a [Change],
}

/// The permissions that the planned changes of a stack grant or remove.
#[derive(Serialize)]
#[serde(tag = "event", rename = "grants")]
pub(crate) struct GrantsEvent<'a> {
    pub(crate) stack: &'a str,
    #[serde(flatten)]
    pub(crate) changes: &'a GrantChanges,
    /// The alarms and rollout gates that are weaker than before.
    pub(crate) weakened: &'a [Weakening],
}

/// A function's zip in the artifact bucket, which the deployment uses.
#[derive(Serialize)]
#[serde(tag = "event", rename = "artifact")]
pub(crate) struct ArtifactEvent<'a> {
    pub(crate) function: &'a str,
    pub(crate) bucket: &'a str,
    pub(crate) key: &'a str,
    /// Whether this deploy uploaded the zip.
    pub(crate) uploaded: bool,
}

/// The first run of the update function's new version.
#[derive(Serialize)]
#[serde(tag = "event", rename = "update-run")]
pub(crate) struct UpdateRunEvent {
    /// Whether the run succeeded. If not, the deploy continues, because the schedule runs the function
    /// again.
    pub(crate) succeeded: bool,
}

/// One check of the API after the deployment.
#[derive(Serialize)]
#[serde(tag = "event", rename = "smoke-test")]
pub(crate) struct SmokeTestEvent<'a> {
    pub(crate) check: &'a str,
    /// Whether the check passed, at the first or a later attempt.
    pub(crate) passed: bool,
    /// The reason for the failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use xtask::diff::Grant;

    use super::*;
    use crate::report::tests::{Example, line};

    const STACK: &str = "crypto-watch-prod";
    const BUCKET: &str = "crypto-watch-artifacts-prod-111122223333-eu-central-1";
    const KEY: &str = "api/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.zip";

    impl Example for DriftEvent<'_> {
        fn examples() -> Vec<String> {
            vec![line(&DriftEvent {
                stack: STACK,
                resources: &[DriftedResource::example()],
                baseline: &[],
            })]
        }
    }

    impl Example for BaselineEvent<'_> {
        fn examples() -> Vec<String> {
            let added = &[KnownDifference::example()];
            vec![line(&BaselineEvent { added })]
        }
    }

    impl Example for NotInBaselineEvent<'_> {
        fn examples() -> Vec<String> {
            vec![line(&NotInBaselineEvent {
                continued: &[],
                changed_meanwhile: &[KnownDifference::example()],
                not_reverted: &[],
            })]
        }
    }

    impl Example for ChangeSetEvent<'_> {
        fn examples() -> Vec<String> {
            let changes = &[Change::added("AWS::SQS::Queue", "UpdateDeadLetters")];
            vec![line(&ChangeSetEvent {
                stack: STACK,
                changes,
            })]
        }
    }

    impl Example for GrantsEvent<'_> {
        fn examples() -> Vec<String> {
            let grant = Grant {
                logical_id: "ApiRole".to_owned(),
                effect: "Allow".to_owned(),
                action: "dynamodb:GetItem".to_owned(),
                resource: "!GetAtt Table.Arn".to_owned(),
                principal: String::new(),
                condition: String::new(),
            };
            let changes = &GrantChanges {
                removed: Vec::new(),
                added: vec![grant],
            };
            let weakened = &[Weakening {
                logical_id: "ApiErrorsAlarm".to_owned(),
                change: "GreaterThanThreshold 4 -> GreaterThanThreshold 5".to_owned(),
            }];
            vec![line(&GrantsEvent {
                stack: STACK,
                changes,
                weakened,
            })]
        }
    }

    impl Example for ArtifactEvent<'_> {
        fn examples() -> Vec<String> {
            vec![line(&ArtifactEvent {
                function: "api",
                bucket: BUCKET,
                key: KEY,
                uploaded: true,
            })]
        }
    }

    impl Example for UpdateRunEvent {
        fn examples() -> Vec<String> {
            vec![line(&UpdateRunEvent { succeeded: true })]
        }
    }

    impl Example for SmokeTestEvent<'_> {
        fn examples() -> Vec<String> {
            let check = |check, passed, reason| {
                line(&SmokeTestEvent {
                    check,
                    passed,
                    reason,
                })
            };
            let reason = Some("status 500 instead of 200");
            vec![check("health", true, None), check("prices", false, reason)]
        }
    }
}
