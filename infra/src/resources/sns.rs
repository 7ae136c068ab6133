//! The `AWS::SNS` resource types.

use serde::Serialize;

use super::{Tag, arns, resource};

arns! {
    /// The ARN of a topic, which is what `Ref` returns.
    TopicArn
}

/// `AWS::SNS::Topic`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Topic {
    /// Unique in the account and region; a change replaces the topic.
    pub topic_name: String,
    /// The tags.
    pub tags: Vec<Tag>,
}
resource!(Topic, "AWS::SNS::Topic", Ref = TopicArn);
