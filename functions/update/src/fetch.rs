//! Calls a provider over HTTP and reads a bounded answer.

use std::error::Error as _;
use std::fmt::Write as _;

use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Request, Response};
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;

use crate::attempt::{AttemptError, retry_after};
use crate::provider::{Answer, Provider};
use crate::retry::{Attempts, Limits, with_retries};

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
        let body = call(client, request, limits.body_bytes, clock).await?;
        Ok(provider.parse(&body, symbols)?)
    })
    .await
}

/// One call: the whole body of a successful answer.
async fn call(
    client: &Client,
    request: Request,
    limit: usize,
    clock: fn() -> Timestamp,
) -> Result<Vec<u8>, AttemptError> {
    let response = client.execute(request).await.map_err(transport)?;
    let status = response.status();
    if !status.is_success() {
        let header = response.headers().get(RETRY_AFTER);
        return Err(AttemptError::Status {
            status,
            retry_after: header
                .and_then(|value| value.to_str().ok())
                .and_then(|value| retry_after(value, clock())),
        });
    }
    read_body(response, limit).await
}

/// Reads a body while it comes, so that a longer one than `limit` costs no more
/// memory than `limit` and one chunk, whatever its headers say.
async fn read_body(mut response: Response, limit: usize) -> Result<Vec<u8>, AttemptError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(transport)? {
        if body.len() + chunk.len() > limit {
            return Err(AttemptError::TooLong(limit));
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
    AttemptError::Transport(text)
}
