//! From an event of API Gateway (payload format 2.0) to a request, and from an
//! answer back to what API Gateway expects.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use contract::routes::API_KEY_HEADER;
use lambda_http::Body;
use lambda_http::aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use lambda_http::http::header::{ACCEPT_ENCODING, HeaderMap, HeaderName, IF_NONE_MATCH};
use shared::api_key::RawApiKey;

use crate::request::Request;
use crate::response::Answer;

/// What the client and our log know the request by. `lambda_request_id` stands
/// in where an event names none, as hand-written ones may.
pub(crate) fn request_id(event: &ApiGatewayV2httpRequest, lambda_request_id: &str) -> String {
    let id = event.request_context.request_id.as_deref();
    id.filter(|id| !id.is_empty())
        .unwrap_or(lambda_request_id)
        .to_owned()
}

/// Reads the event.
pub(crate) fn read(event: ApiGatewayV2httpRequest) -> Request {
    let api_key = event
        .headers
        .get(API_KEY_HEADER)
        .and_then(|value| value.to_str().ok())
        .and_then(RawApiKey::parse);
    Request {
        method: event.request_context.http.method,
        path: event.raw_path.unwrap_or_default(),
        query: event.raw_query_string.unwrap_or_default(),
        accept_encoding: list(&event.headers, &ACCEPT_ENCODING),
        if_none_match: list(&event.headers, &IF_NONE_MATCH),
        api_key,
    }
}

/// A header that is a list, whole: sent as one line or as several, it means the
/// same (RFC 9110, section 5.3). Empty where there is none.
fn list(headers: &HeaderMap, name: &HeaderName) -> String {
    let lines: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(|line| String::from_utf8_lossy(line.as_bytes()))
        .collect();
    lines.join(", ")
}

/// Writes the answer.
pub(crate) fn write(answer: Answer) -> ApiGatewayV2httpResponse {
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = i64::from(answer.status.as_u16());
    response.headers = answer.headers;
    // Text that is compressed is none: it travels to the gateway in base64.
    response.is_base64_encoded = matches!(answer.body, Some(Body::Binary(_)));
    response.body = answer.body;
    response
}
