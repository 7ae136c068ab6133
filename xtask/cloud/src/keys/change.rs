//! Changes to a key that exists.

use serde::Serialize;
use shared::error::StoreError;
use shared::store::ApiStore as _;
use xtask::cloud::{KeysDeleteArgs, KeysKeyArgs, KeysTableArgs};
use xtask::options::OutputFormat;
use xtask::output;

use super::{Keys, key_id};
use crate::confirm::Question;

/// What a machine reads of a change.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Printed<'a> {
    key_id: &'a str,
    state: &'a str,
}

/// Enables or disables a key.
pub(super) async fn set_enabled(args: &KeysKeyArgs, enabled: bool) -> anyhow::Result<()> {
    let key_id = key_id(&args.key_id)?;
    let keys = Keys::to_change(&args.table).await?;
    let (attempted, state) = if enabled {
        ("enable a key", "enabled")
    } else {
        ("disable a key", "disabled")
    };
    let answer = keys.store.set_api_key_enabled(&key_id, enabled).await;
    keys.changed(attempted, &key_id, answer)?;
    print(&args.table, key_id.as_str(), state)
}

/// Deletes a key, if the operator means it.
pub(super) async fn delete(args: &KeysDeleteArgs) -> anyhow::Result<()> {
    let key_id = key_id(&args.key.key_id)?;
    let keys = Keys::to_change(&args.key.table).await?;
    let name = match keys.store.api_key(&key_id).await {
        Ok(Some(key)) => key.name,
        Ok(None) => return Err(keys.unknown(&key_id).into()),
        // To delete it is the way out.
        Err(StoreError::MalformedItem { .. }) => "malformed".to_owned(),
        Err(error) => return Err(keys.explain("read a key", &error).into()),
    };
    let environment = args.key.table.environment;
    let text = format!("Delete the key {key_id} ({name}) of {environment} for good?");
    let question = Question::before_changing(environment, text);
    question.agreed(args.yes, "declined").await?;
    let answer = keys.store.delete_api_key(&key_id).await;
    keys.changed("delete a key", &key_id, answer)?;
    print(&args.key.table, key_id.as_str(), "deleted")
}

/// The API remembers a key for as long as is said here.
fn print(args: &KeysTableArgs, key_id: &str, state: &str) -> anyhow::Result<()> {
    output::progress(format_args!(
        "{key_id} is {state}, effective within 60 seconds"
    ));
    match args.output {
        OutputFormat::Text => Ok(()),
        OutputFormat::Json => output::json_line(&Printed { key_id, state }),
    }
}
