//! The `AWS::SQS` resource types.

use serde::Serialize;

use super::{Tag, arns, kinds, resource};
use crate::bounded;
use crate::template::{Handle, Value};

kinds! {
    /// The URL of a queue.
    QueueUrl,
    /// The name of a queue.
    QueueName
}
arns! {
    /// The ARN of a queue.
    QueueArn
}

bounded! {
    /// Seconds that a message is kept.
    MessageRetentionPeriod: 60..=1_209_600
}

/// `AWS::SQS::Queue`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Queue {
    /// Unique in the account and region; a change replaces the queue.
    pub queue_name: String,
    /// Seconds that a message is kept.
    pub message_retention_period: MessageRetentionPeriod,
    /// Encryption at rest with SQS's own keys.
    pub sqs_managed_sse_enabled: bool,
    /// The tags.
    pub tags: Vec<Tag>,
}
resource!(Queue, "AWS::SQS::Queue", Ref = QueueUrl);

impl Handle<Queue> {
    /// `Fn::GetAtt Arn`
    pub fn arn(&self) -> Value<QueueArn> {
        self.attribute("Arn")
    }

    /// `Fn::GetAtt QueueName`
    pub fn queue_name(&self) -> Value<QueueName> {
        self.attribute("QueueName")
    }
}
