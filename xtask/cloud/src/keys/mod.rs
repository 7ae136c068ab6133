//! `cargo xtask keys`: the API keys of an environment.

mod changed;
mod create;
mod read;
mod restore;
mod table;
mod usage;

use shared::error::StoreError;
use shared::store::ApiStore as _;
use xtask::cloud::{KeysCommand, KeysDeleteArgs, KeysKeyArgs};

use crate::confirm::Question;
use table::KeysTable;
pub(crate) use table::key_id;
#[cfg(test)]
pub(crate) use {changed::ChangedKey, create::CreatedKey, read::KeyRow, usage::KeyUsage};

pub(crate) async fn run(command: &KeysCommand) -> anyhow::Result<()> {
    match command {
        KeysCommand::Create(args) => create::create(args).await,
        KeysCommand::List(args) => read::list(args).await,
        KeysCommand::Show(args) => read::show(args).await,
        KeysCommand::Restore(args) => restore::restore(args).await,
        KeysCommand::Usage(args) => usage::usage(args).await,
        KeysCommand::Disable(args) => set_enabled(args, false).await,
        KeysCommand::Enable(args) => set_enabled(args, true).await,
        KeysCommand::Rotate(args) => create::rotate(args).await,
        KeysCommand::Delete(args) => delete(args).await,
    }
}

async fn set_enabled(args: &KeysKeyArgs, enabled: bool) -> anyhow::Result<()> {
    let key_id = key_id(&args.key_id)?;
    let keys = KeysTable::to_change(&args.table).await?;
    let (attempted, state) = if enabled {
        ("enable a key", "enabled")
    } else {
        ("disable a key", "disabled")
    };
    let answer = keys.store.set_api_key_enabled(&key_id, enabled).await;
    keys.check_changed(attempted, &key_id, answer)?;
    changed::print(&args.table, key_id.as_str(), state)
}

async fn delete(args: &KeysDeleteArgs) -> anyhow::Result<()> {
    let key_id = key_id(&args.key.key_id)?;
    let keys = KeysTable::to_change(&args.key.table).await?;
    let name = match keys.store.api_key(&key_id).await {
        Ok(Some(key)) => key.name,
        Ok(None) => return Err(keys.not_found(&key_id).into()),
        // A malformed key can only be deleted.
        Err(StoreError::MalformedItem { .. }) => "malformed".to_owned(),
        Err(error) => return Err(keys.explain("read a key", &error).into()),
    };
    let environment = args.key.table.environment;
    let text = format!("Delete the key {key_id} ({name}) of {environment} permanently?");
    let question = Question::before_changing(environment, text);
    question.agreed(args.yes, "no key was deleted").await?;
    let answer = keys.store.delete_api_key(&key_id).await;
    keys.check_changed("delete a key", &key_id, answer)?;
    changed::print(&args.key.table, key_id.as_str(), "deleted")
}
