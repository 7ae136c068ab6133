//! New keys: printed once, the only time that their secrets are anywhere.

use std::time::Duration;

use serde::Serialize;
use shared::api_key::{NewApiKey, NewApiKeyError, readable_name};
use shared::store::Created;
use shared::timestamp::Timestamp;
use xtask::cloud::{KeysCreateArgs, KeysRotateArgs};
use xtask::failure::Failure;
use xtask::options::OutputFormat;
use xtask::output;

use super::{Keys, key_id};

/// How often an id that is taken is drawn anew. There are 62^12 ids, so that a
/// second collision in a row says that something else is wrong.
const ATTEMPTS: u32 = 2;

/// What a machine reads of a new key.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Printed<'a> {
    key_id: &'a str,
    api_key: String,
    /// Null where it does not expire.
    expires_at: Option<Timestamp>,
}

/// Creates a key and prints it.
pub(super) async fn create(args: &KeysCreateArgs) -> anyhow::Result<()> {
    // Before anything is connected to.
    let name = readable_name(&args.name).map_err(|error| unusable(&error))?;
    let keys = Keys::to_change(&args.table).await?;
    let now = Timestamp::now();
    let expires_at = args.expires_in.map(|lifetime| after(now, lifetime));
    let key = store_new(&keys, name, args.rate_limit, expires_at).await?;
    print(&key, args.table.output)
}

/// Creates a key with the name, the limit (as far as it can be counted) and the
/// lifetime of another, which then lives on for a stated time. An expired key is renewed by it; a disabled
/// one was shut out on purpose, and its owner does not get in by another door.
pub(super) async fn rotate(args: &KeysRotateArgs) -> anyhow::Result<()> {
    let old_id = key_id(&args.key.key_id)?;
    let keys = Keys::to_change(&args.key.table).await?;
    let old = keys.find(&old_id).await?;
    if !old.enabled {
        let environment = args.key.table.environment;
        return Err(Failure::new(format!("the key {old_id} is disabled"))
            .hint(format!(
                "`cargo xtask keys enable {old_id} --env {environment}` lets it in again, \
                 `cargo xtask keys create --env {environment}` makes another key"
            ))
            .into());
    }
    let now = Timestamp::now();
    let expires_at = match args.expires_in {
        Some(lifetime) => Some(after(now, lifetime)),
        None => old.expires_at.map(|end| {
            let lifetime = end.seconds_since(old.created_at).max(1);
            now.plus_seconds(u32::try_from(lifetime).unwrap_or(u32::MAX))
        }),
    };
    let most = contract::MAX_REQUESTS_PER_MINUTE;
    let rate_limit = old.rate_limit_per_minute.map(|limit| limit.min(most));
    let new = store_new(&keys, &old.name, rate_limit, expires_at).await?;
    if rate_limit != old.rate_limit_per_minute {
        output::progress(format_args!(
            "the new key's limit is {most} requests a minute: no more can be counted for one key"
        ));
    }
    // First of all: whatever fails from here on, the new key is known.
    print(&new, args.key.table.output)?;
    let end = after(now, args.keep_old);
    // A rotation never lengthens a life.
    let end = old.expires_at.map_or(end, |before| before.min(end));
    let answer = keys.store.set_api_key_expiry(&old_id, end).await;
    keys.changed(
        "let the old key expire, though the new one works,",
        &old_id,
        answer,
    )?;
    let accepted = if end > now {
        "is accepted until"
    } else {
        "has not been accepted since"
    };
    output::progress(format_args!("the old key {old_id} {accepted} {end}"));
    Ok(())
}

async fn store_new(
    keys: &Keys<'_>,
    name: &str,
    rate_limit: Option<u32>,
    expires_at: Option<Timestamp>,
) -> anyhow::Result<NewApiKey> {
    for _ in 0..ATTEMPTS {
        let mut key =
            NewApiKey::generate(name, Timestamp::now()).map_err(|error| unusable(&error))?;
        key.record.rate_limit_per_minute = rate_limit;
        key.record.expires_at = expires_at;
        match keys.store.create_api_key(&key.record).await {
            Ok(Created::Created) => return Ok(key),
            Ok(Created::AlreadyExists) => {}
            Err(error) => return Err(keys.explain("create a key", &error).into()),
        }
    }
    Err(Failure::new(format!(
        "could not create a key in {}: every id drawn was taken",
        keys.table
    ))
    .into())
}

/// The end of 9999 at most.
fn after(now: Timestamp, duration: Duration) -> Timestamp {
    now.plus_seconds(u32::try_from(duration.as_secs()).unwrap_or(u32::MAX))
}

/// The key alone goes to stdout, so that a script can take it from there.
fn print(key: &NewApiKey, format: OutputFormat) -> anyhow::Result<()> {
    let raw = key.raw.reveal();
    let expires_at = key.record.expires_at;
    if let Some(end) = expires_at {
        output::progress(format_args!("the new key is accepted until {end}"));
    }
    match format {
        OutputFormat::Text => {
            output::text(&format!("{raw}\n"))?;
            output::progress("keep it safe: it is not stored and cannot be shown again");
            Ok(())
        }
        OutputFormat::Json => output::json_line(&Printed {
            key_id: key.raw.key_id().as_str(),
            api_key: raw,
            expires_at,
        }),
    }
}

fn unusable(error: &NewApiKeyError) -> Failure {
    match error {
        NewApiKeyError::Name => Failure::usage(format!("--name cannot be used: {error}")),
        NewApiKeyError::Random(_) => Failure::new(error.to_string()),
    }
}
