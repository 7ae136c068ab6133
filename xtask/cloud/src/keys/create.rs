//! `cargo xtask keys create` and `rotate`. A new key is shown once. A key that could not be shown is
//! deleted.

use std::convert::Infallible;
use std::fs::File;
use std::num::NonZeroU32;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::time::Duration;

use anyhow::Context as _;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::Serialize;
use shared::api_key::{NewApiKey, NewApiKeyError, is_visible, readable_name};
use shared::error::StoreError;
use shared::store::{ApiStore as _, Created};
use shared::timestamp::Timestamp;
use xtask::cloud::{KeysCreateArgs, KeysRotateArgs};
use xtask::failure::{self, Exit, Failure};
use xtask::options::OutputFormat;
use xtask::output;

use super::table::{KeysTable, key_id};
use crate::interrupt::Interrupt;
use crate::report::event_line;

/// The attempts to generate an unused id. There are 62^12 ids, so two collisions in a row are a defect
/// and not chance.
const ATTEMPTS: u32 = 2;

/// A new key with its secret.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreatedKey<'a> {
    key_id: &'a str,
    /// The key that clients send. It is not stored and cannot be shown again.
    api_key: String,
    /// The time at which the key expires; null if it does not.
    expires_at: Option<Timestamp>,
}

pub(super) async fn create(args: &KeysCreateArgs) -> anyhow::Result<()> {
    let name = readable_name(&args.name).map_err(|error| unusable(&error))?;
    refuse_without_reader()?;
    let keys = KeysTable::to_change(&args.table).await?;
    let now = Timestamp::now();
    let expires_at = args.expires_in.map(|lifetime| after(now, lifetime));
    let properties = KeyProperties {
        name,
        rate_limit: args.rate_limit,
        expires_at,
    };
    issue(&keys, &properties, args.table.output).await
}

/// Creates a key with the name, the limit and, by default, the lifetime of an old key. Lets the old key
/// expire after `--keep-old`. A limit above [`contract::MAX_REQUESTS_PER_MINUTE`] is lowered to this
/// maximum. An expired key can be rotated. A disabled key cannot, because an operator disabled it on purpose.
pub(super) async fn rotate(args: &KeysRotateArgs) -> anyhow::Result<()> {
    let old_id = key_id(&args.key.key_id)?;
    refuse_without_reader()?;
    let keys = KeysTable::to_change(&args.key.table).await?;
    let old = keys.find(&old_id).await?;
    if !old.enabled {
        let environment = args.key.table.environment;
        return Err(Failure::new(format!("the key {old_id} is disabled"))
            .hint(format!(
                "enable it with `cargo xtask keys enable {old_id} --env {environment}`, or \
                 create another one with `cargo xtask keys create --env {environment}`"
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
    // A name that an earlier version stored may have invisible characters.
    let name: String = old.name.chars().filter(|c| is_visible(*c)).collect();
    let is_blank = name.trim().is_empty();
    let properties = KeyProperties {
        name: if is_blank { old_id.as_str() } else { &name },
        rate_limit,
        expires_at,
    };
    // The old key stays as it is until the new one is shown.
    issue(&keys, &properties, args.key.table.output).await?;
    if rate_limit != old.rate_limit_per_minute {
        output::progress(format_args!(
            "the limit of the new key is {most} requests a minute, the most that can be counted"
        ));
    }
    let end = after(now, args.keep_old);
    // A rotation never extends the lifetime of the old key.
    let end = old.expires_at.map_or(end, |before| before.min(end));
    let answer = keys.store.set_api_key_expiry(&old_id, end).await;
    keys.check_changed(
        "let the old key expire after the new one was created",
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

struct KeyProperties<'a> {
    name: &'a str,
    rate_limit: Option<NonZeroU32>,
    expires_at: Option<Timestamp>,
}

impl KeyProperties<'_> {
    /// Generates an id and a secret for a key with these properties.
    fn generate_key(&self) -> Result<NewApiKey, Failure> {
        let mut key =
            NewApiKey::generate(self.name, Timestamp::now()).map_err(|error| unusable(&error))?;
        key.record.rate_limit_per_minute = self.rate_limit;
        key.record.expires_at = self.expires_at;
        Ok(key)
    }
}

/// Refuses to create a key if stdout is a pipe without a reader, or `/dev/null`. If stdout is closed,
/// Rust opens `/dev/null` in its place.
#[expect(clippy::disallowed_methods, reason = "nothing is printed")]
fn refuse_without_reader() -> anyhow::Result<()> {
    let stdout = std::io::stdout();
    let mut polled = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
    poll(&mut polled, PollTimeout::ZERO).context("checking for a reader of stdout")?;
    let lost = PollFlags::POLLERR | PollFlags::POLLHUP;
    let [polled] = polled;
    let is_lost = polled
        .revents()
        .is_some_and(|events| events.intersects(lost));
    if is_lost || is_dev_null()? {
        return Err(Failure::new(
            "no key was created: nothing reads stdout, where the key is shown once",
        )
        .hint("run the command at a terminal, or pipe it into a program that stores the key")
        .into());
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "nothing is printed")]
fn is_dev_null() -> anyhow::Result<bool> {
    let stdout = std::io::stdout().as_fd().try_clone_to_owned();
    let stdout = stdout.map(File::from).and_then(|stdout| stdout.metadata());
    let stdout = stdout.context("checking stdout")?;
    let nowhere = std::fs::metadata("/dev/null");
    Ok(stdout.file_type().is_char_device()
        && nowhere.is_ok_and(|nowhere| nowhere.rdev() == stdout.rdev()))
}

/// The failure of one attempt to store and show a key.
struct NotIssued {
    failure: Failure,
    /// Whether the key may be in the table in spite of the failure.
    may_be_stored: bool,
}

/// Stores a new key and shows it. Deletes the key again if it cannot be shown, or if the command is
/// interrupted.
async fn issue(
    keys: &KeysTable<'_>,
    properties: &KeyProperties<'_>,
    format: OutputFormat,
) -> anyhow::Result<()> {
    let interrupt = Interrupt::listen(|| -> Infallible {
        let stopped =
            Failure::new("stopped at once: the table may contain a new key that was not shown")
                .hint("look for the newest key with `cargo xtask keys list`");
        failure::print(&stopped.into());
        std::process::exit(i32::from(Exit::Failed.code()))
    });
    for _ in 0..ATTEMPTS {
        let key = properties.generate_key()?;
        let interrupted = || NotIssued {
            failure: Failure::new("interrupted"),
            may_be_stored: true,
        };
        let issued = interrupt.run(interrupted, store_and_show(keys, &key, format));
        match issued.await {
            Ok(Created::Created) => return Ok(()),
            Ok(Created::AlreadyExists) => {}
            Err(NotIssued {
                failure,
                may_be_stored: false,
            }) => return Err(failure.into()),
            Err(NotIssued { failure, .. }) => {
                return Err(remove(keys, &key, &failure).await.into());
            }
        }
    }
    Err(Failure::new(format!(
        "could not create a key in {}: every generated id was taken",
        keys.name
    ))
    .into())
}

async fn store_and_show(
    keys: &KeysTable<'_>,
    key: &NewApiKey,
    format: OutputFormat,
) -> Result<Created, NotIssued> {
    let created = store(keys, key).await.map_err(|error| NotIssued {
        failure: keys.explain("create a key", &error),
        may_be_stored: may_be_stored(&error),
    })?;
    if created == Created::Created {
        show(key, format).map_err(|error| NotIssued {
            failure: Failure::new(format!("could not show the new key: {error:#}")),
            may_be_stored: true,
        })?;
    }
    Ok(created)
}

/// Stores a key. If the response to the SDK's first attempt is lost, its second attempt finds the id
/// taken by the same key. This counts as success.
async fn store(keys: &KeysTable<'_>, key: &NewApiKey) -> Result<Created, StoreError> {
    let record = &key.record;
    let created = keys.store.create_api_key(record).await?;
    if created == Created::AlreadyExists
        && let Ok(Some(stored)) = keys.store.api_key(&record.key_id).await
        && stored.secret_hash.matches(&record.secret_hash)
    {
        return Ok(Created::Created);
    }
    Ok(created)
}

/// Returns true if the key may be in the table although storing it failed.
fn may_be_stored(error: &StoreError) -> bool {
    match error {
        // These are errors of the SDK's last attempt. An earlier attempt may have stored the key.
        StoreError::Timeout { .. }
        | StoreError::NotConnected { .. }
        | StoreError::Unreachable { .. }
        | StoreError::Throttled { .. } => true,
        StoreError::Refused { code, .. } => code == "InternalServerError",
        StoreError::TableNotFound { .. } | StoreError::MalformedItem { .. } => false,
    }
}

/// Deletes a key that was not shown, and adds the outcome to the failure.
async fn remove(keys: &KeysTable<'_>, key: &NewApiKey, failure: &Failure) -> Failure {
    let id = &key.record.key_id;
    match keys.store.delete_api_key(id).await {
        Ok(_) => {
            let removed = Failure::new(format!("{failure}; no key was created"));
            match failure.hint_text() {
                Some(hint) => removed.hint(hint),
                None => removed,
            }
        }
        Err(error) => Failure::new(format!(
            "{failure}; the key {id} may still be in {}, because it could not be deleted: {error}",
            keys.name
        ))
        .hint(format!(
            "delete it with `cargo xtask keys delete {id} --env {}`",
            keys.args.environment
        )),
    }
}

/// Adds a duration to a time. A duration above 136 years (2^32 seconds) counts as 136 years.
fn after(now: Timestamp, duration: Duration) -> Timestamp {
    now.plus_seconds(u32::try_from(duration.as_secs()).unwrap_or(u32::MAX))
}

/// Shows a key. Other text goes to stderr, because scripts read the key from stdout.
fn show(key: &NewApiKey, format: OutputFormat) -> anyhow::Result<()> {
    let raw = key.raw.reveal();
    let expires_at = key.record.expires_at;
    if let Some(end) = expires_at {
        output::progress(format_args!("the new key is accepted until {end}"));
    }
    match format {
        OutputFormat::Text => {
            output::deliver(&format!("{raw}\n"))?;
            output::progress("store the key safely: it cannot be shown again");
            Ok(())
        }
        OutputFormat::Json => output::deliver(&event_line(&CreatedKey {
            key_id: key.raw.key_id().as_str(),
            api_key: raw,
            expires_at,
        })?),
    }
}

fn unusable(error: &NewApiKeyError) -> Failure {
    match error {
        NewApiKeyError::NameLength | NewApiKeyError::NameCharacter(_) => {
            Failure::usage(format!("--name cannot be used: {error}"))
        }
        NewApiKeyError::Random(_) => Failure::new(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{Example, line};

    impl Example for CreatedKey<'_> {
        fn examples() -> Vec<String> {
            vec![line(&CreatedKey {
                key_id: "4fKq7ZpR2mXa",
                api_key: "cw_4fKq7ZpR2mXa_EXAMPLE".to_owned(),
                expires_at: Timestamp::parse("2026-04-15T10:30:00Z").ok(),
            })]
        }
    }
}
