//! The failures of an operation that only `DescribeEvents` returns: failed validations and hooks. The stack's
//! own events only say that such failures exist.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeEvents.html>

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::operation::describe_events::builders::DescribeEventsFluentBuilder;
use aws_sdk_cloudformation::types::{EventFilter, HookFailureMode, OperationEvent};

use xtask::failure::Failure;

use super::Stack;
use super::events::{ResourceEvent, STACK_TYPE};
use crate::aws_error::Explanation;

/// The failures of an operation, as far as they could be read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct OperationFailures {
    pub(crate) reasons: Vec<String>,
    /// The reason why the events could not be read.
    unread: Option<String>,
}

impl OperationFailures {
    /// Records that the stack's own events could not be read.
    pub(crate) fn record_unread(&mut self, failure: &Failure) {
        self.unread.get_or_insert_with(|| failure.to_string());
    }

    /// Returns the failures, or `reason` if there are none, and a note if the events could not be
    /// read.
    pub(crate) fn describe_or(&self, reason: &str) -> String {
        let mut text = if self.reasons.is_empty() {
            reason.to_owned()
        } else {
            self.reasons.join("; ")
        };
        if let Some(unread) = &self.unread {
            text.push_str("; the operation's events could not be read: ");
            text.push_str(unread);
        }
        text
    }
}

/// Reads the failures of a change set.
pub(crate) async fn of_change_set(client: &Client, id: &str) -> OperationFailures {
    read(client.describe_events().change_set_name(id)).await
}

/// Reads the failures of an operation, if the stack's own events refer to them.
pub(crate) async fn of_operation(
    client: &Client,
    stack: &Stack,
    events: &[ResourceEvent],
) -> OperationFailures {
    if !refers_to_events(stack, events) {
        return OperationFailures::default();
    }
    // The first id is the operation's: its rollback has an id of its own, and comes later.
    let operation = events.iter().find_map(|event| event.operation_id.as_ref());
    let request = client.describe_events();
    read(match operation {
        Some(id) => request.operation_id(id),
        None => request.stack_name(&stack.id),
    })
    .await
}

/// Returns true if a reason of the stack or of its events points to `DescribeEvents`:
/// "Validation failed with 1 error(s). Call `DescribeEvents` ...", "Validation failure
/// detected. See the operation's FAILED event for details.", "The following hook(s)
/// failed".
fn refers_to_events(stack: &Stack, events: &[ResourceEvent]) -> bool {
    let is_failure =
        |event: &&ResourceEvent| event.status.ends_with("_FAILED") || event.begins_rollback();
    let reasons = events.iter().filter(is_failure);
    let reasons = reasons.filter_map(|event| event.reason.as_ref());
    reasons.chain(&stack.status_reason).any(|reason| {
        let reason = reason.to_ascii_lowercase();
        reason.contains("describeevents")
            || reason.contains("describe-events")
            || reason.contains("hook(s)")
            || (reason.contains("validation") && reason.contains("fail"))
    })
}

async fn read(request: DescribeEventsFluentBuilder) -> OperationFailures {
    let only_failed = EventFilter::builder().failed_events(true).build();
    let mut pages = request.filters(only_failed).into_paginator().send();
    let mut read = OperationFailures::default();
    while let Some(page) = pages.next().await {
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                read.unread = Some(Explanation::of(&error).reason);
                break;
            }
        };
        let failures = page.operation_events.unwrap_or_default().into_iter();
        for failure in failures.filter_map(failure) {
            if !read.reasons.contains(&failure) {
                read.reasons.push(failure);
            }
        }
    }
    read
}

/// Returns the failure that an event reports, with its place. `None` for a warning, which stops no
/// operation, and for an event of the stack itself, which only counts the failures.
fn failure(event: OperationEvent) -> Option<String> {
    if event.validation_failure_mode == Some(HookFailureMode::Warn)
        || event.hook_failure_mode == Some(HookFailureMode::Warn)
        || event.resource_type.as_deref() == Some(STACK_TYPE)
    {
        return None;
    }
    let reason = event
        .validation_status_reason
        .or(event.hook_status_reason)
        .or(event.resource_status_reason)
        .filter(|reason| !reason.is_empty())?;
    let Some(id) = event.logical_resource_id else {
        return Some(reason);
    };
    let resource_type = event.resource_type.unwrap_or_default();
    Some(match event.validation_path {
        Some(path) => format!("{id} ({resource_type}), at {path}: {reason}"),
        None => format!("{id} ({resource_type}): {reason}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(status: &str, reason: &str) -> ResourceEvent {
        ResourceEvent {
            time: String::new(),
            elapsed_ms: 0,
            logical_id: "crypto-watch-dev".to_owned(),
            resource_type: STACK_TYPE.to_owned(),
            status: status.to_owned(),
            reason: Some(reason.to_owned()),
            operation_id: None,
        }
    }

    #[test]
    fn only_a_reason_that_points_to_further_events_leads_to_another_call() {
        let stack = Stack::for_tests("UPDATE_ROLLBACK_COMPLETE");
        for (status, reason, expected) in [
            (
                "UPDATE_FAILED",
                "Validation failed with 1 error(s). Call DescribeEvents to retrieve the full list",
                true,
            ),
            (
                "UPDATE_ROLLBACK_IN_PROGRESS",
                "Validation failure detected. See operation's FAILED event for details.",
                true,
            ),
            (
                "CREATE_FAILED",
                "The following hook(s) failed: [AWS::Hook]",
                true,
            ),
            (
                "UPDATE_ROLLBACK_IN_PROGRESS",
                "Rollback requested by user.",
                false,
            ),
            ("CREATE_FAILED", "the name is taken", false),
            ("UPDATE_IN_PROGRESS", "Validation failed", false),
        ] {
            let events = [event(status, reason)];
            assert_eq!(refers_to_events(&stack, &events), expected, "{reason}");
        }
    }

    #[test]
    fn a_failed_validation_is_named_with_its_place_and_a_warning_is_not() {
        let validation = |mode: HookFailureMode| {
            OperationEvent::builder()
                .logical_resource_id("Bucket")
                .resource_type("AWS::S3::Bucket")
                .validation_failure_mode(mode)
                .validation_path("/Resources/Bucket")
                .validation_status_reason("already exists")
                .build()
        };
        assert_eq!(
            failure(validation(HookFailureMode::Fail)).as_deref(),
            Some("Bucket (AWS::S3::Bucket), at /Resources/Bucket: already exists")
        );
        assert_eq!(failure(validation(HookFailureMode::Warn)), None);
        let own = OperationEvent::builder()
            .logical_resource_id("crypto-watch-dev")
            .resource_type(STACK_TYPE)
            .resource_status_reason("Validation failed with 1 error(s). Call DescribeEvents")
            .build();
        assert_eq!(failure(own), None);
    }

    #[test]
    fn events_that_could_not_be_read_are_mentioned() {
        let read = OperationFailures {
            reasons: Vec::new(),
            unread: Some("AccessDenied: no".to_owned()),
        };
        assert_eq!(
            read.describe_or("Validation failed"),
            "Validation failed; the operation's events could not be read: AccessDenied: no"
        );
        assert_eq!(
            OperationFailures::default().describe_or("it failed"),
            "it failed"
        );
    }
}
