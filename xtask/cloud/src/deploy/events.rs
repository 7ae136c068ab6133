//! The JSON events of `cargo xtask deploy` and `cargo xtask plan`.

use serde::Serialize;
use xtask::diff::{GrantChanges, Weakening};

use super::changes::Change;
use crate::report::Event;
use crate::stack::baseline::KnownDifference;
use crate::stack::drift::DriftedResource;

/// The drift of one stack before the deployment. Without resources, nothing has drifted.
#[derive(Serialize)]
#[serde(tag = "event", rename = "drift")]
pub(crate) struct DriftEvent<'a> {
    pub(crate) stack: &'a str,
    pub(crate) resources: &'a [DriftedResource],
    /// Differences that the baseline removed from the drift.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(crate) baseline: &'a [KnownDifference],
}

impl Event for DriftEvent<'_> {}

/// Differences that joined the baseline after a deployment.
#[derive(Serialize)]
#[serde(tag = "event", rename = "baseline")]
pub(crate) struct BaselineEvent<'a> {
    pub(crate) added: &'a [KnownDifference],
}

impl Event for BaselineEvent<'_> {}

/// Differences after a deployment that did not join the baseline.
#[derive(Serialize)]
#[serde(tag = "event", rename = "not-in-baseline", rename_all = "camelCase")]
pub(crate) struct NotInBaselineEvent<'a> {
    /// Differences that existed before the deployment.
    pub(crate) continued: &'a [KnownDifference],
    /// Differences that arose during the deployment.
    pub(crate) changed_meanwhile: &'a [KnownDifference],
    /// Differences that the deployment was to revert and that still exist.
    pub(crate) not_reverted: &'a [KnownDifference],
}

impl Event for NotInBaselineEvent<'_> {}

/// The planned changes of one stack. Without changes, the stack is up to date.
#[derive(Serialize)]
#[serde(tag = "event", rename = "change-set")]
pub(crate) struct ChangeSetEvent<'a> {
    pub(crate) stack: &'a str,
    pub(crate) changes: &'a [Change],
}

impl Event for ChangeSetEvent<'_> {}

/// Permissions that the changes grant or remove.
#[derive(Serialize)]
#[serde(tag = "event", rename = "grants")]
pub(crate) struct GrantsEvent<'a> {
    pub(crate) stack: &'a str,
    #[serde(flatten)]
    pub(crate) changes: &'a GrantChanges,
    /// The alarms and rollout gates that are weaker than before.
    pub(crate) weakened: &'a [Weakening],
}

impl Event for GrantsEvent<'_> {}

/// A zip that is in the bucket.
#[derive(Serialize)]
#[serde(tag = "event", rename = "artifact")]
pub(crate) struct ArtifactEvent<'a> {
    pub(crate) function: &'a str,
    pub(crate) bucket: &'a str,
    pub(crate) key: &'a str,
    /// Whether this deploy uploaded the zip.
    pub(crate) uploaded: bool,
}

impl Event for ArtifactEvent<'_> {}

/// The first run of the new update function.
#[derive(Serialize)]
#[serde(tag = "event", rename = "update-run")]
pub(crate) struct UpdateRunEvent {
    pub(crate) succeeded: bool,
}

impl Event for UpdateRunEvent {}

/// One check of the new endpoint.
#[derive(Serialize)]
#[serde(tag = "event", rename = "smoke-test")]
pub(crate) struct SmokeTestEvent<'a> {
    pub(crate) check: &'a str,
    pub(crate) passed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'a str>,
}

impl Event for SmokeTestEvent<'_> {}
