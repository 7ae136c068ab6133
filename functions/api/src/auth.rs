//! Who asks.

use shared::api_key::{ApiKey, RawApiKey};
use shared::store::ApiStore;
use shared::timestamp::Timestamp;

use crate::error::ApiError;
use crate::memory::Memory;

/// The key that a request was made with, if it admits the client now. Every
/// way to fail is the same error; a store that fails lets nobody in.
///
/// Nor does the number of reads tell the ways to fail apart: what is remembered
/// of a key serves only those who know its secret, and everybody else costs one
/// read in ten seconds, whether there is such a key or not.
pub(crate) async fn authenticate(
    store: &impl ApiStore,
    memory: &Memory,
    presented: Option<&RawApiKey>,
    now: Timestamp,
) -> Result<ApiKey, ApiError> {
    let presented = presented.ok_or(ApiError::Unauthorized)?;
    let key_id = presented.key_id();
    let secret_hash = presented.secret_hash();
    let admitting = |key: &ApiKey| key.admits(&secret_hash, now);
    if let Some(key) = memory.key(key_id, now).filter(admitting) {
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
        if let Some(key) = key.filter(admitting) {
            return Ok(key);
        }
        memory.refuse(key_id, secret_hash, now);
    }
    tracing::debug!(keyId = key_id.masked(), "a key was refused");
    Err(ApiError::Unauthorized)
}
