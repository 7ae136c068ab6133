//! The key of a request, as its owner sees it: the end of the key must not come as a
//! surprise.

use serde::Serialize;
use shared::api_key::ApiKey;
use shared::timestamp::Timestamp;

use crate::limiter::Quota;

/// The API key that the request was made with.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Key"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyBody<'a> {
    /// The name that the key was created with.
    name: &'a str,
    /// Requests that one minute allows.
    limit: u32,
    /// Requests that are left of them, this one counted.
    remaining: u32,
    /// The first second at which the key is no longer accepted; null if it does not
    /// expire.
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
