//! A stack's events, in the order of time.

use std::collections::HashSet;
use std::fmt;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::primitives::DateTime;
use aws_sdk_cloudformation::types::StackEvent;
use serde::Serialize;

use super::Stack;
use crate::aws_error::FailedCall;
use crate::polling;
use crate::report::Report;
use crate::times::rfc3339;

const READ_EVENTS: &str = "read the stack's events";

/// The resource type of a stack's events about itself.
pub(crate) const STACK_TYPE: &str = "AWS::CloudFormation::Stack";

/// An event of one resource, or of the stack itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResourceEvent {
    pub(crate) time: String,
    /// Milliseconds since the first event of the operation.
    #[serde(skip)]
    pub(crate) elapsed_ms: i64,
    pub(crate) logical_id: String,
    #[serde(rename = "type")]
    pub(crate) resource_type: String,
    pub(crate) status: String,
    /// CloudFormation's reason for the status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// `None` from an older emulator.
    #[serde(skip)]
    pub(crate) operation_id: Option<String>,
}

/// A change of a resource's status, or of the status of the stack itself.
#[derive(Serialize)]
#[serde(tag = "event", rename = "resource")]
pub(crate) struct ResourceStatusEvent<'a> {
    pub(crate) stack: &'a str,
    #[serde(flatten)]
    pub(crate) event: &'a ResourceEvent,
}

impl ResourceEvent {
    fn read(event: StackEvent, start: DateTime) -> Self {
        let time = event.timestamp.unwrap_or(start);
        let millis = |time: DateTime| time.to_millis().unwrap_or_default();
        ResourceEvent {
            time: rfc3339(time).unwrap_or_default(),
            elapsed_ms: millis(time) - millis(start),
            logical_id: event.logical_resource_id.unwrap_or_default(),
            resource_type: event.resource_type.unwrap_or_default(),
            status: event
                .resource_status
                .map(|status| status.as_str().to_owned())
                .unwrap_or_default(),
            reason: event
                .resource_status_reason
                .filter(|reason| !reason.is_empty()),
            operation_id: event.operation_id,
        }
    }

    /// Returns true if the resource is being changed.
    pub(crate) fn is_in_progress(&self) -> bool {
        self.status.ends_with("_IN_PROGRESS")
    }

    /// Returns true if the event is about the stack itself.
    pub(crate) fn is_of_the_stack(&self) -> bool {
        self.resource_type == STACK_TYPE
    }

    /// Returns the status, the resource's name and its type.
    pub(crate) fn summary(&self) -> String {
        format!(
            "{:<28}  {} ({})",
            self.status, self.logical_id, self.resource_type
        )
    }

    /// Returns true if CloudFormation cancelled the change because the change of another resource failed.
    /// Such an event has a failed status and a short reason: "Resource creation cancelled",
    /// "Resource update cancelled", "Resource deletion cancelled". The reasons that a service gives for
    /// its resource are longer.
    fn is_cancellation(&self) -> bool {
        self.reason.as_deref().is_some_and(|reason| {
            let mut words = reason.trim_end_matches('.').split_whitespace();
            let mut next = || words.next().unwrap_or_default().to_ascii_lowercase();
            next() == "resource"
                && matches!(
                    next().as_str(),
                    "creation" | "update" | "deletion" | "import"
                )
                && matches!(next().as_str(), "cancelled" | "canceled")
                && next().is_empty()
        })
    }

    /// Returns true if the stack begins a rollback and gives the reason.
    pub(super) fn begins_rollback(&self) -> bool {
        self.is_of_the_stack()
            && self.status.ends_with("ROLLBACK_IN_PROGRESS")
            && self.reason.is_some()
    }

    /// Returns true if the event is a failure of a resource, and not the consequence of another failure.
    fn is_cause(&self) -> bool {
        self.status.ends_with("_FAILED") && !self.is_of_the_stack() && !self.is_cancellation()
    }
}

/// The event as part of a sentence, with its reason.
impl fmt::Display for ResourceEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}) {}: {}",
            self.logical_id,
            self.resource_type,
            self.status,
            self.reason.as_deref().unwrap_or("no reason given")
        )
    }
}

/// One line of a log: time, status, resource and reason. The resource's name comes before its type, so that a
/// terminal of 80 columns shows the name.
pub(crate) struct EventLine<'a>(pub(crate) &'a ResourceEvent);

impl fmt::Display for EventLine<'_> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a float holds the milliseconds of every operation exactly"
    )]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let EventLine(event) = self;
        write!(
            f,
            "{:>7.1}s  {}",
            event.elapsed_ms as f64 / 1000.0,
            event.summary()
        )?;
        match &event.reason {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        }
    }
}

/// Finds the failures that are not consequences of other failures. Returns each failure once, the earliest
/// first. Events of the same time keep their order.
pub(crate) fn causes(events: &[ResourceEvent]) -> impl Iterator<Item = &ResourceEvent> {
    let mut causes: Vec<&ResourceEvent> = events.iter().filter(|event| event.is_cause()).collect();
    causes.sort_by_key(|event| event.elapsed_ms);
    let mut seen = HashSet::new();
    causes
        .into_iter()
        .filter(move |event| seen.insert((&event.logical_id, &event.status, &event.reason)))
}

/// Returns the stack's reason for a rollback. It is the only reason if no resource has failed, for example
/// after a cancelled update.
pub(crate) fn rollback_reason(events: &[ResourceEvent]) -> Option<&str> {
    let rollback = events.iter().find(|event| event.begins_rollback());
    rollback.and_then(|event| event.reason.as_deref())
}

/// Returns the stack's last status in its events.
pub(crate) fn stack_status(events: &[ResourceEvent]) -> Option<&str> {
    let own = events.iter().rev().find(|event| event.is_of_the_stack());
    own.map(|event| event.status.as_str())
}

/// Returns the resources that are being changed, in the order in which their changes began.
pub(crate) fn in_progress(events: &[ResourceEvent]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for event in events.iter().filter(|event| !event.is_of_the_stack()) {
        names.retain(|name| *name != event.logical_id);
        if event.is_in_progress() {
            names.push(&event.logical_id);
        }
    }
    names
}

/// Finds the failures of a stack's last operation or rollback in the stack's events.
fn last_failures(newest_first: Vec<StackEvent>) -> Vec<ResourceEvent> {
    let start = DateTime::from_secs(0);
    let events = newest_first
        .into_iter()
        .map(|event| ResourceEvent::read(event, start))
        .take_while(|event| !(event.is_of_the_stack() && event.is_in_progress()));
    let mut events: Vec<ResourceEvent> = events.collect();
    events.reverse();
    causes(&events).cloned().collect()
}

/// Reads the failures of a stack's last operation or rollback.
pub(crate) async fn read_last_failures(
    client: &Client,
    stack: &Stack,
) -> Result<Vec<ResourceEvent>, FailedCall> {
    Ok(last_failures(read_newest(client, stack).await?))
}

/// Reads the first page of events: the newest 100 events, the newest first.
async fn read_newest(client: &Client, stack: &Stack) -> Result<Vec<StackEvent>, FailedCall> {
    let read = client
        .describe_stack_events()
        .stack_name(&stack.id)
        .send()
        .await
        .map_err(|error| FailedCall::new(READ_EVENTS, &error))?;
    Ok(read.stack_events.unwrap_or_default())
}

/// A reader of a stack's events from a point in time on.
pub(crate) struct EventLog {
    /// The stack before the operation.
    pub(crate) before: Stack,
    /// The ids of the events that were read, or that existed before the log began.
    known: HashSet<String>,
    start: Option<DateTime>,
}

impl EventLog {
    /// Begins a log before an operation on this stack. The existing events are not part of the log.
    pub(crate) async fn from_now(
        client: &Client,
        stack: &Stack,
        report: &Report,
    ) -> anyhow::Result<Self> {
        Self::begin(client, stack, 0, report).await
    }

    /// Begins a log with the newest existing event. If the operation in progress has ended meanwhile, this
    /// event reports the end.
    pub(crate) async fn from_newest(
        client: &Client,
        stack: &Stack,
        report: &Report,
    ) -> anyhow::Result<Self> {
        Self::begin(client, stack, 1, report).await
    }

    /// Begins a log with the `unread` newest existing events. Retries while AWS throttles the calls.
    async fn begin(
        client: &Client,
        stack: &Stack,
        unread: usize,
        report: &Report,
    ) -> anyhow::Result<Self> {
        let read = async || read_newest(client, stack).await;
        let read = polling::while_transient(|text| report.warn(text), read).await?;
        let known = read.into_iter().skip(unread);
        Ok(EventLog {
            before: stack.clone(),
            known: known.filter_map(|event| event.event_id).collect(),
            start: None,
        })
    }

    /// Reads the events since the last successful call, in the order of time.
    pub(crate) async fn read(&mut self, client: &Client) -> Result<Vec<ResourceEvent>, FailedCall> {
        let mut unread = Vec::new();
        let mut ids = HashSet::new();
        let mut events = client
            .describe_stack_events()
            .stack_name(&self.before.id)
            .into_paginator()
            .items()
            .send();
        // The newest events come first.
        while let Some(event) = events.next().await {
            let event = event.map_err(|error| FailedCall::new(READ_EVENTS, &error))?;
            let id = event.event_id.clone().unwrap_or_default();
            if self.known.contains(&id) {
                break;
            }
            // If new events arrive between two pages, the second page repeats events of the first page.
            if ids.insert(id) {
                unread.push(event);
            }
        }
        self.known.extend(ids);
        let events = unread.into_iter().rev().map(|event| {
            let time = || event.timestamp.unwrap_or_else(|| DateTime::from_secs(0));
            let start = *self.start.get_or_insert_with(time);
            ResourceEvent::read(event, start)
        });
        Ok(events.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{Example, line};

    fn event(id: &str, status: &str, reason: &str) -> ResourceEvent {
        ResourceEvent {
            time: String::new(),
            elapsed_ms: 1_250,
            logical_id: id.to_owned(),
            resource_type: if id == "stack" {
                STACK_TYPE
            } else {
                "AWS::SQS::Queue"
            }
            .to_owned(),
            status: status.to_owned(),
            reason: (!reason.is_empty()).then(|| reason.to_owned()),
            operation_id: None,
        }
    }

    impl Example for ResourceStatusEvent<'_> {
        fn examples() -> Vec<String> {
            let mut failed = event("Queue", "CREATE_FAILED", "the name is taken");
            failed.time = "2026-01-15T10:30:00Z".to_owned();
            let (stack, event) = ("crypto-watch-prod", &failed);
            vec![line(&ResourceStatusEvent { stack, event })]
        }
    }

    #[test]
    fn the_causes_are_the_failures_without_the_cancellations() {
        let events = [
            event("stack", "CREATE_IN_PROGRESS", "User Initiated"),
            event("A", "CREATE_FAILED", "Resource creation cancelled"),
            event("B", "CREATE_FAILED", "the name is taken"),
            event("C", "UPDATE_FAILED", "Resource update cancelled"),
            event("F", "DELETE_FAILED", "Resource deletion cancelled."),
            event("B", "CREATE_FAILED", "the name is taken"),
            event(
                "D",
                "CREATE_FAILED",
                "Resource handler returned message: the deployment was cancelled",
            ),
            event(
                "stack",
                "ROLLBACK_FAILED",
                "The following resource(s) failed to delete: [E]",
            ),
        ];
        let causes: Vec<&str> = causes(&events).map(|event| &*event.logical_id).collect();
        assert_eq!(causes, ["B", "D"]);
    }

    #[test]
    fn eighty_columns_show_the_name_of_every_resource() {
        for environment in infra::Environment::ALL {
            let artifacts = infra::Artifacts::placeholder();
            let stack = infra::stack::service(&environment.settings(), &artifacts);
            let template = stack.render().expect("the stack renders");
            let resources = template.as_value()["Resources"].as_object();
            for id in resources.expect("the template has resources").keys() {
                let line = event(id, "UPDATE_IN_PROGRESS", "");
                // On a terminal, the line of a resource in progress begins with the elapsed time.
                let shown = format!("00:00:00  {}", line.summary());
                let shown: String = shown.chars().take(80).collect();
                assert!(shown.contains(&format!("  {id} (")), "{shown}");
            }
        }
    }

    #[test]
    fn an_event_is_one_line_with_its_reason() {
        let failed = event("Queue", "CREATE_FAILED", "the name is taken");
        assert_eq!(
            EventLine(&failed).to_string(),
            "    1.2s  CREATE_FAILED                 Queue (AWS::SQS::Queue): the name is taken"
        );
    }

    #[test]
    fn the_resources_in_progress_have_begun_and_not_ended() {
        let events = [
            event("stack", "UPDATE_IN_PROGRESS", ""),
            event("A", "UPDATE_IN_PROGRESS", ""),
            event("B", "UPDATE_IN_PROGRESS", ""),
            event("A", "UPDATE_COMPLETE", ""),
            event("C", "CREATE_IN_PROGRESS", ""),
        ];
        assert_eq!(in_progress(&events), ["B", "C"]);
    }

    #[test]
    fn the_last_failures_are_those_of_the_failed_rollback() {
        let event = |id: &str, kind: &str, status: &str, reason: &str| {
            StackEvent::builder()
                .logical_resource_id(id)
                .resource_type(kind)
                .resource_status(status.into())
                .resource_status_reason(reason)
                .build()
        };
        let newest_first = vec![
            event("stack", STACK_TYPE, "UPDATE_ROLLBACK_FAILED", ""),
            event(
                "ApiRole",
                "AWS::IAM::Role",
                "UPDATE_FAILED",
                "the role is gone",
            ),
            event("stack", STACK_TYPE, "UPDATE_ROLLBACK_IN_PROGRESS", ""),
            event(
                "Queue",
                "AWS::SQS::Queue",
                "UPDATE_FAILED",
                "the name is taken",
            ),
        ];
        let failures = last_failures(newest_first);
        let failures: Vec<String> = failures.iter().map(ToString::to_string).collect();
        assert_eq!(
            failures,
            ["ApiRole (AWS::IAM::Role) UPDATE_FAILED: the role is gone"]
        );
    }

    #[test]
    fn a_cancelled_update_has_its_reason_in_an_event_of_the_stack() {
        let events = [
            event("stack", "UPDATE_IN_PROGRESS", "User Initiated"),
            event("A", "UPDATE_FAILED", "Resource update cancelled"),
            event(
                "stack",
                "UPDATE_ROLLBACK_IN_PROGRESS",
                "Rollback requested by user.",
            ),
            event("stack", "UPDATE_ROLLBACK_COMPLETE", ""),
        ];
        assert_eq!(causes(&events).count(), 0);
        assert_eq!(
            rollback_reason(&events),
            Some("Rollback requested by user.")
        );
    }

    mod properties {
        use proptest::prelude::*;

        use super::*;

        fn any_event() -> impl Strategy<Value = ResourceEvent> {
            let status = prop::sample::select(vec![
                "CREATE_IN_PROGRESS",
                "CREATE_FAILED",
                "UPDATE_FAILED",
                "DELETE_COMPLETE",
            ]);
            let reason = prop::sample::select(vec!["", "Resource creation cancelled", "denied"]);
            let id = prop::sample::select(vec!["stack", "A", "B"]);
            (id, status, reason, 0..5i64).prop_map(|(id, status, reason, elapsed_ms)| {
                ResourceEvent {
                    elapsed_ms,
                    ..event(id, status, reason)
                }
            })
        }

        proptest! {
            #[test]
            fn a_cause_is_a_failed_resource_with_its_own_reason(
                events in prop::collection::vec(any_event(), 0..30)
            ) {
                let found: Vec<_> = causes(&events).collect();
                for cause in &found {
                    prop_assert!(cause.status.ends_with("_FAILED"));
                    prop_assert_ne!(&cause.logical_id, "stack");
                    prop_assert_ne!(cause.reason.as_deref(), Some("Resource creation cancelled"));
                }
                let denied = events.iter().filter(|event| {
                    event.logical_id != "stack"
                        && event.status.ends_with("_FAILED")
                        && event.reason.as_deref() == Some("denied")
                });
                for event in denied {
                    prop_assert!(found.iter().any(|cause| cause.to_string() == event.to_string()));
                }
            }

            #[test]
            fn the_earliest_cause_is_named_first_in_any_order_of_events(
                events in prop::collection::vec(any_event(), 0..30).prop_shuffle()
            ) {
                let found: Vec<_> = causes(&events).collect();
                let earliest = events
                    .iter()
                    .filter(|event| event.is_cause())
                    .min_by_key(|event| event.elapsed_ms);
                prop_assert_eq!(found.first().copied(), earliest);
                prop_assert!(found.is_sorted_by_key(|event| event.elapsed_ms));
                let distinct: HashSet<String> = found.iter().map(ToString::to_string).collect();
                prop_assert_eq!(distinct.len(), found.len());
            }
        }
    }
}
