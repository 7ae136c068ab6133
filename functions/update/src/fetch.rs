//! Calls a provider over HTTP and reads a bounded response.

use std::error::Error as _;
use std::fmt::Write as _;
use std::time::Duration;

use reqwest::header::{CONTENT_ENCODING, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;
use tokio::time::timeout;

use crate::attempt::{AttemptError, retry_after};
use crate::excerpt::Excerpt;
use crate::provider::{Answer, Provider, Reason};
use crate::retry::{Attempts, Limits, with_retries};

/// The longest body of an error status that is read for its reason, in bytes.
const REASON_BYTES: usize = 64 * 1024;

/// The longest time for which a reason is waited: the status is known already.
const REASON_TIME: Duration = Duration::from_secs(1);

/// Asks `provider` for all `symbols` within `limits`.
pub async fn fetch(
    client: &Client,
    provider: &dyn Provider,
    symbols: &[Symbol],
    limits: &Limits,
    clock: fn() -> Timestamp,
) -> Attempts<Answer> {
    with_retries(provider.name(), limits, fastrand::Rng::new(), || async {
        let request = provider.request(symbols);
        let response = client.execute(request).await.map_err(transport)?;
        if !response.status().is_success() {
            return Err(refusal(provider, response, clock).await);
        }
        if let Some(encoding) = encoding(&response) {
            return Err(AttemptError::ContentEncoding(encoding));
        }
        let body = read_body(response, limits.body_bytes).await?;
        Ok(provider.parse(&body, symbols)?)
    })
    .await
}

/// The error of a response without success, with the provider's reason if it sends one.
async fn refusal(
    provider: &dyn Provider,
    response: Response,
    clock: fn() -> Timestamp,
) -> AttemptError {
    let status = response.status();
    let header = response.headers().get(RETRY_AFTER);
    let retry_after = header
        .and_then(|value| value.to_str().ok())
        .and_then(|value| retry_after(value, clock()));
    let reason = if encoding(&response).is_none() {
        let body = timeout(REASON_TIME, read_body(response, REASON_BYTES)).await;
        let body = body.ok().and_then(Result::ok);
        body.and_then(|body| Reason::read_error(&body))
    } else {
        None
    };
    AttemptError::Status {
        status,
        retry_after,
        advice: advice(provider, status, reason.as_ref()),
        reason,
    }
}

fn advice(
    provider: &dyn Provider,
    status: StatusCode,
    reason: Option<&Reason>,
) -> Option<&'static str> {
    if status.is_redirection() {
        return Some("redirects are not followed: set the base URL to the new address");
    }
    provider.advice(Some(status), reason)
}

/// Returns the content encoding of a response that is not plain. The client has no decoder
/// and requests `identity`.
fn encoding(response: &Response) -> Option<Excerpt> {
    let values = response.headers().get_all(CONTENT_ENCODING).iter();
    let mut encodings = values.map(|value| String::from_utf8_lossy(value.as_bytes()));
    encodings
        .find(|encoding| {
            let encoding = encoding.trim();
            !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity")
        })
        .map(Excerpt::new)
}

/// Reads a body as it arrives, so that a longer one than `limit` costs no more memory than
/// `limit` and one chunk, whatever its headers say.
async fn read_body(mut response: Response, limit: usize) -> Result<Vec<u8>, AttemptError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(transport)? {
        let length = body.len() + chunk.len();
        if length > limit {
            return Err(AttemptError::TooLong(limit));
        }
        if length > body.capacity() {
            // Twice the capacity, as a vector grows, but not beyond the limit.
            let capacity = (2 * body.capacity()).clamp(length, limit);
            body.reserve_exact(capacity - body.len());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The transport's error with its causes in one line, and without the URL.
fn transport(error: reqwest::Error) -> AttemptError {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    AttemptError::Transport(Excerpt::new(text))
}
