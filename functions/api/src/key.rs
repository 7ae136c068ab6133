//! The response of `GET /key`: the key of the request, with its limit and its expiry.

use serde::Serialize;
use shared::api_key::ApiKey;
use shared::timestamp::Timestamp;

use crate::limiter::Quota;

/// The API key of the request.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Key"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyBody<'a> {
    /// The name that the key was created with.
    name: &'a str,
    /// Requests per minute.
    limit: u32,
    /// The requests that remain in this minute after this request.
    remaining: u32,
    /// The first second at which the key is no longer accepted; null if the key does not expire.
    expires_at: Option<Timestamp>,
    /// The time of the response.
    timestamp: Timestamp,
}

impl<'a> KeyBody<'a> {
    pub(crate) fn of(key: &'a ApiKey, quota: Quota, now: Timestamp) -> Self {
        Self {
            name: &key.name,
            limit: quota.limit,
            remaining: quota.remaining,
            expires_at: key.expires_at,
            timestamp: now,
        }
    }
}
