//! Checks of the API within a time limit, and the API key that some checks need.

use std::time::Duration;

use shared::api_key::{Maker, RawApiKey, TemporaryKey};
use shared::check::{Check, Verdict};
use shared::store::{Created, VerifyStore};
use shared::timestamp::Timestamp;
use tokio::time::{Instant, sleep, timeout_at};

use crate::api::Api;

/// The pause between two attempts.
pub(crate) const PAUSE: Duration = Duration::from_secs(2);
/// Time limit of the deletion of a key.
pub(crate) const DELETE_LIMIT: Duration = Duration::from_secs(3);
/// Seconds for which a key is accepted: longer than any run takes.
const KEY_SECONDS: u32 = 300;

/// Makes one attempt at a check. Returns `None` if there is no response before `until`.
pub(crate) async fn attempt(
    api: &impl Api,
    check: Check,
    key: Option<&RawApiKey>,
    request_id: &str,
    until: Instant,
) -> Option<Verdict> {
    match timeout_at(until, api.request(check, key, request_id)).await {
        Ok(Ok(response)) => Some(check.judge(&response)),
        Ok(Err(error)) => Some(Verdict::Failed(error.to_string())),
        Err(_) => None,
    }
}

/// Repeats a check while it fails, until `until`. Returns the last verdict.
pub(crate) async fn repeat(
    api: &impl Api,
    check: Check,
    key: Option<&RawApiKey>,
    request_id: &str,
    until: Instant,
) -> Verdict {
    let mut last = no_response();
    loop {
        let Some(verdict) = attempt(api, check, key, request_id, until).await else {
            return last;
        };
        last = verdict;
        let Verdict::Failed(reason) = &last else {
            return last;
        };
        if Instant::now() + PAUSE >= until {
            return last;
        }
        tracing::warn!(path = check.path(), reason, "the check is repeated");
        sleep(PAUSE).await;
    }
}

/// Returns the verdict on an API that does not respond in time.
pub(crate) fn no_response() -> Verdict {
    Verdict::Failed("no response in time".to_owned())
}

/// Creates a key before `create_until`, runs a check with the key and deletes the key. Repeats the
/// creation, because a new permission to create keys takes effect after some seconds.
/// The error is the reason why no key could be created.
pub(crate) async fn with_key(
    store: &impl VerifyStore,
    create_until: Instant,
    check: impl AsyncFnOnce(&RawApiKey) -> Verdict,
) -> Result<Verdict, String> {
    let key = create_key(&store.until(create_until), create_until).await?;
    let verdict = check(key.raw()).await;
    let store = store.until(Instant::now() + DELETE_LIMIT);
    if let Err(error) = store.delete_temporary_key(&key).await {
        // The key expires by itself.
        tracing::warn!(%error, "the key could not be deleted");
    }
    Ok(verdict)
}

async fn create_key(store: &impl VerifyStore, until: Instant) -> Result<TemporaryKey, String> {
    loop {
        let key = TemporaryKey::generate(Maker::Verify, KEY_SECONDS, Timestamp::now())
            .map_err(|error| error.to_string())?;
        let reason = match store.create_temporary_key(&key).await {
            Ok(Created::Created) => return Ok(key),
            Ok(Created::AlreadyExists) => "its id is taken".to_owned(),
            Err(error) => error.to_string(),
        };
        if Instant::now() + PAUSE >= until {
            return Err(reason);
        }
        tracing::warn!(reason, "the creation of the key is repeated");
        sleep(PAUSE).await;
    }
}
