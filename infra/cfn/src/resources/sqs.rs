//! The `AWS::SQS` resource types.

use serde::Serialize;

use super::macros::{arns, fixed, kinds, resource, types};
use super::tags::Tag;
use crate::bounded;

types! { Queue }

fixed! {
    /// Encryption at rest with keys that SQS manages (SSE-SQS).
    SqsManagedSse = true
}

kinds! { QueueUrl, QueueName }
arns! { QueueArn }

bounded! {
    /// The retention of messages in seconds; at most 14 days.
    MessageRetentionPeriod: 60..=1_209_600
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Queue {
    /// Unique in the account and Region. A change replaces the queue.
    pub queue_name: String,
    pub message_retention_period: MessageRetentionPeriod,
    pub sqs_managed_sse_enabled: SqsManagedSse,
    pub tags: Vec<Tag>,
}
resource! {
    Queue = "AWS::SQS::Queue",
    Ref = QueueUrl,
    name = { property: "QueueName", max_length: 80, is_ref: false },
    tags = List,
    create_only = ["FifoQueue", "QueueName"],
    arn = "Arn" as QueueArn,
    queue_name = "QueueName" as QueueName,
}
