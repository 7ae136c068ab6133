//! A function's answer as an HTTP response, by payload format 2.0's rules.

use axum::body::Body;
use axum::http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, SET_COOKIE, TRANSFER_ENCODING};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// An answer that says what it is; everything else about it has a default.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    headers: Option<Map<String, Value>>,
    cookies: Option<Vec<String>>,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
}

/// The response; none where the gateway would call the answer malformed.
pub(super) fn response(answer: Value) -> Option<Response<Body>> {
    if answer.get("statusCode").is_none() {
        return Some(inferred(answer));
    }
    let answer: Answer = serde_json::from_value(answer).ok()?;
    let body = answer.body.unwrap_or_default();
    let body = match answer.is_base64_encoded {
        Some(true) => STANDARD.decode(body).ok()?,
        _ => body.into_bytes(),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(answer.status_code).ok()?;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    for (name, value) in answer.headers.unwrap_or_default() {
        let name: HeaderName = name.parse().ok()?;
        // How the body travels is the gateway's affair.
        if [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING].contains(&name) {
            continue;
        }
        headers.insert(name, header_value(&value)?);
    }
    for cookie in answer.cookies.unwrap_or_default() {
        headers.append(SET_COOKIE, cookie.parse().ok()?);
    }
    Some(response)
}

/// An answer without a status code is taken for the body of a 200.
fn inferred(answer: Value) -> Response<Body> {
    let body = match answer {
        Value::String(text) => text,
        value => value.to_string(),
    };
    let mut response = Response::new(Body::from(body));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

fn header_value(value: &Value) -> Option<HeaderValue> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(_) | Value::Bool(_) => value.to_string().parse().ok(),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// One of the gateway's own answers, which have a shape of their own.
pub(super) fn of_the_gateway(status: StatusCode, message: &str) -> Response<Body> {
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

    async fn read(answer: Value) -> Option<(u16, HeaderMap, String)> {
        let (parts, body) = response(answer)?.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Some((parts.status.as_u16(), parts.headers, body))
    }

    #[tokio::test]
    async fn an_answer_with_a_status_code_says_everything_itself() {
        let answer = json!({
            "statusCode": 429,
            "headers": {"Retry-After": 7, "content-type": "application/json", "content-length": 999},
            "multiValueHeaders": {"x-ignored": ["1"]},
            "cookies": ["a=1", "b=2"],
            "body": "{}",
        });
        let (status, headers, body) = read(answer).await.unwrap();
        assert_eq!((status, body.as_str()), (429, "{}"));
        assert_eq!(headers["retry-after"], "7");
        assert_eq!(headers["content-type"], "application/json");
        assert_eq!(headers.get_all(SET_COOKIE).iter().count(), 2);
        assert!(!headers.contains_key(CONTENT_LENGTH));
        assert!(!headers.contains_key("x-ignored"));
    }

    #[tokio::test]
    async fn a_binary_body_comes_in_base64() {
        let answer = json!({"statusCode": 200, "body": "aGk=", "isBase64Encoded": true});
        let (_, headers, body) = read(answer).await.unwrap();
        assert_eq!(body, "hi");
        assert_eq!(headers["content-type"], "text/plain; charset=utf-8");
    }

    #[tokio::test]
    async fn an_answer_without_a_status_code_is_a_json_body() {
        for (answer, expected) in [
            (json!({"a": 1}), r#"{"a":1}"#),
            (json!("text"), "text"),
            (json!(null), "null"),
        ] {
            let (status, headers, body) = read(answer).await.unwrap();
            assert_eq!((status, body.as_str()), (200, expected));
            assert_eq!(headers["content-type"], "application/json");
        }
    }

    #[tokio::test]
    async fn a_malformed_answer_is_none() {
        for answer in [
            json!({"statusCode": "200"}),
            json!({"statusCode": 42}),
            json!({"statusCode": 200, "body": {}}),
            json!({"statusCode": 200, "body": "?", "isBase64Encoded": true}),
            json!({"statusCode": 200, "headers": {"a b": "1"}}),
            json!({"statusCode": 200, "headers": {"a": "\n"}}),
            json!({"statusCode": 200, "headers": {"a": ["1"]}}),
        ] {
            assert!(read(answer.clone()).await.is_none(), "{answer}");
        }
    }
}
