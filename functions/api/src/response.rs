//! Answers: status, headers and JSON body.

use contract::routes::RATE_LIMIT_HEADERS;
use lambda_http::Body;
use lambda_http::http::StatusCode;
use lambda_http::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue,
    InvalidHeaderValue, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use shared::timestamp::Timestamp;

use crate::encoding::gzip;
use crate::entity_tag::EntityTag;
use crate::error::{ApiError, Code};
use crate::limiter::Quota;
use crate::router::ALLOWED_METHODS;

/// What a cache has to compare before it takes an answer for that to another
/// request: the encodings it may have, and the key, without which it is a 401
/// and which the counters of the limit belong to.
const VARY_ON: &str = "Accept-Encoding, X-API-Key";

/// The challenge of every 401 (RFC 9110, section 15.5.2). Not `Basic`, for which
/// browsers open a dialogue.
const CHALLENGE: &str = "ApiKey realm=\"crypto-watch\"";

/// One HTTP answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// None on an answer that the client has already. An answer to HEAD has that
    /// of GET: the gateway sends its length, and not the body itself.
    pub(crate) body: Option<Body>,
    /// What kind of error it is, if it is one.
    pub(crate) code: Option<Code>,
}

impl Answer {
    /// A JSON answer that nobody may keep.
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

    /// Creates an answer with prices. With a tag the client, and no proxy on the way, may
    /// keep it for so many seconds and ask for it again by its tag.
    pub(crate) fn prices(
        body: String,
        tag: Option<&EntityTag>,
        max_age: u32,
    ) -> Result<Self, InvalidHeaderValue> {
        let answer = Self::uncached(StatusCode::OK, body)
            .with_header(VARY, HeaderValue::from_static(VARY_ON));
        let Some(tag) = tag else { return Ok(answer) };
        let control = HeaderValue::try_from(format!("private, max-age={max_age}"))?;
        Ok(answer
            .with_header(CACHE_CONTROL, control)
            .with_header(ETAG, tag.header()?))
    }

    /// Tells the client that it has this answer already: every header of it, as
    /// the client's cache takes them over, and no body. `Content-Type` is one of
    /// them, because the gateway would put `text/plain` in its place.
    #[must_use]
    pub(crate) fn not_modified(self) -> Self {
        Self {
            status: StatusCode::NOT_MODIFIED,
            body: None,
            ..self
        }
    }

    /// An error, in the one shape that all errors have.
    pub(crate) fn error(error: &ApiError, request_id: &str, now: Timestamp) -> Self {
        // Text and numbers: nothing in it can fail to be written.
        let body = serde_json::to_string(&error.body(request_id, now)).unwrap_or_default();
        let mut answer = Self::uncached(error.code().status(), body);
        answer.code = Some(error.code());
        if let Some(seconds) = error.retry_after() {
            answer = answer.with_header(RETRY_AFTER, HeaderValue::from(seconds));
        }
        match error {
            ApiError::MethodNotAllowed => {
                answer = answer.with_header(ALLOW, HeaderValue::from_static(ALLOWED_METHODS));
            }
            ApiError::Unauthorized => {
                let challenge = HeaderValue::from_static(CHALLENGE);
                answer = answer.with_header(WWW_AUTHENTICATE, challenge);
            }
            _ => {}
        }
        answer
    }

    /// Tells the client where it stands in this minute, if that is known.
    #[must_use]
    pub(crate) fn with_quota(self, quota: Option<Quota>) -> Self {
        let Some(quota) = quota else { return self };
        let values = [quota.limit, quota.remaining, quota.reset_seconds];
        RATE_LIMIT_HEADERS
            .into_iter()
            .zip(values)
            .fold(self, |answer, (name, value)| {
                answer.with_header(HeaderName::from_static(name), HeaderValue::from(value))
            })
    }

    /// The answer in an encoding that the client accepts, where that is shorter.
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

    /// How many bytes the body has.
    pub(crate) fn bytes(&self) -> usize {
        self.body.as_deref().map_or(0, <[u8]>::len)
    }

    #[must_use]
    fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}
