//! A request as the event that a function gets: API Gateway's payload format 2.0
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>).

use std::collections::BTreeMap;
use std::net::IpAddr;

use axum::http::header::{CONTENT_TYPE, COOKIE, HOST, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::FormatItem;
use time::macros::format_description;

use crate::plan::ACCOUNT_ID;

/// As in access logs; the offset is always UTC's.
const TIME_FORMAT: &[FormatItem<'_>] =
    format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000");

/// What the gateway knows of a request.
#[derive(Debug)]
pub(super) struct Received<'a> {
    pub(super) parts: &'a Parts,
    pub(super) body: &'a [u8],
    pub(super) peer: IpAddr,
    pub(super) request_id: &'a str,
    pub(super) at: OffsetDateTime,
    pub(super) route_key: &'a str,
    pub(super) path_parameters: BTreeMap<String, String>,
}

/// The path as functions see it: decoded, unlike the query. That is what HTTP
/// APIs send, although the field is called `rawPath`.
pub(super) fn decoded_path(parts: &Parts) -> String {
    percent_decode_str(parts.uri.path())
        .decode_utf8_lossy()
        .into_owned()
}

impl Received<'_> {
    /// The event. Fields without a value are left out, as AWS does.
    pub(super) fn event(&self) -> Value {
        let parts = self.parts;
        let path = decoded_path(parts);
        let query = parts.uri.query().unwrap_or_default();
        let host = header(&parts.headers, &HOST).unwrap_or_default();
        let domain = host
            .rsplit_once(':')
            .map_or(host.as_str(), |(name, _)| name);
        let mut event = json!({
            "version": "2.0",
            "routeKey": self.route_key,
            "rawPath": path,
            "rawQueryString": query,
            "headers": self.headers(),
            "requestContext": {
                "accountId": ACCOUNT_ID,
                "apiId": "local",
                "domainName": domain,
                "domainPrefix": domain.split('.').next().unwrap_or_default(),
                "http": {
                    "method": parts.method.as_str(),
                    "path": path,
                    "protocol": format!("{:?}", parts.version),
                    "sourceIp": self.peer.to_string(),
                    "userAgent": header(&parts.headers, &USER_AGENT).unwrap_or_default(),
                },
                "requestId": self.request_id,
                "routeKey": self.route_key,
                "stage": "$default",
                "time": self.at.format(TIME_FORMAT).unwrap_or_default(),
                "timeEpoch": self.at.unix_timestamp() * 1000 + i64::from(self.at.millisecond()),
            },
            "isBase64Encoded": false,
        });
        let cookies = cookies(&parts.headers);
        if !cookies.is_empty() {
            event["cookies"] = json!(cookies);
        }
        if !query.is_empty() {
            event["queryStringParameters"] = Value::Object(query_parameters(query));
        }
        if !self.path_parameters.is_empty() {
            event["pathParameters"] = json!(self.path_parameters);
        }
        if !self.body.is_empty() {
            let text = std::str::from_utf8(self.body).ok();
            let text = text.filter(|_| is_text(&parts.headers));
            event["isBase64Encoded"] = json!(text.is_none());
            event["body"] = json!(text.map_or_else(|| STANDARD.encode(self.body), str::to_owned));
        }
        event
    }

    /// Header names in lower case, repeated headers in one value, cookies in a
    /// field of their own, and what the gateway itself adds.
    fn headers(&self) -> Map<String, Value> {
        let headers = &self.parts.headers;
        let mut map = Map::new();
        for name in headers.keys().filter(|name| **name != COOKIE) {
            map.insert(name.to_string(), json!(header(headers, name)));
        }
        let peer = self.peer.to_string();
        let forwarded = match map.get("x-forwarded-for").and_then(Value::as_str) {
            Some(earlier) => format!("{earlier}, {peer}"),
            None => peer,
        };
        map.insert("x-forwarded-for".to_owned(), json!(forwarded));
        map.insert("x-forwarded-proto".to_owned(), json!("http"));
        map
    }
}

/// All values of a header, joined with commas.
fn header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|value| {
            String::from_utf8_lossy(value.as_bytes())
                .split(';')
                .map(|cookie| cookie.trim().to_owned())
                .collect::<Vec<_>>()
        })
        .filter(|cookie| !cookie.is_empty())
        .collect()
}

/// Decoded parameters; those of one name share a value, joined with commas.
fn query_parameters(query: &str) -> Map<String, Value> {
    let mut joined: Map<String, Value> = Map::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match joined.get_mut(name.as_ref()) {
            Some(Value::String(values)) => {
                values.push(',');
                values.push_str(&value);
            }
            _ => {
                joined.insert(name.into_owned(), json!(value));
            }
        }
    }
    joined
}

/// Which bodies HTTP APIs pass as text; the others, forms among them, come in base64.
fn is_text(headers: &HeaderMap) -> bool {
    let Some(content_type) = header(headers, &CONTENT_TYPE) else {
        return true;
    };
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.starts_with("text/")
        || [
            "application/json",
            "application/xml",
            "application/javascript",
        ]
        .contains(&essence)
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;
    use time::macros::datetime;

    fn event(request: axum::http::request::Builder, body: &[u8]) -> Value {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        Received {
            parts: &parts,
            body,
            peer: IpAddr::from([127, 0, 0, 1]),
            request_id: "id",
            at: datetime!(2020-03-12 19:03:58.390 UTC),
            route_key: "$default",
            path_parameters: BTreeMap::new(),
        }
        .event()
    }

    #[test]
    fn a_request_is_told_as_api_gateway_tells_it() {
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
            "cookies": ["cookie1=a", "cookie2=b"],
            "headers": {
                "host": "localhost:3000",
                "user-agent": "agent",
                "header2": "value1,value2",
                "x-forwarded-for": "127.0.0.1",
                "x-forwarded-proto": "http",
            },
            "queryStringParameters": {"parameter1": "value1,value 2", "parameter2": ""},
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "local",
                "domainName": "localhost",
                "domainPrefix": "localhost",
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
                "time": "12/Mar/2020:19:03:58 +0000",
                "timeEpoch": 1_584_039_838_390_i64,
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
        assert_eq!(event["queryStringParameters"], json!({"a": "A"}));
    }

    #[test]
    fn text_stays_text_and_anything_else_comes_in_base64() {
        let body_of = |content_type: &str, body: &[u8]| {
            let request = Request::post("/").header("Content-Type", content_type);
            let event = event(request, body);
            (event["body"].clone(), event["isBase64Encoded"].clone())
        };
        let text = (json!("hi"), json!(false));
        let binary = (json!("aGk="), json!(true));
        assert_eq!(body_of("application/json; charset=utf-8", b"hi"), text);
        assert_eq!(body_of("application/problem+json", b"hi"), text);
        assert_eq!(body_of("application/x-www-form-urlencoded", b"hi"), binary);
        assert_eq!(body_of("application/octet-stream", b"hi"), binary);
        assert_eq!(body_of("text/plain", b"\xff"), (json!("/w=="), json!(true)));
    }
}
