//! The messages in the dead-letter queue.

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use serde::{Deserialize, Serialize};
use shared::timestamp::Timestamp;

/// An update that failed and is not retried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeadLetter {
    /// SQS's id of the message.
    message_id: String,
    /// The time at which the message arrived in the queue.
    sent_at: Option<Timestamp>,
    /// The service that sent the message; null if it is unknown.
    from: Option<Sender>,
    /// The function's error code, such as `PROVIDER_FAILED`. If the function returned none, the code of
    /// the service that sent the message, or null.
    code: Option<String>,
    /// The error in words; null if the message has none.
    error: Option<String>,
    /// The whole message.
    body: String,
}

/// A service that sends messages to the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Sender {
    /// Lambda, after the function's last attempt has failed or the event has become too old.
    Lambda,
    /// EventBridge Scheduler, which could not invoke the function.
    Scheduler,
}

/// The record that Lambda sends to a failure destination:
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InvocationRecord {
    request_context: RequestContext,
    response_payload: Option<LambdaError>,
}

#[derive(Deserialize)]
struct RequestContext {
    condition: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LambdaError {
    error_type: Option<String>,
    error_message: Option<String>,
}

impl DeadLetter {
    pub(super) fn new(message: &Message) -> Self {
        let body = message.body().unwrap_or_default();
        // Scheduler puts the error into attributes:
        // <https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html>.
        let attribute = |name: &str| {
            let value = message.message_attributes()?.get(name)?.string_value()?;
            Some(value.to_owned())
        };
        let (from, code, error) = if let Ok(record) = serde_json::from_str::<InvocationRecord>(body)
        {
            let failure = record.response_payload;
            let (code, error) = failure.map_or((None, None), |error| {
                (error.error_type, error.error_message)
            });
            let code = code.or(Some(record.request_context.condition));
            (Some(Sender::Lambda), code, error)
        } else {
            let (code, error) = (attribute("ERROR_CODE"), attribute("ERROR_MESSAGE"));
            (code.is_some().then_some(Sender::Scheduler), code, error)
        };
        Self {
            message_id: message.message_id().unwrap_or_default().to_owned(),
            sent_at: sent_at(message),
            from,
            code,
            error,
            body: body.to_owned(),
        }
    }

    /// Returns a key that is unique per message, and sorts messages by time.
    pub(super) fn sort_key(&self) -> (Option<Timestamp>, String) {
        (self.sent_at, self.message_id.clone())
    }

    pub(super) fn cells(&self) -> [String; 4] {
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let from = self.from.map(|from| match from {
            Sender::Lambda => "Lambda".to_owned(),
            Sender::Scheduler => "Scheduler".to_owned(),
        });
        [
            or_none(self.sent_at.map(|time| time.to_string())),
            or_none(from),
            or_none(self.code.clone()),
            or_none(self.error.clone().or_else(|| Some(self.body.clone()))),
        ]
    }
}

/// Reads the time at which a message was sent. SQS writes this time in milliseconds since 1970.
fn sent_at(message: &Message) -> Option<Timestamp> {
    let sent = message
        .attributes()?
        .get(&MessageSystemAttributeName::SentTimestamp)?;
    Timestamp::from_unix_seconds(sent.parse::<i64>().ok()? / 1_000).ok()
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::types::MessageAttributeValue;
    use serde_json::json;

    use super::*;
    use crate::report::tests::{Example, line};

    impl Example for DeadLetter {
        fn examples() -> Vec<String> {
            vec![line(&DeadLetter {
                message_id: "059f36b4-87a3-44ab-83d2-661975830a7d".to_owned(),
                sent_at: Timestamp::parse("2026-01-15T10:30:00Z").ok(),
                from: Some(Sender::Lambda),
                code: Some("PROVIDER_FAILED".to_owned()),
                error: Some("no price".to_owned()),
                body: "{}".to_owned(),
            })]
        }
    }

    fn message(body: &str) -> aws_sdk_sqs::types::builders::MessageBuilder {
        Message::builder()
            .message_id("1")
            .attributes(MessageSystemAttributeName::SentTimestamp, "1768473000123")
            .body(body)
    }

    #[test]
    fn a_record_of_lambda_has_the_error_of_the_function() {
        let record = json!({
            "version": "1.0",
            "timestamp": "2026-01-15T10:30:00.123Z",
            "requestContext": {
                "requestId": "e4b46cbf-b738-xmpl-8880-a18cdf61200e",
                "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:crypto-watch-update-prod:live",
                "condition": "RetriesExhausted",
                "approximateInvokeCount": 3,
            },
            "requestPayload": {},
            "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
            "responsePayload": {"errorType": "PROVIDER_FAILED", "errorMessage": "no price"},
        });
        assert_eq!(
            DeadLetter::new(&message(&record.to_string()).build()).cells(),
            [
                "2026-01-15T10:30:00Z",
                "Lambda",
                "PROVIDER_FAILED",
                "no price"
            ]
        );
        // Lambda drops an old event and does not run the function, so there is no error of the function.
        let mut aged = record;
        aged["requestContext"]["condition"] = json!("EventAgeExceeded");
        aged.as_object_mut().unwrap().remove("responsePayload");
        assert_eq!(
            DeadLetter::new(&message(&aged.to_string()).build()).cells()[..3],
            ["2026-01-15T10:30:00Z", "Lambda", "EventAgeExceeded"]
        );
    }

    #[test]
    fn a_message_of_scheduler_has_the_error_in_attributes() {
        let text = |value: &str| {
            let value = MessageAttributeValue::builder().string_value(value);
            value.data_type("String").build().unwrap()
        };
        let message = message("{}")
            .message_attributes("ERROR_CODE", text("AccessDeniedException"))
            .message_attributes("ERROR_MESSAGE", text("not allowed"))
            .build();
        assert_eq!(
            DeadLetter::new(&message).cells(),
            [
                "2026-01-15T10:30:00Z",
                "Scheduler",
                "AccessDeniedException",
                "not allowed"
            ]
        );
    }

    #[test]
    fn the_body_of_any_other_message_is_shown_unchanged() {
        let letter = DeadLetter::new(&Message::builder().body("hello").build());
        assert_eq!(letter.cells(), ["-", "-", "-", "hello"]);
    }
}
