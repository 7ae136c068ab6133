//! A stack's events, in the order in which they happened.

use std::fmt;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::primitives::{DateTime, DateTimeFormat};
use aws_sdk_cloudformation::types::StackEvent;

use crate::aws_error::explain;

/// The type under which a stack reports on itself.
const STACK_TYPE: &str = "AWS::CloudFormation::Stack";

/// Something that happened to one resource, or to the stack itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResourceEvent {
    /// RFC 3339.
    pub(crate) time: String,
    /// Since the first event of the operation.
    pub(crate) elapsed_ms: i64,
    pub(crate) logical_id: String,
    pub(crate) resource_type: String,
    pub(crate) status: String,
    pub(crate) reason: Option<String>,
}

impl ResourceEvent {
    fn read(event: StackEvent, start: DateTime) -> Self {
        let time = event.timestamp.unwrap_or(start);
        let millis = |time: DateTime| time.to_millis().unwrap_or_default();
        ResourceEvent {
            time: time.fmt(DateTimeFormat::DateTime).unwrap_or_default(),
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
        }
    }

    fn is_of_the_stack(&self) -> bool {
        self.resource_type == STACK_TYPE
    }

    /// CloudFormation stops what else is under way when a resource fails, and
    /// calls that a failure, too.
    fn is_cancellation(&self) -> bool {
        self.reason.as_deref().is_some_and(|reason| {
            let reason = reason.to_ascii_lowercase();
            reason.starts_with("resource ") && reason.contains("cancelled")
        })
    }

    /// Whether it is a failure of a resource, and not only what followed from one.
    fn is_cause(&self) -> bool {
        self.status.ends_with("_FAILED") && !self.is_of_the_stack() && !self.is_cancellation()
    }
}

/// For a sentence: what, and why.
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

/// For a table: when, what and, if there is a reason, why.
pub(crate) struct Line<'a>(pub(crate) &'a ResourceEvent);

impl fmt::Display for Line<'_> {
    #[expect(clippy::cast_precision_loss, reason = "an hour is 3,600,000 ms")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line(event) = self;
        write!(
            f,
            "{:>7.1}s  {:<28}  {:<32}  {}",
            event.elapsed_ms as f64 / 1000.0,
            event.status,
            event.resource_type,
            event.logical_id
        )?;
        match &event.reason {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        }
    }
}

/// What failed by itself, the earliest first; `events` are in time order.
pub(crate) fn causes(events: &[ResourceEvent]) -> impl Iterator<Item = &ResourceEvent> {
    events.iter().filter(|event| event.is_cause())
}

/// The last status that the stack has reported of itself.
pub(crate) fn stack_status(events: &[ResourceEvent]) -> Option<&str> {
    let own = events.iter().rev().find(|event| event.is_of_the_stack());
    own.map(|event| event.status.as_str())
}

/// Reads a stack's events from one moment on.
pub(crate) struct EventLog {
    stack_id: String,
    /// The newest event that has been read.
    last: Option<String>,
    start: Option<DateTime>,
}

impl EventLog {
    /// A log that begins now.
    pub(crate) async fn from_now(client: &Client, stack_id: &str) -> anyhow::Result<Self> {
        let newest = client
            .describe_stack_events()
            .stack_name(stack_id)
            .send()
            .await
            .map_err(|error| explain("read the stack's events", &error))?
            .stack_events
            .unwrap_or_default()
            .into_iter()
            .next();
        Ok(EventLog {
            stack_id: stack_id.to_owned(),
            last: newest.and_then(|event| event.event_id),
            start: None,
        })
    }

    /// A log that begins with the newest event there is. The operation under
    /// way may have ended by then, and that event says so.
    pub(crate) async fn from_newest(client: &Client, stack_id: &str) -> anyhow::Result<Self> {
        let before_newest = client
            .describe_stack_events()
            .stack_name(stack_id)
            .send()
            .await
            .map_err(|error| explain("read the stack's events", &error))?
            .stack_events
            .unwrap_or_default()
            .into_iter()
            .nth(1);
        Ok(EventLog {
            stack_id: stack_id.to_owned(),
            last: before_newest.and_then(|event| event.event_id),
            start: None,
        })
    }

    pub(crate) fn stack_id(&self) -> &str {
        &self.stack_id
    }

    /// What has happened since the last call, in time order.
    pub(crate) async fn read(&mut self, client: &Client) -> anyhow::Result<Vec<ResourceEvent>> {
        let mut unread = Vec::new();
        let mut pages = client
            .describe_stack_events()
            .stack_name(&self.stack_id)
            .into_paginator()
            .send();
        // The newest come first.
        'pages: while let Some(page) = pages.next().await {
            let page = page.map_err(|error| explain("read the stack's events", &error))?;
            for event in page.stack_events.unwrap_or_default() {
                if self.last.is_some() && event.event_id == self.last {
                    break 'pages;
                }
                unread.push(event);
            }
        }
        if let Some(newest) = unread.first() {
            self.last.clone_from(&newest.event_id);
        }
        let mut events = Vec::with_capacity(unread.len());
        for event in unread.into_iter().rev() {
            let start = *self
                .start
                .get_or_insert_with(|| event.timestamp.unwrap_or_else(|| DateTime::from_secs(0)));
            events.push(ResourceEvent::read(event, start));
        }
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        }
    }

    #[test]
    fn the_earliest_failure_is_the_cause_and_cancellations_are_none() {
        let events = [
            event("stack", "CREATE_IN_PROGRESS", "User Initiated"),
            event("A", "CREATE_FAILED", "Resource creation cancelled"),
            event("B", "CREATE_FAILED", "the name is taken"),
            event("C", "UPDATE_FAILED", "Resource update cancelled"),
            event(
                "D",
                "CREATE_FAILED",
                "the deployment was cancelled by an alarm",
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
    fn an_event_is_one_line_with_its_reason() {
        let failed = event("Queue", "CREATE_FAILED", "the name is taken");
        assert_eq!(
            Line(&failed).to_string(),
            "    1.2s  CREATE_FAILED                 AWS::SQS::Queue                   Queue: the name is taken"
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
            (id, status, reason).prop_map(|(id, status, reason)| event(id, status, reason))
        }

        proptest! {
            #[test]
            fn a_cause_is_a_failed_resource_with_a_reason_of_its_own(
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
                prop_assert!(denied.into_iter().all(|event| found.contains(&event)));
            }
        }
    }
}
