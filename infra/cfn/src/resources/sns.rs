//! The `AWS::SNS` resource types.

use serde::Serialize;

use super::macros::{arns, resource, types};
use super::tags::Tag;
use crate::checked_text;
use crate::template::Value;
use crate::text::after;

types! { Topic, Subscription }

arns! {
    /// The ARN of a topic, which is what `Ref` returns.
    TopicArn
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Topic {
    /// Unique in the account and region; a change replaces the topic.
    pub topic_name: String,
    pub tags: Vec<Tag>,
}
resource! {
    Topic = "AWS::SNS::Topic",
    Ref = TopicArn,
    name = not_returned_by_ref("TopicName", 256),
    tags = List,
    create_only = ["FifoTopic", "TopicName"],
}

arns! { SubscriptionArn }

/// `AWS::SNS::Subscription`. The type takes no tags.
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

/// The recipient of a subscription, by its protocol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "Protocol", content = "Endpoint", rename_all = "lowercase")]
pub enum Endpoint {
    /// An e-mail address, which has to confirm the subscription once.
    Email(EmailAddress),
    /// An HTTPS endpoint, such as that of an incident tool.
    Https(HttpsUrl),
}

checked_text! {
    /// An e-mail address: one `@` between two parts, without blanks.
    EmailAddress, is_email_address,
    NotAnEmailAddress: "an e-mail address is such as ops@example.com"
}
checked_text! {
    /// A URL that begins with `https://`, without blanks.
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
    match after(text, b"https://") {
        Some(rest) => !rest.is_empty() && is_graphic(rest),
        None => false,
    }
}

/// Splits visible ASCII at the first byte of this value: the number of bytes before
/// it, and the rest after it.
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
    fn a_recipient_is_an_address_or_a_url_of_https() {
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
