//! Events of API Gateway (payload format 2.0), and the HTTP request in them.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
//!
//! Parsing is lenient: a value of another type, or a header with a control character, counts as
//! missing. The type of `lambda_http` would refuse the whole event, and quote the value in the
//! error, even if the value is an API key.

use std::collections::BTreeMap;

use contract::routes::API_KEY_HEADER;
use lambda_http::http::Method;
use lambda_http::lambda_runtime::Diagnostic;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use shared::api_key::RawApiKey;
use shared::json_error::JsonError;

/// An event: one HTTP request with its id.
#[derive(Debug, Clone)]
pub struct Event {
    request_id: Option<String>,
    request: Request,
}

/// The parts of an HTTP request that the function reads.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// `None` if the method is not a token (RFC 9110, section 9.1).
    pub(crate) method: Option<Method>,
    /// The decoded path: HTTP APIs decode `rawPath` in spite of its name.
    pub(crate) path: String,
    /// The text after the question mark, not decoded.
    pub(crate) query: String,
    /// The `Accept-Encoding` header; empty if there is none.
    pub(crate) accept_encoding: String,
    /// The `If-None-Match` header; empty if there is none.
    pub(crate) if_none_match: String,
    /// The API key; `None` if it is missing or malformed. The response is the same in both cases.
    pub(crate) api_key: Option<RawApiKey>,
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

/// The reason why an event cannot be parsed. Its text quotes nothing of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableEvent {
    /// The text is not a JSON object.
    #[error("the event is not a JSON object: {0}")]
    Json(JsonError),
    /// The event has no `requestContext.http`, so it comes from another source.
    #[error("the event has no `requestContext.http`: it is not a request of an HTTP API")]
    NoHttpRequest,
}

impl From<UnreadableEvent> for Diagnostic {
    fn from(error: UnreadableEvent) -> Self {
        Self {
            // The runtime uses this type for an event that it cannot parse.
            error_type: "DeserializeError".to_owned(),
            error_message: error.to_string(),
        }
    }
}

impl Event {
    pub fn parse(text: &str) -> Result<Self, UnreadableEvent> {
        let members =
            serde_json::from_str(text).map_err(|error| UnreadableEvent::Json(error.into()));
        let members: Members<'_> = members?;
        let context: RequestContext<'_> = member_or_default(members.request_context);
        let http = context.http.ok_or(UnreadableEvent::NoHttpRequest)?;
        let http: Http<'_> = member_or_default(Some(http));
        let headers: Headers<'_> = member_or_default(members.headers);
        let method: Option<String> = member(http.method);
        let api_key = header(&headers, API_KEY_HEADER);
        Ok(Self {
            request_id: member(context.request_id).filter(|id: &String| !id.is_empty()),
            request: Request {
                method: method.and_then(|method| Method::from_bytes(method.as_bytes()).ok()),
                path: member(members.raw_path).unwrap_or_default(),
                query: member(members.raw_query_string).unwrap_or_default(),
                accept_encoding: header(&headers, "accept-encoding").unwrap_or_default(),
                if_none_match: header(&headers, "if-none-match").unwrap_or_default(),
                api_key: api_key.as_deref().and_then(RawApiKey::parse),
            },
        })
    }

    /// Returns the gateway's id of the request, or `default` for a hand-written event without an id.
    pub(crate) fn request_id<'a>(&'a self, default: &'a str) -> &'a str {
        self.request_id.as_deref().unwrap_or(default)
    }

    pub(crate) fn into_request(self) -> Request {
        self.request
    }
}

/// Parses a member. Returns the default if the member is missing or of another type.
fn member_or_default<'a, T: Default + Deserialize<'a>>(value: Option<&'a RawValue>) -> T {
    value
        .and_then(|value| serde_json::from_str(value.get()).ok())
        .unwrap_or_default()
}

fn member<T: DeserializeOwned>(value: Option<&RawValue>) -> Option<T> {
    serde_json::from_str(value?.get()).ok()
}

/// Returns the values of a header, joined to one list (RFC 9110, section 5.3). The name of the header
/// may have any case. Drops a value that is not text or has a control character other than the tab.
fn header(headers: &Headers<'_>, name: &str) -> Option<String> {
    let values: Vec<String> = headers
        .iter()
        .filter(|(sent, _)| sent.eq_ignore_ascii_case(name))
        .filter_map(|(_, value)| member(Some(value)))
        .filter(|value: &String| !value.chars().any(|c| c.is_ascii_control() && c != '\t'))
        .collect();
    (!values.is_empty()).then(|| values.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn request(event: &Value) -> Request {
        Event::parse(&event.to_string()).unwrap().into_request()
    }

    #[test]
    fn header_names_may_have_any_case() {
        let headers = json!({"IF-none-Match": "\"a\""});
        let read = request(&json!({"headers": headers, "requestContext": {"http": {}}}));
        assert_eq!(read.if_none_match, "\"a\"");
    }

    #[test]
    fn an_unusable_header_counts_as_missing_and_affects_no_other_header() {
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
    fn members_of_a_wrong_json_type_count_as_missing() {
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
    fn an_event_of_another_source_is_not_a_request_of_an_http_api() {
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
    fn a_method_that_is_not_a_token_counts_as_missing_and_any_other_method_is_kept() {
        let method =
            |method: &str| request(&json!({"requestContext": {"http": {"method": method}}})).method;
        assert_eq!(method("HEAD"), Some(Method::HEAD));
        assert_eq!(method("PURGE").as_ref().map(Method::as_str), Some("PURGE"));
        for malformed in ["", "G ET", "GET\u{1}", "\u{20bf}"] {
            assert!(method(malformed).is_none(), "{malformed:?}");
        }
    }
}
