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
pub(super) struct DriftEvent<'a> {
    pub(super) stack: &'a str,
    pub(super) resources: &'a [DriftedResource],
    /// Differences that the baseline removed from the drift.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) baseline: &'a [KnownDifference],
}

impl Event for DriftEvent<'_> {}

/// Differences that joined the baseline after a deployment.
#[derive(Serialize)]
#[serde(tag = "event", rename = "baseline")]
pub(super) struct BaselineEvent<'a> {
    pub(super) added: &'a [KnownDifference],
}

impl Event for BaselineEvent<'_> {}

/// Differences after a deployment that did not join the baseline.
#[derive(Serialize)]
#[serde(tag = "event", rename = "not-in-baseline", rename_all = "camelCase")]
pub(super) struct NotInBaselineEvent<'a> {
    /// Differences that existed before the deployment.
    pub(super) continued: &'a [KnownDifference],
    /// Differences that arose during the deployment.
    pub(super) changed_meanwhile: &'a [KnownDifference],
    /// Differences that the deployment was to revert and that still exist.
    pub(super) not_reverted: &'a [KnownDifference],
}

impl Event for NotInBaselineEvent<'_> {}

/// The planned changes of one stack. Without changes, the stack is up to date.
#[derive(Serialize)]
#[serde(tag = "event", rename = "change-set")]
pub(super) struct ChangeSetEvent<'a> {
    pub(super) stack: &'a str,
    pub(super) changes: &'a [Change],
}

impl Event for ChangeSetEvent<'_> {}

/// Permissions that the changes grant or remove.
#[derive(Serialize)]
#[serde(tag = "event", rename = "grants")]
pub(super) struct GrantsEvent<'a> {
    pub(super) stack: &'a str,
    #[serde(flatten)]
    pub(super) changes: &'a GrantChanges,
    /// The alarms and rollout gates that are weaker than before.
    pub(super) weakened: &'a [Weakening],
}

impl Event for GrantsEvent<'_> {}

/// A zip that is in the bucket.
#[derive(Serialize)]
#[serde(tag = "event", rename = "artifact")]
pub(super) struct ArtifactEvent<'a> {
    pub(super) function: &'a str,
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
    /// Whether this deploy uploaded the zip.
    pub(super) uploaded: bool,
}

impl Event for ArtifactEvent<'_> {}

/// The first run of the new update function.
#[derive(Serialize)]
#[serde(tag = "event", rename = "update-run")]
pub(super) struct UpdateRunEvent {
    pub(super) succeeded: bool,
}

impl Event for UpdateRunEvent {}

/// One check of the new endpoint.
#[derive(Serialize)]
#[serde(tag = "event", rename = "smoke-test")]
pub(super) struct SmokeTestEvent<'a> {
    pub(super) check: &'a str,
    pub(super) passed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<&'a str>,
}

impl Event for SmokeTestEvent<'_> {}

/// Zips that were removed because no recorded deployment uses them.
#[derive(Serialize)]
#[serde(tag = "event", rename = "pruned")]
pub(super) struct PrunedEvent<'a> {
    pub(super) bucket: &'a str,
    pub(super) keys: &'a [String],
}

impl Event for PrunedEvent<'_> {}
