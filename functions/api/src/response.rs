//! Responses: status, headers and JSON body.

use contract::routes::RATE_LIMIT_HEADERS;
use lambda_http::Body;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::http::StatusCode;
use lambda_http::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue,
    InvalidHeaderValue, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use shared::timestamp::Timestamp;

use crate::encoding::gzip;
use crate::entity_tag::EntityTag;
use crate::error::{ApiError, ErrorCode};
use crate::limiter::Quota;
use crate::router::ALLOWED_METHODS;

/// The request headers that a response depends on: the accepted encodings, and the key, whose
/// quota is in the `RateLimit-*` headers.
const VARY_ON: &str = "Accept-Encoding, X-API-Key";

/// The challenge of every 401 (RFC 9110, section 15.5.2). With the scheme `Basic`, browsers would show
/// a login dialog.
const CHALLENGE: &str = "ApiKey realm=\"crypto-watch\"";

#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// `None` for a 304. The response to a HEAD request has the body of the GET request: the gateway
    /// sends the length of the body and drops the body.
    pub(crate) body: Option<Body>,
    pub(crate) code: Option<ErrorCode>,
}

impl Response {
    /// Creates a JSON response that must not be cached.
    pub(crate) fn uncached(status: StatusCode, body: String) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Some(Body::Text(body)),
            code: None,
        }
        .with_header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .with_header(CACHE_CONTROL, HeaderValue::from_static("no-store"))
    }

    /// Creates a response with prices. With a tag, the client may cache the response for `max_age`
    /// seconds, and shared caches must not store it. Without a tag, no cache may store it.
    pub(crate) fn prices(
        body: String,
        tag: Option<&EntityTag>,
        max_age: u32,
    ) -> Result<Self, InvalidHeaderValue> {
        let response = Self::uncached(StatusCode::OK, body)
            .with_header(VARY, HeaderValue::from_static(VARY_ON));
        let Some(tag) = tag else { return Ok(response) };
        let control = HeaderValue::try_from(format!("private, max-age={max_age}"))?;
        Ok(response
            .with_header(CACHE_CONTROL, control)
            .with_header(ETAG, tag.header()?))
    }

    /// Converts to a 304 without a body. All headers stay: the client's cache needs them, and
    /// without `Content-Type` the gateway would send `text/plain`.
    #[must_use]
    pub(crate) fn not_modified(self) -> Self {
        Self {
            status: StatusCode::NOT_MODIFIED,
            body: None,
            ..self
        }
    }

    pub(crate) fn error(error: &ApiError, request_id: &str, now: Timestamp) -> Self {
        // The body has only text and numbers, so serialising cannot fail.
        let body = serde_json::to_string(&error.body(request_id, now)).unwrap_or_default();
        let mut response = Self::uncached(error.code().status(), body);
        response.code = Some(error.code());
        if let Some(seconds) = error.retry_after() {
            response = response.with_header(RETRY_AFTER, HeaderValue::from(seconds));
        }
        match error {
            ApiError::MethodNotAllowed => {
                response = response.with_header(ALLOW, HeaderValue::from_static(ALLOWED_METHODS));
            }
            ApiError::Unauthorized => {
                let challenge = HeaderValue::from_static(CHALLENGE);
                response = response.with_header(WWW_AUTHENTICATE, challenge);
            }
            _ => {}
        }
        response
    }

    /// Adds the `RateLimit-*` headers, if the quota is known.
    #[must_use]
    pub(crate) fn with_quota(self, quota: Option<Quota>) -> Self {
        let Some(quota) = quota else { return self };
        let values = [quota.limit, quota.remaining, quota.reset_seconds];
        RATE_LIMIT_HEADERS
            .into_iter()
            .zip(values)
            .fold(self, |response, (name, value)| {
                response.with_header(HeaderName::from_static(name), HeaderValue::from(value))
            })
    }

    /// Compresses the body if the client accepts gzip and the body gets shorter, or if the client
    /// accepts only gzip.
    #[must_use]
    pub(crate) fn encoded(mut self, accept_encoding: &str) -> Self {
        let compressed = self
            .body
            .as_deref()
            .and_then(|body| gzip(body, accept_encoding));
        match compressed {
            Some(bytes) => {
                self.body = Some(Body::Binary(bytes));
                self.with_header(CONTENT_ENCODING, HeaderValue::from_static("gzip"))
            }
            None => self,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.body.as_deref().map_or(0, <[u8]>::len)
    }

    #[must_use]
    fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

impl From<Response> for ApiGatewayV2httpResponse {
    fn from(response: Response) -> Self {
        let mut event = Self::default();
        event.status_code = i64::from(response.status.as_u16());
        event.headers = response.headers;
        // A compressed body is binary, which the gateway expects in base64.
        event.is_base64_encoded = matches!(response.body, Some(Body::Binary(_)));
        event.body = response.body;
        event
    }
}
