//! What a message in the dead-letter queue says of the update that was given up.

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use serde::{Deserialize, Serialize};
use shared::timestamp::Timestamp;

/// An update that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Letter {
    message_id: String,
    /// When it came into the queue.
    sent_at: Option<Timestamp>,
    /// Who gave it up; null where neither left its mark.
    from: Option<Sender>,
    code: Option<String>,
    error: Option<String>,
    /// The message as it is.
    body: String,
}

/// Who puts messages there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Sender {
    /// Lambda, after the function has failed every time.
    Lambda,
    /// EventBridge Scheduler, where it could not even invoke the function.
    Scheduler,
}

/// The record that Lambda sends to a failure destination:
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InvocationRecord {
    request_context: RequestContext,
    response_payload: Option<FunctionError>,
}

#[derive(Deserialize)]
struct RequestContext {
    condition: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionError {
    error_type: Option<String>,
    error_message: Option<String>,
}

impl Letter {
    pub(super) fn of(message: &Message) -> Self {
        let body = message.body().unwrap_or_default();
        // Scheduler says in attributes what went wrong:
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

    /// By which letters are put in order and told apart.
    pub(super) fn order(&self) -> (Option<Timestamp>, String) {
        (self.sent_at, self.message_id.clone())
    }

    /// What people are shown of it.
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

/// SQS says it in milliseconds since 1970.
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

    fn message(body: &str) -> aws_sdk_sqs::types::builders::MessageBuilder {
        Message::builder()
            .message_id("1")
            .attributes(MessageSystemAttributeName::SentTimestamp, "1768473000123")
            .body(body)
    }

    #[test]
    fn lambdas_record_says_what_the_function_failed_of() {
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
            Letter::of(&message(&record.to_string()).build()).cells(),
            [
                "2026-01-15T10:30:00Z",
                "Lambda",
                "PROVIDER_FAILED",
                "no price"
            ]
        );
        // An event that was too old is given up without having run.
        let mut aged = record;
        aged["requestContext"]["condition"] = json!("EventAgeExceeded");
        aged.as_object_mut().unwrap().remove("responsePayload");
        assert_eq!(
            Letter::of(&message(&aged.to_string()).build()).cells()[..3],
            ["2026-01-15T10:30:00Z", "Lambda", "EventAgeExceeded"]
        );
    }

    #[test]
    fn schedulers_message_says_it_in_attributes() {
        let text = |value: &str| {
            let value = MessageAttributeValue::builder().string_value(value);
            value.data_type("String").build().unwrap()
        };
        let message = message("{}")
            .message_attributes("ERROR_CODE", text("AccessDeniedException"))
            .message_attributes("ERROR_MESSAGE", text("not allowed"))
            .build();
        assert_eq!(
            Letter::of(&message).cells(),
            [
                "2026-01-15T10:30:00Z",
                "Scheduler",
                "AccessDeniedException",
                "not allowed"
            ]
        );
    }

    #[test]
    fn a_message_of_anybody_else_is_shown_as_it_is() {
        let letter = Letter::of(&Message::builder().body("hello").build());
        assert_eq!(letter.cells(), ["-", "-", "-", "hello"]);
    }
}
