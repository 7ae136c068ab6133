//! Who asks.

use shared::api_key::{ApiKey, RawApiKey};
use shared::store::ApiStore;
use shared::timestamp::Timestamp;

use crate::error::ApiError;
use crate::memory::{Known, Memory};

/// The key that a request was made with, if it admits the client now. Every
/// way to fail is the same error; a store that fails lets nobody in.
pub(crate) async fn authenticate(
    store: &impl ApiStore,
    memory: &Memory,
    presented: Option<&RawApiKey>,
    now: Timestamp,
) -> Result<ApiKey, ApiError> {
    let presented = presented.ok_or(ApiError::Unauthorized)?;
    let key_id = presented.key_id();
    let key = match memory.key(key_id, now) {
        Some(Known::Refused) => None,
        Some(Known::Key(key)) => Some(*key),
        None => {
            let key = store.api_key(key_id).await.map_err(|error| {
                tracing::error!(%error, "the key could not be read");
                ApiError::StoreUnavailable
            })?;
            tracing::debug!(
                keyId = key_id.masked(),
                found = key.is_some(),
                "a key was read"
            );
            memory.remember_key(key_id, key.as_ref(), now);
            key
        }
    };
    let secret_hash = presented.secret_hash();
    key.filter(|key| key.admits(&secret_hash, now))
        .ok_or_else(|| {
            tracing::debug!(keyId = key_id.masked(), "a key was refused");
            ApiError::Unauthorized
        })
}
