//! Events of API Gateway (payload format 2.0), and the responses that it expects.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
//!
//! Events are read leniently: a value of another type, or a header with a control
//! character, is treated as missing. The runtime's own type refuses the whole event for
//! it and quotes the value, an API key included, in its error.

use std::collections::BTreeMap;

use contract::routes::API_KEY_HEADER;
use lambda_http::Body;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::http::Method;
use lambda_http::lambda_runtime::Diagnostic;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use shared::api_key::RawApiKey;
use shared::json_error::JsonError;

use crate::request::Request;
use crate::response::Answer;

/// An event: one HTTP request.
#[derive(Debug, Clone)]
pub struct Event {
    request_id: Option<String>,
    request: Request,
}

/// The members of an event that the function reads.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members<'a> {
    #[serde(borrow, default)]
    raw_path: Option<&'a RawValue>,
    #[serde(borrow, default)]
    raw_query_string: Option<&'a RawValue>,
    #[serde(borrow, default)]
    headers: Option<&'a RawValue>,
    #[serde(borrow, default)]
    request_context: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    #[serde(borrow, default)]
    request_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    http: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Http<'a> {
    #[serde(borrow, default)]
    method: Option<&'a RawValue>,
}

type Headers<'a> = BTreeMap<String, &'a RawValue>;

/// The reason why an event cannot be answered. It quotes nothing of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableEvent {
    /// The text is no JSON object.
    #[error("the event is no JSON object: {0}")]
    Json(JsonError),
    /// There is no `requestContext.http`: the event is of another source.
    #[error("the event has no `requestContext.http`: it is no request of an HTTP API")]
    NoHttpRequest,
}

impl From<UnreadableEvent> for Diagnostic {
    fn from(error: UnreadableEvent) -> Self {
        Self {
            // The type that the runtime itself gives such an error.
            error_type: "DeserializeError".to_owned(),
            error_message: error.to_string(),
        }
    }
}

impl Event {
    /// Reads an event.
    ///
    /// # Errors
    ///
    /// A text that is no JSON object, or an event of another source.
    pub fn parse(text: &str) -> Result<Self, UnreadableEvent> {
        let members =
            serde_json::from_str(text).map_err(|error| UnreadableEvent::Json(error.into()));
        let members: Members<'_> = members?;
        let context: RequestContext<'_> = borrowed(members.request_context);
        let http = context.http.ok_or(UnreadableEvent::NoHttpRequest)?;
        let http: Http<'_> = borrowed(Some(http));
        let headers: Headers<'_> = borrowed(members.headers);
        let method: Option<String> = owned(http.method);
        let api_key = header(&headers, API_KEY_HEADER);
        Ok(Self {
            request_id: owned(context.request_id).filter(|id: &String| !id.is_empty()),
            request: Request {
                method: method.and_then(|method| Method::from_bytes(method.as_bytes()).ok()),
                path: owned(members.raw_path).unwrap_or_default(),
                query: owned(members.raw_query_string).unwrap_or_default(),
                accept_encoding: header(&headers, "accept-encoding").unwrap_or_default(),
                if_none_match: header(&headers, "if-none-match").unwrap_or_default(),
                api_key: api_key.as_deref().and_then(RawApiKey::parse),
            },
        })
    }

    /// Returns the id of the request for the client and for the log.
    /// `lambda_request_id` stands in where an event has none, as hand-written ones may.
    pub(crate) fn request_id<'a>(&'a self, lambda_request_id: &'a str) -> &'a str {
        self.request_id.as_deref().unwrap_or(lambda_request_id)
    }

    pub(crate) fn into_request(self) -> Request {
        self.request
    }
}

/// Reads a member that may be missing or of another type.
fn borrowed<'a, T: Default + Deserialize<'a>>(value: Option<&'a RawValue>) -> T {
    value
        .and_then(|value| serde_json::from_str(value.get()).ok())
        .unwrap_or_default()
}

fn owned<T: DeserializeOwned>(value: Option<&RawValue>) -> Option<T> {
    serde_json::from_str(value?.get()).ok()
}

/// Reads a header, whose name may have any capitalisation. Several lines of it are one
/// list (RFC 9110, section 5.3). A line that is no text, or has a control character
/// other than the tab, is dropped.
fn header(headers: &Headers<'_>, name: &str) -> Option<String> {
    let lines: Vec<String> = headers
        .iter()
        .filter(|(sent, _)| sent.eq_ignore_ascii_case(name))
        .filter_map(|(_, value)| owned(Some(value)))
        .filter(|line: &String| !line.chars().any(|c| c.is_ascii_control() && c != '\t'))
        .collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

/// Writes the response.
pub(crate) fn write(answer: Answer) -> ApiGatewayV2httpResponse {
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = i64::from(answer.status.as_u16());
    response.headers = answer.headers;
    // Compressed text is binary: it travels to the gateway in base64.
    response.is_base64_encoded = matches!(answer.body, Some(Body::Binary(_)));
    response.body = answer.body;
    response
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn request(event: &Value) -> Request {
        Event::parse(&event.to_string()).unwrap().into_request()
    }

    #[test]
    fn header_names_have_no_capitalisation() {
        let headers = json!({"IF-none-Match": "\"a\""});
        let read = request(&json!({"headers": headers, "requestContext": {"http": {}}}));
        assert_eq!(read.if_none_match, "\"a\"");
    }

    #[test]
    fn a_header_that_cannot_be_used_is_missing_and_costs_no_other() {
        for unusable in [
            json!("gzip\u{1}"),
            json!("a\nb"),
            json!(7),
            json!(["gzip"]),
            json!(null),
        ] {
            let headers = json!({"accept-encoding": unusable, "if-none-match": "*"});
            let context = json!({"http": {}});
            let read = request(&json!({"headers": headers, "requestContext": context}));
            assert_eq!((&*read.accept_encoding, &*read.if_none_match), ("", "*"));
        }
    }

    #[test]
    fn members_of_another_type_are_missing() {
        let read = request(&json!({
            "rawPath": 1,
            "rawQueryString": null,
            "headers": ["x"],
            "requestContext": {"http": {"method": {"GET": 1}}, "requestId": 7},
        }));
        assert_eq!((&*read.path, &*read.query), ("", ""));
        assert!(read.method.is_none() && read.api_key.is_none());
    }

    #[test]
    fn an_event_of_another_source_is_none_of_an_http_api() {
        for event in [
            json!({}),
            json!({"requestContext": "x"}),
            json!({"source": "aws.scheduler"}),
        ] {
            let read = Event::parse(&event.to_string());
            assert_eq!(read.unwrap_err(), UnreadableEvent::NoHttpRequest);
        }
    }

    #[test]
    fn an_error_quotes_nothing_of_the_event() {
        for text in [
            "\"cw_secret\"",
            "{\"cw_secret\": ",
            "[7, \"cw_secret\"]",
            "cw_secret",
        ] {
            let error = Event::parse(text).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_method_that_is_no_token_is_missing_and_any_other_is_kept() {
        let method =
            |method: &str| request(&json!({"requestContext": {"http": {"method": method}}})).method;
        assert_eq!(method("HEAD"), Some(Method::HEAD));
        assert_eq!(method("PURGE").as_ref().map(Method::as_str), Some("PURGE"));
        for malformed in ["", "G ET", "GET\u{1}", "\u{20bf}"] {
            assert!(method(malformed).is_none(), "{malformed:?}");
        }
    }
}
