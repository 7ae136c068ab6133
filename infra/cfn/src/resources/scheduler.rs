//! The `AWS::Scheduler` resource types.

use std::fmt;

use serde::{Serialize, Serializer};

use super::iam::RoleArn;
use super::lambda::{AliasArn, FunctionArn};
use super::macros::{fixed, kinds, resource, types};
use super::sqs::QueueArn;
use crate::bounded;
use crate::template::Value;

types! { Schedule }

fixed! {
    /// Invocations start at the scheduled time, and are not spread over a window.
    NoFlexibleTimeWindow = serde_json::json!({"Mode": "OFF"})
}

kinds! { ScheduleName }

bounded! {
    /// The number of retries of a delivery.
    RetryAttempts: 0..=185
}
bounded! {
    /// The maximum age of an event in seconds, after which Scheduler stops retrying.
    DeliveryAge: 60..=86_400
}

/// A schedule expression with a fixed rate in minutes. The first interval begins when the schedule
/// is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(u32);

impl Rate {
    /// # Panics
    /// If the rate is out of bounds. In a constant, that is a compile error.
    pub const fn minutes(minutes: u32) -> Self {
        assert!(
            1 <= minutes && minutes <= 1_440,
            "a rate is 1 to 1,440 minutes"
        );
        Rate(minutes)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("rate(1 minute)"),
            minutes => write!(f, "rate({minutes} minutes)"),
        }
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A schedule, which has no tags: only schedule groups have tags.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Schedule {
    /// Unique in the schedule group. A change replaces the schedule.
    pub name: String,
    /// At most 512 characters.
    pub description: String,
    pub schedule_expression: Rate,
    pub flexible_time_window: NoFlexibleTimeWindow,
    pub target: Target,
}
resource! {
    Schedule = "AWS::Scheduler::Schedule",
    Ref = ScheduleName,
    name = { property: "Name", max_length: 64, is_ref: true },
    tags = None,
    create_only = ["Name"],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Target {
    /// The function, which Scheduler invokes asynchronously.
    pub arn: TargetArn,
    pub role_arn: Value<RoleArn>,
    /// The event, as JSON text.
    pub input: String,
    /// The retries of an event that could not be delivered.
    pub retry_policy: RetryPolicy,
    /// The queue for events that could not be delivered after all retries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letter_config: Option<DeadLetterConfig>,
}

/// The ARN of a schedule's target.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum TargetArn {
    /// An alias, for a function with published versions.
    Alias(Value<AliasArn>),
    /// A function without published versions.
    Function(Value<FunctionArn>),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RetryPolicy {
    pub maximum_retry_attempts: RetryAttempts,
    pub maximum_event_age_in_seconds: DeliveryAge,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeadLetterConfig {
    pub arn: Value<QueueArn>,
}
