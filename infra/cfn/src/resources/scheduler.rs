//! The `AWS::Scheduler` resource types.

use std::fmt;

use serde::{Serialize, Serializer};

use super::iam::RoleArn;
use super::lambda::{AliasArn, FunctionArn};
use super::sqs::QueueArn;
use super::{kinds, resource};
use crate::bounded;
use crate::template::Value;

kinds! {
    /// The name of a schedule.
    ScheduleName
}

bounded! {
    /// How often a delivery is tried again.
    RetryAttempts: 0..=185
}
bounded! {
    /// Seconds that a delivery may be tried.
    DeliveryAge: 60..=86_400
}
bounded! {
    /// Minutes between two runs.
    RateMinutes: 1..=1_440
}

/// When a schedule runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScheduleExpression {
    /// Every so many minutes, starting when the schedule is created.
    Rate(RateMinutes),
}

impl fmt::Display for ScheduleExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ScheduleExpression::Rate(minutes) if minutes.get() == 1 => {
                f.write_str("rate(1 minute)")
            }
            ScheduleExpression::Rate(minutes) => write!(f, "rate({} minutes)", minutes.get()),
        }
    }
}

impl Serialize for ScheduleExpression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// `AWS::Scheduler::Schedule`. The type takes no tags; a schedule group would.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Schedule {
    /// Unique in its group; a change replaces the schedule.
    pub name: String,
    /// What it is for; at most 512 characters.
    pub description: String,
    /// When it runs.
    pub schedule_expression: ScheduleExpression,
    /// Whether runs may be spread over a window.
    pub flexible_time_window: FlexibleTimeWindow,
    /// What it invokes.
    pub target: Target,
}
resource!(Schedule, "AWS::Scheduler::Schedule", Ref = ScheduleName);

/// `FlexibleTimeWindow`
#[derive(Debug, Serialize)]
#[serde(tag = "Mode", rename_all = "UPPERCASE")]
pub enum FlexibleTimeWindow {
    /// Runs start on time.
    Off,
}

/// `Target`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Target {
    /// The function to invoke, asynchronously.
    pub arn: TargetArn,
    /// As whom.
    pub role_arn: Value<RoleArn>,
    /// The event, as JSON text.
    pub input: String,
    /// What happens when the invocation cannot be delivered.
    pub retry_policy: RetryPolicy,
    /// The queue for events that could not be delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letter_config: Option<DeadLetterConfig>,
}

/// The ARN of a schedule's target.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum TargetArn {
    /// An alias, so that a deploy moves the schedule to a new version.
    Alias(Value<AliasArn>),
    /// A function that has no versions.
    Function(Value<FunctionArn>),
}

/// `RetryPolicy`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RetryPolicy {
    /// How often it is tried again.
    pub maximum_retry_attempts: RetryAttempts,
    /// Seconds after which it is given up.
    pub maximum_event_age_in_seconds: DeliveryAge,
}

/// `DeadLetterConfig`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeadLetterConfig {
    /// The queue.
    pub arn: Value<QueueArn>,
}
