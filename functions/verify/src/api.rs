//! The version of the API function that is tried, asked as API Gateway would.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use contract::routes::{DEFAULT, GET_HEALTH, GET_PRICES};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::check::Check;
use shared::client::{ClientError, Service};

use crate::client::{explain, sdk_config};

/// One invocation: the API function's own timeout of 10 seconds, and a cold start.
const LIMIT: Duration = Duration::from_secs(15);
/// The characters of a function's own error message that are passed on.
const MESSAGE_LIMIT: usize = 300;

/// An answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// Lambda did not run the version.
    #[error("it could not be invoked: {0}")]
    NotInvoked(String),
    /// The version ended with an error.
    #[error("the function failed: {0}")]
    FunctionError(String),
    /// What came back is no answer of an integration:
    /// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
    #[error("what it returned is no answer that API Gateway could pass on")]
    Malformed,
}

/// An API that can be asked.
pub trait Api: Send + Sync {
    /// Makes a check's request, which the API's log knows by `request_id`.
    fn ask(
        &self,
        check: Check,
        request_id: &str,
    ) -> impl Future<Output = Result<Answer, NoAnswer>> + Send;
}

/// A published version of the API function.
#[derive(Debug, Clone)]
pub struct ApiVersion {
    client: Client,
    arn: String,
}

impl ApiVersion {
    /// The version with this ARN. An invocation is not made twice by the client:
    /// who checks decides that.
    ///
    /// # Errors
    ///
    /// An environment from which no client can be made.
    pub fn new(arn: String) -> Result<Self, ClientError> {
        let client = Client::new(&sdk_config(Service::Lambda, 1, LIMIT)?);
        Ok(Self { client, arn })
    }
}

impl Api for ApiVersion {
    async fn ask(&self, check: Check, request_id: &str) -> Result<Answer, NoAnswer> {
        let since_1970 = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let event = event(check, request_id, since_1970).to_string();
        let invoked = self
            .client
            .invoke()
            .function_name(&self.arn)
            .invocation_type(InvocationType::RequestResponse)
            .payload(Blob::new(event))
            .send()
            .await
            .map_err(|error| NoAnswer::NotInvoked(explain(&error)))?;
        let payload = invoked.payload.map(Blob::into_inner).unwrap_or_default();
        match invoked.function_error {
            Some(kind) => Err(function_error(&kind, &payload)),
            None => read(&payload),
        }
    }
}

/// The event that API Gateway makes of a check's request, in payload format 2.0.
fn event(check: Check, request_id: &str, since_1970: Duration) -> Value {
    let route_key = match check {
        Check::Health => GET_HEALTH,
        Check::Unauthenticated | Check::Prices => GET_PRICES,
        Check::UnknownPath => DEFAULT,
    };
    let user_agent = concat!("crypto-watch-verify/", env!("CARGO_PKG_VERSION"));
    let domain = "verify.invalid";
    json!({
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": check.path(),
        "rawQueryString": check.query(),
        "headers": {"accept": "application/json", "host": domain, "user-agent": user_agent},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "verify",
            "domainName": domain,
            "domainPrefix": "verify",
            "http": {
                "method": "GET",
                "path": check.path(),
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": user_agent,
            },
            "requestId": request_id,
            "routeKey": route_key,
            "stage": "$default",
            "timeEpoch": u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX),
        },
        "isBase64Encoded": false,
    })
}

fn read(payload: &[u8]) -> Result<Answer, NoAnswer> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Response {
        status_code: u16,
        #[serde(default)]
        body: Option<String>,
        #[serde(default)]
        is_base64_encoded: bool,
    }

    match serde_json::from_slice::<Response>(payload) {
        // Nothing compressed was asked for.
        Ok(response) if !response.is_base64_encoded => Ok(Answer {
            status: response.status_code,
            body: response.body.unwrap_or_default().into_bytes(),
        }),
        _ => Err(NoAnswer::Malformed),
    }
}

/// What Lambda says of a function that failed; `kind` is `Unhandled` or `Handled`.
fn function_error(kind: &str, payload: &[u8]) -> NoAnswer {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Failure {
        error_type: Option<String>,
        error_message: Option<String>,
    }

    let failure = serde_json::from_slice::<Failure>(payload).ok();
    let (error_type, message) = failure.map_or((None, None), |failure| {
        (failure.error_type, failure.error_message)
    });
    let message: String = message
        .unwrap_or_default()
        .chars()
        .take(MESSAGE_LIMIT)
        .collect();
    let error_type = error_type.unwrap_or_else(|| kind.to_owned());
    NoAnswer::FunctionError(format!("{error_type}: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integrations_answer_is_a_status_and_a_body() {
        let answer = |status, body: &str| {
            let body = body.as_bytes().to_vec();
            Ok(Answer { status, body })
        };
        for (payload, expected) in [
            (
                r#"{"statusCode":200,"headers":{},"body":"{}","isBase64Encoded":false,"cookies":[]}"#,
                answer(200, "{}"),
            ),
            (r#"{"statusCode":304}"#, answer(304, "")),
            (r#"{"statusCode":200,"body":null}"#, answer(200, "")),
            (
                r#"{"statusCode":200,"body":"e30=","isBase64Encoded":true}"#,
                Err(NoAnswer::Malformed),
            ),
            (r#"{"status":"healthy"}"#, Err(NoAnswer::Malformed)),
            ("null", Err(NoAnswer::Malformed)),
            ("", Err(NoAnswer::Malformed)),
        ] {
            assert_eq!(read(payload.as_bytes()), expected, "{payload}");
        }
    }

    #[test]
    fn a_function_that_failed_is_quoted_and_not_at_length() {
        let timed_out = br#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: 1 Error: Task timed out after 10.00 seconds"}"#;
        assert_eq!(
            function_error("Unhandled", timed_out).to_string(),
            "the function failed: Sandbox.Timedout: RequestId: 1 Error: Task timed out after 10.00 seconds"
        );
        assert_eq!(
            function_error("Unhandled", b"").to_string(),
            "the function failed: Unhandled: "
        );
        let long = format!(r#"{{"errorMessage":"{}"}}"#, "ä".repeat(2_000));
        let NoAnswer::FunctionError(text) = function_error("Unhandled", long.as_bytes()) else {
            panic!("a function error");
        };
        assert_eq!(text.chars().count(), "Unhandled: ".len() + MESSAGE_LIMIT);
    }
}
