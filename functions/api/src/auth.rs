//! Authentication: resolves the API key of a request.

use shared::api_key::{ApiKey, RawApiKey};
use shared::store::ApiStore;
use shared::timestamp::Timestamp;

use crate::error::ApiError;
use crate::memory::Memory;

/// Returns the key of a request if the key is valid now. The error is the same for all invalid keys.
/// While the store fails, only a remembered key is accepted.
///
/// The number of reads does not reveal why a key is invalid: an invalid secret causes one read of the
/// table in ten seconds, whether its key exists or not.
pub(crate) async fn authenticate(
    store: &impl ApiStore,
    memory: &Memory,
    presented: Option<&RawApiKey>,
    now: Timestamp,
) -> Result<ApiKey, ApiError> {
    let presented = presented.ok_or(ApiError::Unauthorized)?;
    let key_id = presented.key_id();
    let secret_hash = presented.secret_hash();
    let is_valid = |key: &ApiKey| key.admits(&secret_hash, now);
    if let Some(key) = memory.key(key_id, now).filter(is_valid) {
        return Ok(key);
    }
    if !memory.is_refused(key_id, &secret_hash, now) {
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
        if let Some(key) = key.filter(is_valid) {
            return Ok(key);
        }
        memory.refuse(key_id, secret_hash, now);
    }
    tracing::debug!(keyId = key_id.masked(), "a key was refused");
    Err(ApiError::Unauthorized)
}
