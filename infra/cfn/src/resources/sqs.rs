//! The `AWS::SQS` resource types.

use serde::Serialize;

use super::macros::{arns, fixed, kinds};
use super::tags::Tag;
use crate::bounded;
use crate::template::{Handle, NameProperty, NoUpdatePolicy, Resource, TagForm, Value};

fixed! {
    /// Encryption at rest with SQS's own keys.
    SqsManagedSse = true
}

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
    pub sqs_managed_sse_enabled: SqsManagedSse,
    /// The tags.
    pub tags: Vec<Tag>,
}
impl Resource for Queue {
    const TYPE: &'static str = "AWS::SQS::Queue";
    const CREATE_ONLY: &'static [&'static str] = &["FifoQueue", "QueueName"];
    const TAGS: TagForm = TagForm::List;
    const NAME: Option<NameProperty> = Some(NameProperty::not_returned_by_ref("QueueName", 80));
    type Ref = QueueUrl;
    type UpdatePolicy = NoUpdatePolicy;
}

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
