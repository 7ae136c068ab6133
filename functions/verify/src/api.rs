//! The trait of an API that is checked, and its implementation for a published version of the API
//! function. The version is invoked with events in the form of API Gateway.

use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use contract::routes::{API_KEY_HEADER, DEFAULT, GET_HEALTH, GET_PRICES};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use shared::api_key::RawApiKey;
use shared::check::{Check, Response};
use shared::client::{ClientError, Service};
use shared::http::HttpError;
use shared::timestamp::unix_millis;

use crate::client::{explain, sdk_config};

/// Time limit of one invocation: the API function's timeout of 10 seconds, and a cold start.
const LIMIT: Duration = Duration::from_secs(15);
/// Maximum length of an error message of the API function in a report, in characters.
const MESSAGE_LIMIT: usize = 300;

/// The reason why there is no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoResponse {
    /// Lambda did not run the version.
    #[error("the version could not be invoked: {0}")]
    NotInvoked(String),
    /// The version ended with an error.
    #[error("the function failed: {0}")]
    FunctionError(String),
    /// The payload is not a response of an integration:
    /// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
    #[error("the version returned no response that API Gateway could pass on")]
    Malformed,
    /// The public URL did not respond.
    #[error("{0}")]
    Http(#[from] HttpError),
}

/// An API that is checked.
pub trait Api: Send + Sync {
    /// Sends the request of a check, with a key if the check needs one. The log of an invoked
    /// version shows `request_id`.
    fn request(
        &self,
        check: Check,
        key: Option<&RawApiKey>,
        request_id: &str,
    ) -> impl Future<Output = Result<Response, NoResponse>> + Send;
}

/// A published version of the API function.
#[derive(Debug, Clone)]
pub struct ApiVersion {
    client: Client,
    arn: String,
}

impl ApiVersion {
    /// Makes a client of the version with this ARN. Sends no request. The client does not retry a
    /// request, because the caller repeats the check.
    pub fn new(arn: String) -> Result<Self, ClientError> {
        let client = Client::new(&sdk_config(Service::Lambda, 1, LIMIT)?);
        Ok(Self { client, arn })
    }
}

impl Api for ApiVersion {
    async fn request(
        &self,
        check: Check,
        key: Option<&RawApiKey>,
        request_id: &str,
    ) -> Result<Response, NoResponse> {
        let event = event(check, key, request_id).to_string();
        let invoked = self
            .client
            .invoke()
            .function_name(&self.arn)
            .invocation_type(InvocationType::RequestResponse)
            .payload(Blob::new(event))
            .send()
            .await
            .map_err(|error| NoResponse::NotInvoked(explain(&error)))?;
        let payload = invoked.payload.map(Blob::into_inner).unwrap_or_default();
        match invoked.function_error {
            Some(kind) => Err(function_error(&kind, &payload)),
            None => read_response(&payload),
        }
    }
}

/// Makes the event that API Gateway would send for the request of a check, in payload format 2.0.
fn event(check: Check, key: Option<&RawApiKey>, request_id: &str) -> Value {
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
            "timeEpoch": unix_millis(),
        },
        "isBase64Encoded": false,
    })
}

/// Reads the response that the API function returned for API Gateway.
fn read_response(payload: &[u8]) -> Result<Response, NoResponse> {
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
        // The request accepts no compression, so a body in base64 is malformed.
        Ok(returned) if !returned.is_base64_encoded => {
            let header = |wanted: &'static str| {
                let mut headers = returned.headers.iter();
                let (_, value) = headers.find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
                value.as_str()
            };
            let body = returned.body.unwrap_or_default().into_bytes();
            Ok(Response::new(returned.status_code, header, body))
        }
        _ => Err(NoResponse::Malformed),
    }
}

/// Reads Lambda's description of a failed function; `kind` is `Unhandled` or `Handled`.
fn function_error(kind: &str, payload: &[u8]) -> NoResponse {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Failure {
        error_type: Option<String>,
        error_message: Option<String>,
    }

    let failure: Failure = serde_json::from_slice(payload).unwrap_or_default();
    let error_type = failure.error_type.as_deref().unwrap_or(kind);
    let message = failure.error_message.unwrap_or_default();
    let message: String = message.chars().take(MESSAGE_LIMIT).collect();
    NoResponse::FunctionError(format!("{error_type}: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_without_a_status_or_with_a_base64_body_is_malformed() {
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
                Err(NoResponse::Malformed),
            ),
            (r#"{"status":"healthy"}"#, Err(NoResponse::Malformed)),
            ("null", Err(NoResponse::Malformed)),
            ("", Err(NoResponse::Malformed)),
        ] {
            assert_eq!(read_response(payload.as_bytes()), expected, "{payload}");
        }
    }

    #[test]
    fn the_error_of_a_failed_function_is_quoted_up_to_a_limit() {
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
        let NoResponse::FunctionError(text) = function_error("Unhandled", long.as_bytes()) else {
            panic!("a function error");
        };
        assert_eq!(text.chars().count(), "Unhandled: ".len() + MESSAGE_LIMIT);
    }
}
