//! The `AWS::SNS` resource types.

use serde::Serialize;

use super::{Tag, arns, resource};
use crate::template::Value;

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

arns! {
    /// The ARN of a subscription.
    SubscriptionArn
}

/// `AWS::SNS::Subscription`. The type takes no tags.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Subscription {
    /// The topic.
    pub topic_arn: Value<TopicArn>,
    /// How messages are sent.
    pub protocol: Protocol,
    /// Where to; an e-mail address has to confirm it first.
    pub endpoint: String,
}
resource!(
    Subscription,
    "AWS::SNS::Subscription",
    Ref = SubscriptionArn
);

/// How a subscription gets its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// By e-mail.
    Email,
    /// By HTTPS, as incident tools take them.
    Https,
}
