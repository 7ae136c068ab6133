//! The `AWS::Logs` resource types.

use serde::Serialize;

use super::macros::{arns, kinds, resource, types};
use super::tags::Tag;
use crate::arn;
use crate::template::{Handle, Pseudo, Value};

types! { LogGroup }

kinds! { LogGroupName }
arns! {
    /// The ARN of a log group with the suffix `:*`, for policies.
    LogGroupArn,
    /// The ARN of a log group without the suffix `:*`.
    LogDestinationArn
}

/// The retention of log events in days. CloudWatch Logs accepts only certain numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RetentionInDays(u32);

/// The numbers of days that CloudWatch Logs accepts:
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>.
const RETENTIONS: [u32; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

impl RetentionInDays {
    /// # Panics
    /// If CloudWatch Logs does not accept the number. In a constant, that is a compile error.
    pub const fn new(days: u32) -> Self {
        let mut i = 0;
        while i < RETENTIONS.len() {
            if RETENTIONS[i] == days {
                return RetentionInDays(days);
            }
            i += 1;
        }
        panic!("CloudWatch Logs keeps events for 1, 3, 5, 7, 14, 30, 60, 90, ... days");
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LogGroup {
    /// Unique in the account and Region. A change replaces the log group.
    pub log_group_name: String,
    pub retention_in_days: RetentionInDays,
    pub tags: Vec<Tag>,
}
resource! {
    LogGroup = "AWS::Logs::LogGroup",
    Ref = LogGroupName,
    name = { property: "LogGroupName", max_length: 512, is_ref: true },
    tags = List,
    create_only = ["LogGroupName"],
    arn = "Arn" as LogGroupArn,
}

impl Handle<LogGroup> {
    /// Returns the ARN without the suffix `:*` of `Fn::GetAtt Arn`. API Gateway stores the
    /// ARN without the suffix, so drift detection would report the other form as a difference
    /// (<https://github.com/aws/aws-cdk/issues/38796>).
    pub fn destination_arn(&self) -> Value<LogDestinationArn> {
        arn![
            "logs",
            Pseudo::Region,
            Pseudo::AccountId,
            "log-group:",
            &self.reference()
        ]
    }
}
