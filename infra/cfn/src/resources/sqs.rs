//! The `AWS::SQS` resource types.

use serde::Serialize;

use super::macros::{arns, fixed, kinds, resource, types};
use super::tags::Tag;
use crate::bounded;

types! { Queue }

fixed! {
    /// Encryption at rest with SQS's own keys.
    SqsManagedSse = true
}

kinds! { QueueUrl, QueueName }
arns! { QueueArn }

bounded! {
    /// Seconds that a message is kept.
    MessageRetentionPeriod: 60..=1_209_600
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Queue {
    /// Unique in the account and region; a change replaces the queue.
    pub queue_name: String,
    /// Seconds that a message is kept.
    pub message_retention_period: MessageRetentionPeriod,
    /// Encryption at rest with SQS's own keys.
    pub sqs_managed_sse_enabled: SqsManagedSse,
    pub tags: Vec<Tag>,
}
resource! {
    Queue = "AWS::SQS::Queue",
    Ref = QueueUrl,
    name = not_returned_by_ref("QueueName", 80),
    tags = List,
    create_only = ["FifoQueue", "QueueName"],
    arn = "Arn" as QueueArn,
    queue_name = "QueueName" as QueueName,
}
