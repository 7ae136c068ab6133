//! A published version of the API function, invoked with API Gateway's events.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use contract::routes::{API_KEY_HEADER, DEFAULT, GET_HEALTH, GET_PRICES};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use shared::api_key::RawApiKey;
use shared::check::{Check, Response};
use shared::client::{ClientError, Service};

use shared::web::WebError;

use crate::client::{explain, sdk_config};

/// One invocation: the API function's own timeout of 10 seconds, and a cold start.
const LIMIT: Duration = Duration::from_secs(15);
/// The characters of a function's own error message that are passed on.
const MESSAGE_LIMIT: usize = 300;

/// The reason why there is no response.
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
    /// The public URL did not respond.
    #[error("{0}")]
    Web(#[from] WebError),
}

/// An API under check.
pub trait Api: Send + Sync {
    /// Makes a check's request, with a key if the check needs one. The API's log shows
    /// `request_id` where the caller can choose it.
    fn ask(
        &self,
        check: Check,
        key: Option<&RawApiKey>,
        request_id: &str,
    ) -> impl Future<Output = Result<Response, NoAnswer>> + Send;
}

/// A published version of the API function.
#[derive(Debug, Clone)]
pub struct ApiVersion {
    client: Client,
    arn: String,
}

impl ApiVersion {
    /// Makes a client of the version with this ARN. The client does not retry: the caller
    /// does.
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
    async fn ask(
        &self,
        check: Check,
        key: Option<&RawApiKey>,
        request_id: &str,
    ) -> Result<Response, NoAnswer> {
        let since_1970 = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let event = event(check, key, request_id, since_1970).to_string();
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

/// Writes the event that API Gateway makes of a check's request, in payload format 2.0.
fn event(check: Check, key: Option<&RawApiKey>, request_id: &str, since_1970: Duration) -> Value {
    let route_key = match check {
        Check::Health => GET_HEALTH,
        Check::Unauthenticated | Check::Prices => GET_PRICES,
        Check::UnknownPath => DEFAULT,
    };
    let user_agent = concat!("crypto-watch-verify/", env!("CARGO_PKG_VERSION"));
    let domain = "verify.invalid";
    let mut headers = Map::from_iter([
        ("accept".to_owned(), json!("application/json")),
        ("host".to_owned(), json!(domain)),
        ("user-agent".to_owned(), json!(user_agent)),
    ]);
    // API Gateway sends the names of headers in lower case.
    headers.extend(key.map(|key| (API_KEY_HEADER.to_lowercase(), json!(key.reveal()))));
    json!({
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": check.path(),
        "rawQueryString": check.query(),
        "headers": headers,
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

fn read(payload: &[u8]) -> Result<Response, NoAnswer> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Returned {
        status_code: u16,
        #[serde(default)]
        headers: Map<String, Value>,
        #[serde(default)]
        body: Option<String>,
        #[serde(default)]
        is_base64_encoded: bool,
    }

    match serde_json::from_slice::<Returned>(payload) {
        // The request accepts no compression.
        Ok(returned) if !returned.is_base64_encoded => {
            let header = |wanted: &'static str| {
                let mut headers = returned.headers.iter();
                headers
                    .find(|(name, _)| name.eq_ignore_ascii_case(wanted))?
                    .1
                    .as_str()
            };
            let body = returned.body.as_deref().unwrap_or_default();
            Ok(Response::new(
                returned.status_code,
                header,
                body.as_bytes().to_vec(),
            ))
        }
        _ => Err(NoAnswer::Malformed),
    }
}

/// Reads Lambda's description of a function that failed; `kind` is `Unhandled` or
/// `Handled`.
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
        let answer = |status, is_counted, body: &str| {
            Ok(Response {
                status,
                is_counted,
                body: body.as_bytes().to_vec(),
            })
        };
        for (payload, expected) in [
            (
                r#"{"statusCode":200,"headers":{},"body":"{}","isBase64Encoded":false,"cookies":[]}"#,
                answer(200, false, "{}"),
            ),
            (
                r#"{"statusCode":429,"headers":{"RateLimit-Limit":"5","ratelimit-remaining":"0","ratelimit-reset":"7"}}"#,
                answer(429, true, ""),
            ),
            (r#"{"statusCode":304}"#, answer(304, false, "")),
            (r#"{"statusCode":200,"body":null}"#, answer(200, false, "")),
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
