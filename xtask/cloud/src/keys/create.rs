//! New keys. A key is shown once, and a key that could not be shown does not exist
//! afterwards.

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

use super::{Keys, key_id};
use crate::interrupt::Interrupt;

/// How often an id that is taken is drawn anew. There are 62^12 ids, so that a
/// second collision in a row says that something else is wrong.
const ATTEMPTS: u32 = 2;

/// The JSON output of a new key.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Printed<'a> {
    key_id: &'a str,
    api_key: String,
    /// Null where it does not expire.
    expires_at: Option<Timestamp>,
}

/// Creates a key and shows it.
pub(super) async fn create(args: &KeysCreateArgs) -> anyhow::Result<()> {
    // Before anything is connected to.
    let name = readable_name(&args.name).map_err(|error| unusable(&error))?;
    refuse_without_reader()?;
    let keys = Keys::to_change(&args.table).await?;
    let now = Timestamp::now();
    let expires_at = args.expires_in.map(|lifetime| after(now, lifetime));
    let wanted = Wanted {
        name,
        rate_limit: args.rate_limit,
        expires_at,
    };
    issue(&keys, &wanted, args.table.output).await
}

/// Creates a key with the name, the limit (as far as it can be counted) and the
/// lifetime of another key, which then expires after a stated time. An expired key is
/// renewed in this way. A disabled key was disabled on purpose, so that its owner gets
/// no other one.
pub(super) async fn rotate(args: &KeysRotateArgs) -> anyhow::Result<()> {
    let old_id = key_id(&args.key.key_id)?;
    refuse_without_reader()?;
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
    // A name that was stored before such names were refused may have what no list shows.
    let name: String = old.name.chars().filter(|c| is_visible(*c)).collect();
    let is_blank = name.trim().is_empty();
    let wanted = Wanted {
        name: if is_blank { old_id.as_str() } else { &name },
        rate_limit,
        expires_at,
    };
    // First: the old key is as it was until the new one is known.
    issue(&keys, &wanted, args.key.table.output).await?;
    if rate_limit != old.rate_limit_per_minute {
        output::progress(format_args!(
            "the new key's limit is {most} requests a minute: no more can be counted for one key"
        ));
    }
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

/// The properties of a key that is to be created.
struct Wanted<'a> {
    name: &'a str,
    rate_limit: Option<NonZeroU32>,
    expires_at: Option<Timestamp>,
}

impl Wanted<'_> {
    /// Draws an id and a secret.
    fn draw(&self) -> Result<NewApiKey, Failure> {
        let mut key =
            NewApiKey::generate(self.name, Timestamp::now()).map_err(|error| unusable(&error))?;
        key.record.rate_limit_per_minute = self.rate_limit;
        key.record.expires_at = self.expires_at;
        Ok(key)
    }
}

/// Refuses to create a key that nothing would read: stdout is a pipe without a reader, or
/// `/dev/null`, which is also what a closed stdout becomes.
#[expect(clippy::disallowed_methods, reason = "nothing is printed")]
fn refuse_without_reader() -> anyhow::Result<()> {
    let stdout = std::io::stdout();
    let mut polled = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
    poll(&mut polled, PollTimeout::ZERO).context("looking for a reader of stdout")?;
    let lost = PollFlags::POLLERR | PollFlags::POLLHUP | PollFlags::POLLNVAL;
    let [polled] = polled;
    let is_lost = polled
        .revents()
        .is_some_and(|events| events.intersects(lost));
    if is_lost || leads_nowhere()? {
        return Err(Failure::new(
            "no key was created: nothing reads stdout, where it is shown once",
        )
        .hint("run the command at a terminal, or pipe it into a program that keeps the key")
        .into());
    }
    Ok(())
}

/// Returns true if stdout is `/dev/null`.
#[expect(clippy::disallowed_methods, reason = "nothing is printed")]
fn leads_nowhere() -> anyhow::Result<bool> {
    let stdout = std::io::stdout().as_fd().try_clone_to_owned();
    let stdout = stdout.map(File::from).and_then(|stdout| stdout.metadata());
    let stdout = stdout.context("looking at stdout")?;
    let nowhere = std::fs::metadata("/dev/null");
    Ok(stdout.file_type().is_char_device()
        && nowhere.is_ok_and(|nowhere| nowhere.rdev() == stdout.rdev()))
}

/// The failure of one attempt.
struct NotIssued {
    failure: Failure,
    may_be_stored: bool,
}

/// Stores a key and shows it. If it cannot be shown, or the command is interrupted, the
/// key is removed again.
async fn issue(keys: &Keys<'_>, wanted: &Wanted<'_>, format: OutputFormat) -> anyhow::Result<()> {
    let interrupt = Interrupt::listen(|| -> Infallible {
        let stopped = Failure::new("stopped at once: a key that was not shown may be left")
            .hint("`cargo xtask keys list` shows it as the newest one");
        failure::print(&stopped.into());
        std::process::exit(i32::from(Exit::Failed.code()))
    });
    for _ in 0..ATTEMPTS {
        let key = wanted.draw()?;
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
        "could not create a key in {}: every id drawn was taken",
        keys.table
    ))
    .into())
}

async fn store_and_show(
    keys: &Keys<'_>,
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

/// Stores a key. If an answer was lost, the SDK's next attempt finds the id taken, by the
/// same key.
async fn store(keys: &Keys<'_>, key: &NewApiKey) -> Result<Created, StoreError> {
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
        // Of several attempts, this is the last one's error: an earlier one may have been stored.
        StoreError::Timeout { .. }
        | StoreError::NotConnected { .. }
        | StoreError::Unreachable { .. }
        | StoreError::Throttled { .. } => true,
        StoreError::Refused { code, .. } => code == "InternalServerError",
        StoreError::TableNotFound { .. }
        | StoreError::MalformedItem { .. }
        | StoreError::Unstorable { .. } => false,
    }
}

/// Removes a key that was not shown, and puts the outcome into the failure.
async fn remove(keys: &Keys<'_>, key: &NewApiKey, failure: &Failure) -> Failure {
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
            "{failure}; the key {id} may be left in {}, because it could not be removed: {error}",
            keys.table
        ))
        .hint(format!(
            "`cargo xtask keys delete {id} --env {}` removes it",
            keys.args.environment
        )),
    }
}

/// The end of 9999 at most.
fn after(now: Timestamp, duration: Duration) -> Timestamp {
    now.plus_seconds(u32::try_from(duration.as_secs()).unwrap_or(u32::MAX))
}

/// Shows a key. It is alone on stdout, so that a script can read it from there.
///
/// # Errors
///
/// If the key does not reach its reader.
fn show(key: &NewApiKey, format: OutputFormat) -> anyhow::Result<()> {
    let raw = key.raw.reveal();
    let expires_at = key.record.expires_at;
    if let Some(end) = expires_at {
        output::progress(format_args!("the new key is accepted until {end}"));
    }
    match format {
        OutputFormat::Text => {
            output::deliver(&format!("{raw}\n"))?;
            output::progress("keep it safe: it is not stored and cannot be shown again");
            Ok(())
        }
        OutputFormat::Json => output::deliver(&output::to_json_line(&Printed {
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
