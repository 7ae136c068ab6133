//! Drift: differences between a stack's resources and its template.

use std::fmt;
use std::time::Duration;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::ProvideErrorMetadata as _;
use aws_sdk_cloudformation::types::{
    PropertyDifference, StackDriftDetectionStatus, StackResourceDrift, StackResourceDriftStatus,
};
use serde::{Deserialize, Serialize};
use xtask::output::one_line;

use super::Stack;
use crate::aws_error::{Explained as _, explain};
use crate::polling::wait;
use crate::secrets;

/// Time limit of a detection. AWS reads every resource once, a few at a time.
const DETECTION_LIMIT: Duration = Duration::from_mins(10);

/// A resource that differs from its template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DriftedResource {
    pub(crate) logical_id: String,
    #[serde(rename = "type")]
    pub(crate) resource_type: String,
    pub(crate) physical_id: String,
    /// The kind of the drift.
    pub(crate) status: DriftStatus,
    /// The properties that differ; empty for a deleted resource.
    pub(crate) differences: Vec<Difference>,
    /// The rollback that caused the difference, if `cargo xtask rollback` caused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rollback: Option<Rollback>,
}

impl DriftedResource {
    /// Returns true if this is a table that was deleted outside the stack.
    pub(crate) fn is_deleted_table(&self) -> bool {
        self.status == DriftStatus::Deleted && self.resource_type == "AWS::DynamoDB::Table"
    }
}

/// The kind of a resource's drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DriftStatus {
    Modified,
    Deleted,
}

/// An alias that `cargo xtask rollback` moved away from the stack's version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rollback {
    /// The function's name.
    pub(crate) function: String,
    /// The version that serves.
    pub(crate) live: String,
    /// The stack's version.
    pub(crate) deployed: String,
}

impl fmt::Display for Rollback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rollback {
            function,
            live,
            deployed,
        } = self;
        write!(
            f,
            "{function} was rolled back: version {live} serves, the stack's version is {deployed}"
        )
    }
}

/// One property whose value differs from the template.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Difference {
    /// A JSON pointer into the resource's properties.
    pub(crate) path: String,
    /// The template's value; absent if the template has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expected: Option<String>,
    /// The resource's value; absent if the resource has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) actual: Option<String>,
}

/// The result of a detection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Drift {
    pub(crate) resources: Vec<DriftedResource>,
    pub(crate) unchecked: Vec<Unchecked>,
}

/// A resource that CloudFormation could not compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unchecked {
    /// Absent if CloudFormation does not name the resource.
    pub(crate) logical_id: Option<String>,
    pub(crate) reason: String,
}

impl fmt::Display for Unchecked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(id) = &self.logical_id {
            write!(f, "{id}: ")?;
        }
        f.write_str(&self.reason)
    }
}

/// Compares every resource of a stack with its template. CloudFormation leaves out the
/// types that it cannot compare.
pub(crate) async fn detect(client: &Client, stack: &Stack) -> anyhow::Result<Drift> {
    let name = &stack.name;
    let what = format_args!("waiting for another drift detection in {name}");
    let detection = wait(DETECTION_LIMIT, what, async || {
        let answer = client
            .detect_stack_drift()
            .stack_name(&stack.id)
            .send()
            .await;
        match answer {
            Ok(answer) => Ok(answer.stack_drift_detection_id),
            // Another detection is in progress. CloudFormation has no error code for this case.
            Err(error)
                if error
                    .message()
                    .is_some_and(|message| message.contains("already in progress")) =>
            {
                Ok(None)
            }
            Err(error) => Err(explain(format_args!("detect drift in {name}"), &error).into()),
        }
    });
    let detection = detection.await?;
    let what = format_args!("detecting drift in {name}");
    let ended = wait(DETECTION_LIMIT, what, async || {
        let status = client
            .describe_stack_drift_detection_status()
            .stack_drift_detection_id(&detection)
            .send()
            .await
            .explained(format_args!("detect drift in {name}"))?;
        let under_way =
            status.detection_status == Some(StackDriftDetectionStatus::DetectionInProgress);
        Ok((!under_way).then_some(status))
    });
    let ended = ended.await?;
    let mut drift = Drift::default();
    // Even a failed detection has results for some resources.
    if ended.detection_status != Some(StackDriftDetectionStatus::DetectionComplete) {
        let reason = ended.detection_status_reason;
        let unknown = || "CloudFormation gives no reason".to_owned();
        drift.unchecked.push(Unchecked {
            logical_id: None,
            reason: reason.unwrap_or_else(unknown),
        });
    }
    let pages = client
        .describe_stack_resource_drifts()
        .stack_name(&stack.id)
        .into_paginator()
        .send()
        .try_collect()
        .await
        .explained(format_args!("read the drift of {name}"))?;
    for page in pages {
        let resources = page.stack_resource_drifts.unwrap_or_default();
        for resource in resources {
            drift.add(resource);
        }
    }
    drift
        .resources
        .sort_by(|a, b| a.logical_id.cmp(&b.logical_id));
    Ok(drift)
}

impl Drift {
    fn add(&mut self, resource: StackResourceDrift) {
        let id = resource.logical_resource_id.unwrap_or_default();
        let status = match resource.stack_resource_drift_status {
            Some(StackResourceDriftStatus::Modified) => DriftStatus::Modified,
            Some(StackResourceDriftStatus::Deleted) => DriftStatus::Deleted,
            Some(StackResourceDriftStatus::UnknownValue) => {
                let reason = resource.drift_status_reason;
                let unknown = || "CloudFormation gives no reason".to_owned();
                self.unchecked.push(Unchecked {
                    logical_id: Some(id),
                    reason: reason.unwrap_or_else(unknown),
                });
                return;
            }
            _ => return,
        };
        self.resources.push(DriftedResource {
            logical_id: id,
            resource_type: resource.resource_type.unwrap_or_default(),
            physical_id: resource.physical_resource_id.unwrap_or_default(),
            status,
            differences: resource
                .property_differences
                .unwrap_or_default()
                .into_iter()
                .map(Difference::from)
                .collect(),
            rollback: None,
        });
    }

    /// Adds the drift of an alias. If CloudFormation has already reported the alias, adds only the rollback.
    pub(crate) fn add_alias(&mut self, alias: DriftedResource) {
        match self
            .resources
            .iter_mut()
            .find(|known| known.logical_id == alias.logical_id)
        {
            Some(known) => known.rollback = alias.rollback,
            None => self.resources.push(alias),
        }
    }

    /// Returns true if CloudFormation could compare this resource with its template.
    pub(crate) fn covers(&self, logical_id: &str) -> bool {
        self.unchecked.iter().all(|unchecked| {
            let id = unchecked.logical_id.as_deref();
            id.is_some_and(|id| id != logical_id)
        })
    }

    pub(crate) fn rollbacks(&self) -> impl Iterator<Item = &Rollback> {
        self.resources
            .iter()
            .filter_map(|resource| resource.rollback.as_ref())
    }
}

impl Difference {
    /// Returns true if a value is hidden because it may contain a secret.
    pub(crate) fn hides_a_value(&self) -> bool {
        let mut values = [&self.expected, &self.actual].into_iter().flatten();
        values.any(|value| value.contains(secrets::NOT_SHOWN))
    }
}

impl From<PropertyDifference> for Difference {
    fn from(difference: PropertyDifference) -> Self {
        let path = difference.property_path.unwrap_or_default();
        // CloudFormation writes `null` for an absent value.
        let present = |value: Option<String>| {
            let value = value.filter(|text| text != "null")?;
            Some(secrets::hidden_text(&path, value))
        };
        Difference {
            expected: present(difference.expected_value),
            actual: present(difference.actual_value),
            path,
        }
    }
}

impl fmt::Display for DriftedResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.logical_id, self.resource_type)?;
        if let Some(rollback) = &self.rollback {
            return write!(f, ": {rollback}");
        }
        match self.status {
            DriftStatus::Deleted => f.write_str(" is gone"),
            DriftStatus::Modified => {
                f.write_str(" was changed")?;
                for difference in &self.differences {
                    write!(f, "\n    {difference}")?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        // A line break in a value would look like the next difference.
        let (expected, actual) = (one_line(text(&self.expected)), one_line(text(&self.actual)));
        let path = &self.path;
        write!(f, "{path}: {expected} in the template, {actual} now")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drift_with(status: StackResourceDriftStatus) -> Drift {
        let mut drift = Drift::default();
        drift.add(
            StackResourceDrift::builder()
                .stack_id("stack")
                .logical_resource_id("ApiLogGroup")
                .resource_type("AWS::Logs::LogGroup")
                .stack_resource_drift_status(status)
                .drift_status_reason("access denied")
                .property_differences(
                    PropertyDifference::builder()
                        .property_path("/RetentionInDays")
                        .expected_value("30")
                        .actual_value("null")
                        .build(),
                )
                .build(),
        );
        drift
    }

    #[test]
    fn a_changed_property_is_shown_with_both_values() {
        let drift = drift_with(StackResourceDriftStatus::Modified);
        assert_eq!(
            drift.resources[0].to_string(),
            "ApiLogGroup (AWS::Logs::LogGroup) was changed\n    /RetentionInDays: 30 in the template, nothing now"
        );
        let gone = drift_with(StackResourceDriftStatus::Deleted);
        assert_eq!(
            gone.resources[0].to_string(),
            "ApiLogGroup (AWS::Logs::LogGroup) is gone"
        );
    }

    #[test]
    fn a_key_that_was_set_by_hand_is_drift_with_a_hidden_value() {
        let hidden = secrets::NOT_SHOWN;
        let of_variables = format!("{{\"SECOND_API_KEY\":\"{hidden}\"}}");
        for (path, value, hidden) in [
            (
                "/Environment/Variables/EXTERNAL_API_KEY",
                "CG-secret",
                hidden,
            ),
            (
                "/Environment/Variables",
                "{\"SECOND_API_KEY\":\"CG-secret\"}",
                &of_variables,
            ),
        ] {
            let difference = PropertyDifference::builder()
                .property_path(path)
                .expected_value("null")
                .actual_value(value)
                .build();
            let difference = Difference::from(difference);
            assert!(difference.hides_a_value());
            assert_eq!(
                difference.to_string(),
                format!("{path}: nothing in the template, {hidden} now")
            );
        }
    }

    #[test]
    fn a_resource_that_could_not_be_compared_is_unchecked_and_has_no_drift() {
        let drift = drift_with(StackResourceDriftStatus::UnknownValue);
        assert!(drift.resources.is_empty());
        let unchecked: Vec<String> = drift.unchecked.iter().map(ToString::to_string).collect();
        assert_eq!(unchecked, ["ApiLogGroup: access denied"]);
        assert!(!drift.covers("ApiLogGroup") && drift.covers("ApiRole"));
        for status in [
            StackResourceDriftStatus::InSync,
            StackResourceDriftStatus::NotChecked,
        ] {
            let drift = drift_with(status);
            assert!(drift.resources.is_empty() && drift.unchecked.is_empty());
        }
    }
}
