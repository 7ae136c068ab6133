//! The event of a request: API Gateway's payload format 2.0
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>).
//! Members that no function reads are left out: the cookies, the parsed parameters, the time, and the
//! ids and the domain of the API.

use std::net::IpAddr;

use axum::http::HeaderMap;
use axum::http::header::{COOKIE, USER_AGENT};
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

/// A request as the gateway received it.
#[derive(Debug)]
pub(super) struct Received<'a> {
    pub(super) parts: &'a Parts,
    pub(super) body: &'a [u8],
    pub(super) peer: IpAddr,
    pub(super) request_id: &'a str,
}

/// Returns the decoded path. HTTP APIs put the decoded path into `rawPath`, but do not decode the
/// query.
pub(super) fn decoded_path(parts: &Parts) -> String {
    percent_decode_str(parts.uri.path())
        .decode_utf8_lossy()
        .into_owned()
}

impl Received<'_> {
    pub(super) fn event(&self, route_key: &str) -> Value {
        let parts = self.parts;
        let path = decoded_path(parts);
        let peer = self.peer.to_string();
        let mut headers = Map::new();
        for name in parts.headers.keys().filter(|name| **name != COOKIE) {
            headers.insert(name.to_string(), header(&parts.headers, name.as_str()));
        }
        headers.insert("x-forwarded-for".to_owned(), json!(peer));
        headers.insert("x-forwarded-proto".to_owned(), json!("http"));
        let mut event = json!({
            "version": "2.0",
            "routeKey": route_key,
            "rawPath": path,
            "rawQueryString": parts.uri.query().unwrap_or_default(),
            "headers": headers,
            "requestContext": {
                "http": {
                    "method": parts.method.as_str(),
                    "path": path,
                    "protocol": format!("{:?}", parts.version),
                    "sourceIp": peer,
                    "userAgent": header(&parts.headers, USER_AGENT.as_str()),
                },
                "requestId": self.request_id,
                "routeKey": route_key,
                "stage": "$default",
            },
            "isBase64Encoded": false,
        });
        if !self.body.is_empty() {
            // API Gateway chooses base64 by the content type. The difference does not matter, because
            // no function reads a body.
            let text = std::str::from_utf8(self.body);
            event["isBase64Encoded"] = json!(text.is_err());
            event["body"] = text
                .map_or_else(|_| STANDARD.encode(self.body), str::to_owned)
                .into();
        }
        event
    }
}

/// Returns all values of a header, joined with commas.
fn header(headers: &HeaderMap, name: &str) -> Value {
    let values: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    json!(values.join(","))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn event(request: axum::http::request::Builder, body: &[u8]) -> Value {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        Received {
            parts: &parts,
            body,
            peer: IpAddr::from([127, 0, 0, 1]),
            request_id: "id",
        }
        .event("$default")
    }

    #[test]
    fn an_event_has_the_members_of_payload_format_2_0_that_functions_read() {
        let request = Request::get("/my/path?parameter1=value1&parameter1=value%202&parameter2=")
            .header("Host", "localhost:3000")
            .header("User-Agent", "agent")
            .header("Header2", "value1")
            .header("Header2", "value2")
            .header("Cookie", "cookie1=a; cookie2=b");
        let expected = json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": "/my/path",
            "rawQueryString": "parameter1=value1&parameter1=value%202&parameter2=",
            "headers": {
                "host": "localhost:3000",
                "user-agent": "agent",
                "header2": "value1,value2",
                "x-forwarded-for": "127.0.0.1",
                "x-forwarded-proto": "http",
            },
            "requestContext": {
                "http": {
                    "method": "GET",
                    "path": "/my/path",
                    "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1",
                    "userAgent": "agent",
                },
                "requestId": "id",
                "routeKey": "$default",
                "stage": "$default",
            },
            "isBase64Encoded": false,
        });
        assert_eq!(event(request, b""), expected);
    }

    #[test]
    fn the_path_is_decoded_and_the_query_is_not() {
        let event = event(Request::get("/prices/B%54C%20%3F%FF?a=%41"), b"");
        assert_eq!(event["rawPath"], "/prices/BTC ?\u{fffd}");
        assert_eq!(event["rawQueryString"], "a=%41");
    }

    #[test]
    fn a_utf_8_body_is_text_and_any_other_body_is_base64() {
        let body_of = |body: &[u8]| {
            let event = event(Request::post("/"), body);
            (event["body"].clone(), event["isBase64Encoded"].clone())
        };
        assert_eq!(body_of(b"hi"), (json!("hi"), json!(false)));
        assert_eq!(body_of(b"\xff"), (json!("/w=="), json!(true)));
    }
}
