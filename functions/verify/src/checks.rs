//! Checks in time, and the key that some of them need.

use std::time::Duration;

use shared::api_key::{Maker, RawApiKey, TemporaryKey};
use shared::check::{Check, Verdict};
use shared::store::{Changed, Created, VerifyStore};
use shared::timestamp::Timestamp;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::api::Api;

/// The pause between two attempts.
pub(crate) const PAUSE: Duration = Duration::from_secs(2);
/// Limit of the deletion of a key.
pub(crate) const DELETE_LIMIT: Duration = Duration::from_secs(3);
/// Seconds that a key is accepted: longer than any run takes.
const KEY_SECONDS: u32 = 300;

/// Makes a check once; `None` when the time is over before the response.
pub(crate) async fn attempt(
    api: &impl Api,
    check: Check,
    key: Option<&RawApiKey>,
    request_id: &str,
    until: Instant,
) -> Option<Verdict> {
    match timeout_at(until, api.ask(check, key, request_id)).await {
        Ok(Ok(response)) => Some(check.judge(&response)),
        Ok(Err(error)) => Some(Verdict::Failed(error.to_string())),
        Err(_) => None,
    }
}

/// Repeats a check until it passes or the time is over, and returns the last verdict.
pub(crate) async fn repeat(
    api: &impl Api,
    check: Check,
    key: Option<&RawApiKey>,
    request_id: &str,
    until: Instant,
) -> Verdict {
    let mut last = no_answer();
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
        tracing::warn!(path = check.path(), reason, "a check is made again");
        sleep(PAUSE).await;
    }
}

/// The verdict on an API that does not respond in time.
pub(crate) fn no_answer() -> Verdict {
    Verdict::Failed("no answer in time".to_owned())
}

/// Runs a check with a key of its own, which is created before, within `create_until`, and
/// deleted afterwards. The creation is repeated, because the same update may have created
/// the permission for it.
///
/// # Errors
///
/// The reason why no key could be created.
pub(crate) async fn with_key(
    store: &impl VerifyStore,
    create_until: Instant,
    check: impl AsyncFnOnce(&RawApiKey) -> Verdict,
) -> Result<Verdict, String> {
    let key = create_key(store, create_until).await?;
    let verdict = check(key.raw()).await;
    delete_key(store, &key).await;
    Ok(verdict)
}

async fn create_key(store: &impl VerifyStore, until: Instant) -> Result<TemporaryKey, String> {
    let mut reason = "no answer in time".to_owned();
    loop {
        let key = TemporaryKey::generate(Maker::Verify, KEY_SECONDS, Timestamp::now())
            .map_err(|error| error.to_string())?;
        match timeout_at(until, store.create_temporary_key(&key)).await {
            Ok(Ok(Created::Created)) => return Ok(key),
            Ok(Ok(Created::AlreadyExists)) => "its id is taken".clone_into(&mut reason),
            Ok(Err(error)) => reason = error.to_string(),
            Err(_) => return Err(reason),
        }
        if Instant::now() + PAUSE >= until {
            return Err(reason);
        }
        tracing::warn!(reason, "a key is created again");
        sleep(PAUSE).await;
    }
}

/// Deletes a key. A failure is only logged, because the key expires by itself.
async fn delete_key(store: &impl VerifyStore, key: &TemporaryKey) {
    match timeout(DELETE_LIMIT, store.delete_temporary_key(key)).await {
        Ok(Ok(Changed::Changed | Changed::NoSuchKey)) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the key could not be deleted"),
        Err(_) => tracing::warn!("the key was not deleted in time"),
    }
}
