//! `cargo xtask keys`: the API keys of an environment.

mod create;
mod read;

use serde::Serialize;
use shared::api_key::{ApiKey, KeyId};
use shared::error::StoreError;
use shared::store::{ApiStore as _, Changed, Store};
use xtask::cloud::{KeysCommand, KeysDeleteArgs, KeysKeyArgs, KeysTableArgs};
use xtask::failure::Failure;
use xtask::options::OutputFormat;
use xtask::output;

use crate::aws::Aws;
use crate::aws_error::{ErrorResponse, Kind};
use crate::confirm::Question;
use crate::report::print_event;
#[cfg(test)]
pub(crate) use {create::CreatedKey, read::KeyRow};

/// Runs one command.
pub(crate) async fn run(command: &KeysCommand) -> anyhow::Result<()> {
    match command {
        KeysCommand::Create(args) => create::create(args).await,
        KeysCommand::List(args) => read::list(args).await,
        KeysCommand::Show(args) => read::show(args).await,
        KeysCommand::Disable(args) => set_enabled(args, false).await,
        KeysCommand::Enable(args) => set_enabled(args, true).await,
        KeysCommand::Rotate(args) => create::rotate(args).await,
        KeysCommand::Delete(args) => delete(args).await,
    }
}

/// A key that was changed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChangedKey<'a> {
    key_id: &'a str,
    /// `enabled`, `disabled` or `deleted`.
    state: &'a str,
}

/// Enables or disables a key.
async fn set_enabled(args: &KeysKeyArgs, enabled: bool) -> anyhow::Result<()> {
    let key_id = key_id(&args.key_id)?;
    let keys = KeysTable::to_change(&args.table).await?;
    let (attempted, state) = if enabled {
        ("enable a key", "enabled")
    } else {
        ("disable a key", "disabled")
    };
    let answer = keys.store.set_api_key_enabled(&key_id, enabled).await;
    keys.changed(attempted, &key_id, answer)?;
    print(&args.table, key_id.as_str(), state)
}

/// Deletes a key after a confirmation.
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
    keys.changed("delete a key", &key_id, answer)?;
    print(&args.key.table, key_id.as_str(), "deleted")
}

/// Prints the result. The API caches a key for 60 seconds.
fn print(args: &KeysTableArgs, key_id: &str, state: &str) -> anyhow::Result<()> {
    output::progress(format_args!(
        "{key_id} is {state}, effective within 60 seconds"
    ));
    match args.output {
        OutputFormat::Text => Ok(()),
        OutputFormat::Json => print_event(&ChangedKey { key_id, state }),
    }
}

/// The table of an environment's keys.
struct KeysTable<'a> {
    args: &'a KeysTableArgs,
    name: String,
    store: Store,
}

impl<'a> KeysTable<'a> {
    /// Opens the table for a command that changes no key.
    async fn to_read(args: &'a KeysTableArgs) -> anyhow::Result<Self> {
        Ok(Self::new(args, &Aws::to_read(&args.aws).await?))
    }

    /// Opens the table for a command that changes keys.
    async fn to_change(args: &'a KeysTableArgs) -> anyhow::Result<Self> {
        let settings = args.environment.settings();
        let aws = Aws::to_change_data(&args.aws, &settings).await?;
        Ok(Self::new(args, &aws))
    }

    fn new(args: &'a KeysTableArgs, aws: &Aws) -> Self {
        let name = infra::names::table(args.environment);
        let store = Store::new(aws.dynamodb(), &name);
        KeysTable { args, name, store }
    }

    /// Reads a key that must exist.
    async fn find(&self, key_id: &KeyId) -> Result<ApiKey, Failure> {
        let found = self.store.api_key(key_id).await;
        found
            .map_err(|error| self.explain("read a key", &error))?
            .ok_or_else(|| self.not_found(key_id))
    }

    /// Turns the answer to a change of one key into success or a failure.
    fn changed(
        &self,
        attempted: &str,
        key_id: &KeyId,
        answer: Result<Changed, StoreError>,
    ) -> Result<(), Failure> {
        match answer {
            Ok(Changed::Changed) => Ok(()),
            Ok(Changed::NoSuchKey) => Err(self.not_found(key_id)),
            Err(error) => Err(self.explain(attempted, &error)),
        }
    }

    fn not_found(&self, key_id: &KeyId) -> Failure {
        Failure::new(format!("{} has no key {key_id}", self.name)).hint(format!(
            "`cargo xtask keys list --env {}` lists the keys",
            self.args.environment
        ))
    }

    /// Explains an error; `attempted` completes "could not ... in the table".
    fn explain(&self, attempted: &str, error: &StoreError) -> Failure {
        let attempted = format!("{attempted} in {}", self.name);
        let failure = Failure::new(format!("could not {attempted}: {error}"));
        match error {
            StoreError::TableNotFound { .. } => failure.hint(format!(
                "deploy first (`cargo xtask deploy --env {}`), or pass the --region or --endpoint-url of the table",
                self.args.environment
            )),
            StoreError::NotConnected { .. }
            | StoreError::Unreachable { .. }
            | StoreError::Timeout { .. } => failure.hint(Kind::Unreachable.hint()),
            StoreError::Throttled { .. } => failure.hint(Kind::Throttled.hint()),
            StoreError::Refused { code, message, .. } => ErrorResponse {
                code: Some(code),
                message: Some(message),
                status: 400,
                date: None,
            }
            .explain(&attempted),
            StoreError::MalformedItem { .. } => {
                failure.hint("delete the key, and create another one")
            }
        }
    }
}

/// Parses an id, which the command line has checked already.
fn key_id(text: &str) -> Result<KeyId, Failure> {
    KeyId::parse(text).ok_or_else(|| Failure::usage("a key's id has 12 letters and digits"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{Example, line};

    impl Example for ChangedKey<'_> {
        fn examples() -> Vec<String> {
            let (key_id, state) = ("4fKq7ZpR2mXa", "disabled");
            vec![line(&ChangedKey { key_id, state })]
        }
    }
}
