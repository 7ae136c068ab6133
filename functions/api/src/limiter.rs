//! The rate limit of each key.

use std::num::NonZeroU32;

use shared::api_key::KeyId;
use shared::rate_limit::{Admission, Window};
use shared::store::ApiStore;
use shared::timestamp::Timestamp;

use crate::error::ApiError;
use crate::memory::Memory;

/// The quota of a key in the current minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quota {
    /// Requests per minute.
    pub(crate) limit: u32,
    /// Remaining requests of the current minute.
    pub(crate) remaining: u32,
    /// Seconds until the next minute.
    pub(crate) reset_seconds: u32,
    pub(crate) exceeded: bool,
}

/// Counts a request. A count never decreases, so a key that has reached its limit is remembered for
/// the rest of the minute. Its further requests cause no call to the table.
pub(crate) async fn count_request(
    store: &impl ApiStore,
    memory: &Memory,
    key_id: &KeyId,
    limit: NonZeroU32,
    now: Timestamp,
) -> Result<Quota, ApiError> {
    let window = Window::at(now);
    let admission = if memory.is_exhausted(key_id, window) {
        Admission::Refused
    } else {
        let counted = store.count_request(key_id, window, limit).await;
        counted.map_err(|error| {
            tracing::error!(%error, "the limiter failed");
            ApiError::StoreUnavailable
        })?
    };
    let remaining = match admission {
        Admission::Admitted { count } => limit.get().saturating_sub(count),
        Admission::Refused => {
            memory.remember_exhausted(key_id, window);
            0
        }
    };
    Ok(Quota {
        limit: limit.get(),
        remaining,
        reset_seconds: window.seconds_left(now),
        exceeded: admission == Admission::Refused,
    })
}
