//! `cargo xtask keys list` and `show`: the keys without their secrets.

use std::num::NonZeroU32;

use serde::Serialize;
use shared::api_key::ApiKey;
use shared::store::Listed;
use shared::timestamp::Timestamp;
use xtask::cloud::{KeysKeyArgs, KeysTableArgs};
use xtask::options::OutputFormat;
use xtask::output;

use super::table::{KeysTable, key_id};
use crate::report::print_event;
use crate::table;

const HEADINGS: [&str; 7] = [
    "KEY ID",
    "NAME",
    "STATE",
    "CREATED",
    "LAST USED",
    "EXPIRES",
    "LIMIT",
];

/// A key without its secret. For a malformed key, every member except `keyId` and `state` is null.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyRow<'a> {
    key_id: &'a str,
    /// The name that the operator gave the key.
    name: Option<&'a str>,
    /// `enabled`, `disabled`, `expired` or `malformed`.
    state: &'static str,
    /// The time at which the key was created.
    created_at: Option<Timestamp>,
    /// The time of the last request; null if the key was never used.
    last_used_at: Option<Timestamp>,
    /// The time at which the key expires; null if it does not.
    expires_at: Option<Timestamp>,
    /// The requests per minute that the key may send; null if the environment's limit applies.
    rate_limit_per_minute: Option<NonZeroU32>,
}

impl<'a> KeyRow<'a> {
    fn new(key: &'a ApiKey, now: Timestamp) -> Self {
        let state = if !key.enabled {
            "disabled"
        } else if key.expires_at.is_some_and(|end| end <= now) {
            "expired"
        } else {
            "enabled"
        };
        Self {
            key_id: key.key_id.as_str(),
            name: Some(&key.name),
            state,
            created_at: Some(key.created_at),
            last_used_at: key.last_used_at,
            expires_at: key.expires_at,
            rate_limit_per_minute: key.rate_limit_per_minute,
        }
    }

    /// Returns the row of an item that cannot be read as a key.
    fn malformed(key_id: &'a str) -> Self {
        Self {
            key_id,
            name: None,
            state: "malformed",
            created_at: None,
            last_used_at: None,
            expires_at: None,
            rate_limit_per_minute: None,
        }
    }

    fn cells(&self) -> [String; 7] {
        // Only a malformed key has no `created_at`. Except for id and state, its cells are `-`.
        let cell = |value: Option<String>, none: &str| match value {
            _ if self.created_at.is_none() => "-".to_owned(),
            value => value.unwrap_or_else(|| none.to_owned()),
        };
        let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
        let limit = self.rate_limit_per_minute.map(|limit| limit.to_string());
        [
            self.key_id.to_owned(),
            cell(self.name.map(ToOwned::to_owned), "-"),
            self.state.to_owned(),
            cell(time(self.created_at), "-"),
            cell(time(self.last_used_at), "never"),
            cell(time(self.expires_at), "never"),
            cell(limit, "default"),
        ]
    }
}

/// Prints every key. A malformed key is listed too, with a warning that names the reason.
pub(super) async fn list(args: &KeysTableArgs) -> anyhow::Result<()> {
    let keys = KeysTable::to_read(args).await?;
    let listed = keys.store.list_api_keys().await;
    let listed = listed.map_err(|error| keys.explain("list the keys", &error))?;
    if listed.is_empty() {
        output::progress(format_args!("{} has no keys", keys.name));
        return Ok(());
    }
    let now = Timestamp::now();
    let rows: Vec<_> = listed
        .iter()
        .map(|listed| match listed {
            Listed::Key(key) => {
                warn_of_limit(key);
                KeyRow::new(key, now)
            }
            Listed::Malformed { key_id, error } => {
                output::progress(format_args!(
                    "warning: {key_id} cannot be used: {error}; delete it, and create another one"
                ));
                KeyRow::malformed(key_id)
            }
        })
        .collect();
    print(&rows, args.output)
}

pub(super) async fn show(args: &KeysKeyArgs) -> anyhow::Result<()> {
    let key_id = key_id(&args.key_id)?;
    let key = KeysTable::to_read(&args.table).await?.find(&key_id).await?;
    warn_of_limit(&key);
    print(&[KeyRow::new(&key, Timestamp::now())], args.table.output)
}

/// Warns of a limit that is too high to count. Another program, or an earlier version of this
/// program, may have stored such a limit.
fn warn_of_limit(key: &ApiKey) {
    let most = contract::MAX_REQUESTS_PER_MINUTE;
    if let Some(limit) = key.rate_limit_per_minute.filter(|limit| *limit > most) {
        let id = &key.key_id;
        output::progress(format_args!(
            "warning: the limit of {id} is {limit} requests a minute, and at most {most} can be \
             counted; further requests get 503 and not 429. `cargo xtask keys rotate {id}` \
             creates a key with a limit of {most}"
        ));
    }
}

fn print(rows: &[KeyRow<'_>], format: OutputFormat) -> anyhow::Result<()> {
    match format {
        OutputFormat::Json => rows.iter().try_for_each(print_event),
        OutputFormat::Text => output::text(&text(rows)),
    }
}

fn text(rows: &[KeyRow<'_>]) -> String {
    let headings = std::iter::once(HEADINGS.map(str::to_owned));
    table::text(headings.chain(rows.iter().map(KeyRow::cells)))
}

/// Formats keys as `list` does.
pub(super) fn table_of(keys: &[&ApiKey]) -> String {
    let now = Timestamp::now();
    let rows: Vec<_> = keys.iter().map(|key| KeyRow::new(key, now)).collect();
    text(&rows)
}

#[cfg(test)]
mod tests {
    use shared::api_key::NewApiKey;

    use super::*;
    use crate::report::tests::{Example, line};

    impl Example for KeyRow<'_> {
        fn examples() -> Vec<String> {
            let at = |text| Timestamp::parse(text).ok();
            vec![
                line(&KeyRow {
                    key_id: "4fKq7ZpR2mXa",
                    name: Some("watch"),
                    state: "enabled",
                    created_at: at("2026-01-15T10:30:00Z"),
                    last_used_at: at("2026-01-16T08:00:00Z"),
                    expires_at: None,
                    rate_limit_per_minute: NonZeroU32::new(50),
                }),
                line(&KeyRow::malformed("8sWc3LtY9vBe")),
            ]
        }
    }

    #[test]
    fn a_table_has_one_line_per_key_and_aligned_columns() {
        let now = Timestamp::parse("2026-01-15T10:30:00Z").unwrap();
        let mut keys = ["wrist", "a watch with a long name", "\u{20bf}"]
            .map(|name| NewApiKey::generate(name, now).unwrap().record);
        keys[0].expires_at = Some(now);
        keys[1].enabled = false;
        keys[2].last_used_at = Some(now);
        keys[2].rate_limit_per_minute = NonZeroU32::new(7);
        let mut rows: Vec<_> = keys.iter().map(|key| KeyRow::new(key, now)).collect();
        for row in &mut rows {
            row.key_id = "0123456789AB";
        }
        rows.push(KeyRow::malformed("x"));
        let lines: Vec<_> = [HEADINGS.map(str::to_owned)]
            .into_iter()
            .chain(rows.iter().map(KeyRow::cells))
            .collect();
        let expected = "\
KEY ID        NAME                      STATE      CREATED               LAST USED             EXPIRES               LIMIT
0123456789AB  wrist                     expired    2026-01-15T10:30:00Z  never                 2026-01-15T10:30:00Z  default
0123456789AB  a watch with a long name  disabled   2026-01-15T10:30:00Z  never                 never                 default
0123456789AB  \u{20bf}                         enabled    2026-01-15T10:30:00Z  2026-01-15T10:30:00Z  never                 7
x             -                         malformed  -                     -                     -                     -
";
        assert_eq!(table::text(lines), expected);
    }
}
