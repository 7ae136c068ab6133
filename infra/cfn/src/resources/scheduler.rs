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
    /// Runs start on time.
    NoFlexibleTimeWindow = serde_json::json!({"Mode": "OFF"})
}

kinds! { ScheduleName }

bounded! {
    /// How often a delivery is tried again.
    RetryAttempts: 0..=185
}
bounded! {
    /// Seconds that a delivery may be tried.
    DeliveryAge: 60..=86_400
}
/// A schedule of so many minutes between two runs, from its creation on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(u32);

impl Rate {
    /// Creates a rate; use it in a constant or a `const` block.
    ///
    /// # Panics
    /// Outside of 1 to 1,440 minutes; in a constant that is a compile error.
    pub const fn minutes(minutes: u32) -> Self {
        assert!(
            1 <= minutes && minutes <= 1_440,
            "a rate is from a minute to a day"
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

/// `AWS::Scheduler::Schedule`. The type takes no tags; a schedule group would.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Schedule {
    /// Unique in its group; a change replaces the schedule.
    pub name: String,
    /// What it is for; at most 512 characters.
    pub description: String,
    pub schedule_expression: Rate,
    /// Whether runs may be spread over a window.
    pub flexible_time_window: NoFlexibleTimeWindow,
    pub target: Target,
}
resource! {
    Schedule = "AWS::Scheduler::Schedule",
    Ref = ScheduleName,
    name = returned_by_ref("Name", 64),
    tags = None,
    create_only = ["Name"],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Target {
    /// The function to invoke, asynchronously.
    pub arn: TargetArn,
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

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RetryPolicy {
    pub maximum_retry_attempts: RetryAttempts,
    /// Seconds after which it is given up.
    pub maximum_event_age_in_seconds: DeliveryAge,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeadLetterConfig {
    pub arn: Value<QueueArn>,
}
