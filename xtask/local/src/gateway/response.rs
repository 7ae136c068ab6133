//! Converts a function's response to an HTTP response, by the rules of payload format 2.0. Parts that
//! our functions do not use (cookies, responses without a status code) are not supported.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionResponse {
    status_code: u16,
    headers: BTreeMap<String, String>,
    body: Option<String>,
    is_base64_encoded: bool,
}

/// Returns `None` if the function's response is malformed.
pub(super) fn from_function(response: Value) -> Option<Response<Body>> {
    let function: FunctionResponse = serde_json::from_value(response).ok()?;
    let body = function.body.unwrap_or_default();
    let body = if function.is_base64_encoded {
        STANDARD.decode(body).ok()?
    } else {
        body.into_bytes()
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(function.status_code).ok()?;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    for (name, value) in function.headers {
        let name: HeaderName = name.parse().ok()?;
        // The gateway sets these headers itself.
        if ![CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING].contains(&name) {
            headers.insert(name, value.parse().ok()?);
        }
    }
    Some(response)
}

pub(super) fn from_gateway(status: StatusCode, message: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(json!({"message": message}).to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use axum::http::HeaderMap;

    use super::*;

    async fn read(response: Value) -> Option<(u16, HeaderMap, String)> {
        let (parts, body) = from_function(response)?.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Some((parts.status.as_u16(), parts.headers, body))
    }

    #[tokio::test]
    async fn the_response_of_a_function_is_passed_on_without_its_content_length() {
        let response = json!({
            "statusCode": 429,
            "headers": {"Retry-After": "7", "content-type": "application/json", "content-length": "999"},
            "multiValueHeaders": {"x-ignored": ["1"]},
            "body": "{}",
            "isBase64Encoded": false,
        });
        let (status, headers, body) = read(response).await.unwrap();
        assert_eq!((status, body.as_str()), (429, "{}"));
        assert_eq!(headers["retry-after"], "7");
        assert_eq!(headers["content-type"], "application/json");
        assert!(!headers.contains_key(CONTENT_LENGTH));
        assert!(!headers.contains_key("x-ignored"));
    }

    #[tokio::test]
    async fn a_base64_body_is_decoded() {
        let response =
            json!({"statusCode": 200, "headers": {}, "body": "aGk=", "isBase64Encoded": true});
        let (_, headers, body) = read(response).await.unwrap();
        assert_eq!(body, "hi");
        assert_eq!(headers["content-type"], "text/plain; charset=utf-8");
    }

    #[tokio::test]
    async fn a_malformed_response_is_rejected() {
        let valid = json!({"statusCode": 200, "headers": {}, "body": "", "isBase64Encoded": false});
        assert!(read(valid.clone()).await.is_some());
        for (member, value) in [
            ("statusCode", json!(null)),
            ("statusCode", json!("200")),
            ("statusCode", json!(42)),
            ("body", json!({})),
            ("headers", json!({"a b": "1"})),
            ("headers", json!({"a": "\n"})),
            ("headers", json!({"a": ["1"]})),
        ] {
            let mut response = valid.clone();
            response[member] = value;
            assert!(read(response.clone()).await.is_none(), "{response}");
        }
        let mut response = valid;
        response["body"] = json!("?");
        response["isBase64Encoded"] = json!(true);
        assert!(read(response).await.is_none());
    }
}
