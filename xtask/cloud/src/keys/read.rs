//! What is known of the keys, without any secret.

use serde::Serialize;
use shared::api_key::ApiKey;
use shared::timestamp::Timestamp;
use xtask::cloud::{KeysKeyArgs, KeysTableArgs};
use xtask::options::OutputFormat;
use xtask::output;

use super::{Keys, key_id};
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

/// What is printed of a key; null is what it does not have.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    key_id: &'a str,
    name: &'a str,
    state: &'static str,
    created_at: Timestamp,
    last_used_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    rate_limit_per_minute: Option<u32>,
}

impl<'a> Row<'a> {
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
            name: &key.name,
            state,
            created_at: key.created_at,
            last_used_at: key.last_used_at,
            expires_at: key.expires_at,
            rate_limit_per_minute: key.rate_limit_per_minute,
        }
    }

    fn cells(&self) -> [String; 7] {
        fn or(value: Option<impl ToString>, none: &str) -> String {
            value.map_or_else(|| none.to_owned(), |value| value.to_string())
        }
        [
            self.key_id.to_owned(),
            self.name.to_owned(),
            self.state.to_owned(),
            self.created_at.to_string(),
            or(self.last_used_at, "never"),
            or(self.expires_at, "never"),
            or(self.rate_limit_per_minute, "default"),
        ]
    }
}

/// Prints every key.
pub(super) async fn list(args: &KeysTableArgs) -> anyhow::Result<()> {
    let keys = Keys::open(args).await?;
    let listed = keys.store.list_api_keys().await;
    let listed = listed.map_err(|error| keys.explain("list the keys", &error))?;
    if listed.is_empty() {
        output::progress(format_args!("{} has no keys", keys.table));
        return Ok(());
    }
    print(&listed, args.output)
}

/// Prints one key.
pub(super) async fn show(args: &KeysKeyArgs) -> anyhow::Result<()> {
    let key_id = key_id(&args.key_id)?;
    let key = Keys::open(&args.table).await?.find(&key_id).await?;
    print(&[key], args.table.output)
}

fn print(keys: &[ApiKey], format: OutputFormat) -> anyhow::Result<()> {
    let now = Timestamp::now();
    let rows = keys.iter().map(|key| Row::new(key, now));
    match format {
        OutputFormat::Json => rows.into_iter().try_for_each(|row| output::json_line(&row)),
        OutputFormat::Text => {
            let headings = std::iter::once(HEADINGS.map(str::to_owned));
            output::text(&table::text(headings.chain(rows.map(|row| row.cells()))))
        }
    }
}
