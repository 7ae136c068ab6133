//! The `AWS::SNS` resource types.

use serde::Serialize;

use super::macros::{arns, resource, types};
use super::tags::Tag;
use crate::checked_text;
use crate::template::Value;
use crate::text::strip_prefix;

types! { Topic, Subscription }

arns! {
    /// The ARN of a topic, the result of its `Ref`.
    TopicArn
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Topic {
    /// Unique in the account and Region. A change replaces the topic.
    pub topic_name: String,
    pub tags: Vec<Tag>,
}
resource! {
    Topic = "AWS::SNS::Topic",
    Ref = TopicArn,
    name = { property: "TopicName", max_length: 256, is_ref: false },
    tags = List,
    create_only = ["FifoTopic", "TopicName"],
}

arns! { SubscriptionArn }

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Subscription {
    pub topic_arn: Value<TopicArn>,
    #[serde(flatten)]
    pub endpoint: Endpoint,
}
resource! {
    Subscription = "AWS::SNS::Subscription",
    Ref = SubscriptionArn,
    tags = None,
    create_only = ["Endpoint", "Protocol", "Region", "TopicArn"],
}

/// The protocol and endpoint of a subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "Protocol", content = "Endpoint", rename_all = "lowercase")]
pub enum Endpoint {
    /// An e-mail address, whose owner must confirm the subscription.
    Email(EmailAddress),
    /// An HTTPS endpoint, such as an incident tool's.
    Https(HttpsUrl),
}

checked_text! {
    /// An e-mail address: visible ASCII with one `@` between two parts.
    EmailAddress, is_email_address,
    NotAnEmailAddress: "an e-mail address looks like ops@example.com"
}
checked_text! {
    /// A URL: `https://` and visible ASCII.
    HttpsUrl, is_https_url,
    NotAnHttpsUrl: "the URL of a recipient begins with https://, such as https://example.com/hook"
}

const fn is_email_address(text: &[u8]) -> bool {
    let Some((at, rest)) = graphic_until(text, b'@') else {
        return false;
    };
    at > 0 && !rest.is_empty() && graphic_until(rest, b'@').is_none() && is_graphic(rest)
}

const fn is_https_url(text: &[u8]) -> bool {
    match strip_prefix(text, b"https://") {
        Some(rest) => !rest.is_empty() && is_graphic(rest),
        None => false,
    }
}

/// Splits visible ASCII at the first `end`. Returns the number of bytes before `end`, and the bytes
/// after `end`.
const fn graphic_until(text: &[u8], end: u8) -> Option<(usize, &[u8])> {
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        if *byte == end {
            return Some((text.len() - rest.len(), tail));
        }
        if !byte.is_ascii_graphic() {
            return None;
        }
        rest = tail;
    }
    None
}

const fn is_graphic(text: &[u8]) -> bool {
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        if !byte.is_ascii_graphic() {
            return false;
        }
        rest = tail;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_e_mail_address_or_an_https_url() {
        for good in ["ops@example.com", "a+b@c"] {
            assert!(good.parse::<EmailAddress>().is_ok(), "{good}");
        }
        for bad in ["", "ops", "@example.com", "ops@", "a@b@c", "a b@c", "a@b\n"] {
            assert_eq!(
                bad.parse::<EmailAddress>(),
                Err(NotAnEmailAddress),
                "{bad:?}"
            );
        }
        assert!("https://example.com/${hook}".parse::<HttpsUrl>().is_ok());
        for bad in ["", "https://", "http://example.com", "https://a b"] {
            assert_eq!(bad.parse::<HttpsUrl>(), Err(NotAnHttpsUrl), "{bad:?}");
        }
    }
}
