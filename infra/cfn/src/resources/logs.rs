//! The `AWS::Logs` resource types.

use serde::Serialize;

use super::macros::{arns, kinds, resource, types};
use super::tags::Tag;
use crate::sub;
use crate::template::{Handle, Pseudo, Value};

types! { LogGroup }

kinds! { LogGroupName }
arns! {
    /// The ARN of a log group with the suffix `:*`, as policies need it.
    LogGroupArn,
    /// The ARN of a log group without that suffix.
    LogDestinationArn
}

/// Days that log events are kept; CloudWatch Logs takes certain numbers only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RetentionInDays(u32);

/// Source: Amazon CloudWatch Logs API Reference, `PutRetentionPolicy`.
const RETENTIONS: [u32; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

impl RetentionInDays {
    /// One of the numbers that CloudWatch Logs takes; use it in a constant or a
    /// `const` block.
    ///
    /// # Panics
    /// On any other number; in a constant that is a compile error.
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
    /// Unique in the account and region; a change replaces the group.
    pub log_group_name: String,
    pub retention_in_days: RetentionInDays,
    pub tags: Vec<Tag>,
}
resource! {
    LogGroup = "AWS::Logs::LogGroup",
    Ref = LogGroupName,
    name = returned_by_ref("LogGroupName", 512),
    tags = List,
    create_only = ["LogGroupName"],
    arn = "Arn" as LogGroupArn,
}

impl Handle<LogGroup> {
    /// The ARN without the suffix `:*` of `Fn::GetAtt Arn`. API Gateway stores this
    /// form, and drift detection reports the other one as a difference:
    /// <https://github.com/aws/aws-cdk/issues/38796>.
    pub fn destination_arn(&self) -> Value<LogDestinationArn> {
        sub![
            "arn:",
            Pseudo::Partition,
            ":logs:",
            Pseudo::Region,
            ":",
            Pseudo::AccountId,
            ":log-group:",
            &self.reference()
        ]
    }
}
