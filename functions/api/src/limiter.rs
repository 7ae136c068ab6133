//! The rate limit of one request.

use std::num::NonZeroU32;

use shared::api_key::KeyId;
use shared::rate_limit::{Admission, Window};
use shared::store::ApiStore;
use shared::timestamp::Timestamp;

use crate::error::ApiError;
use crate::memory::Memory;

/// Where a client stands in this minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quota {
    /// Requests that one minute allows.
    pub(crate) limit: u32,
    /// Requests that are left of them.
    pub(crate) remaining: u32,
    /// Seconds until the next minute.
    pub(crate) reset_seconds: u32,
}

/// Why a request does not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) error: ApiError,
    /// None where the limiter itself did not answer.
    pub(crate) quota: Option<Quota>,
}

/// Counts the request. A key that has reached its limit is remembered for the
/// rest of the minute, so that a client in a loop costs the table nothing: a
/// count never falls.
pub(crate) async fn admit(
    store: &impl ApiStore,
    memory: &Memory,
    key_id: &KeyId,
    limit: NonZeroU32,
    now: Timestamp,
) -> Result<Quota, Refusal> {
    let window = Window::at(now);
    let quota = |count: u32| Quota {
        limit: limit.get(),
        remaining: limit.get().saturating_sub(count),
        reset_seconds: window.seconds_left(now),
    };
    let refusal = || Refusal {
        error: ApiError::RateLimitExceeded {
            retry_after: window.seconds_left(now),
        },
        quota: Some(quota(limit.get())),
    };
    if memory.is_exhausted(key_id, window) {
        return Err(refusal());
    }
    match store.count_request(key_id, window, limit).await {
        Ok(Admission::Admitted { count }) => Ok(quota(count)),
        Ok(Admission::Refused) => {
            memory.remember_exhausted(key_id, window);
            Err(refusal())
        }
        Err(error) => {
            tracing::error!(%error, "the limiter failed");
            Err(Refusal {
                error: ApiError::StoreUnavailable,
                quota: None,
            })
        }
    }
}
