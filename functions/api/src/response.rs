//! Answers: status, headers and JSON body.

use lambda_http::http::StatusCode;
use lambda_http::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue,
    RETRY_AFTER,
};
use serde_json::json;
use shared::timestamp::Timestamp;

use crate::error::ApiError;
use crate::limiter::Quota;
use crate::router::ALLOWED_METHODS;

/// One HTTP answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// None on an answer to HEAD.
    pub(crate) body: Option<String>,
}

impl Answer {
    /// A JSON answer that nobody may keep.
    pub(crate) fn uncached(status: StatusCode, body: String) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Some(body),
        }
        .with_header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .with_header(CACHE_CONTROL, HeaderValue::from_static("no-store"))
    }

    /// A JSON answer that the client, and no proxy on the way, may keep for so
    /// many seconds.
    pub(crate) fn cached(body: String, max_age: u32) -> Result<Self, InvalidHeaderValue> {
        let control = HeaderValue::try_from(format!("private, max-age={max_age}"))?;
        Ok(Self::uncached(StatusCode::OK, body).with_header(CACHE_CONTROL, control))
    }

    /// An error, in the one shape that all errors have.
    pub(crate) fn error(error: &ApiError, request_id: &str, now: Timestamp) -> Self {
        let mut body = json!({
            "error": error.to_string(),
            "code": error.code(),
            "timestamp": now,
            "requestId": request_id,
        });
        if let Some(details) = error.details() {
            body["details"] = details;
        }
        if let Some(seconds) = error.retry_after() {
            body["retryAfter"] = json!(seconds);
        }
        let mut answer = Self::uncached(error.status(), body.to_string());
        if let Some(seconds) = error.retry_after() {
            answer = answer.with_header(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if matches!(error, ApiError::MethodNotAllowed) {
            answer = answer.with_header(ALLOW, HeaderValue::from_static(ALLOWED_METHODS));
        }
        answer
    }

    /// Tells the client where it stands in this minute.
    #[must_use]
    pub(crate) fn with_quota(self, quota: Quota) -> Self {
        [
            ("ratelimit-limit", quota.limit),
            ("ratelimit-remaining", quota.remaining),
            ("ratelimit-reset", quota.reset_seconds),
        ]
        .into_iter()
        .fold(self, |answer, (name, value)| {
            answer.with_header(HeaderName::from_static(name), HeaderValue::from(value))
        })
    }

    /// The answer to HEAD: everything but the body.
    #[must_use]
    pub(crate) fn without_body(self) -> Self {
        Self { body: None, ..self }
    }

    #[must_use]
    fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}
