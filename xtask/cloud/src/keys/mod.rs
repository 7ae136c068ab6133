//! `cargo xtask keys`: the keys that open the API, one file a way to use them.

use shared::api_key::{ApiKey, KeyId};
use shared::error::StoreError;
use shared::store::{ApiStore as _, Changed, Store};
use xtask::cloud::{KeysCommand, KeysTableArgs};
use xtask::failure::Failure;

use crate::aws::Aws;
use crate::aws_error::{self, Kind, Refusal};

mod change;
mod create;
mod read;

/// Runs one command.
pub(crate) async fn run(command: &KeysCommand) -> anyhow::Result<()> {
    match command {
        KeysCommand::Create(args) => create::create(args).await,
        KeysCommand::List(args) => read::list(args).await,
        KeysCommand::Show(args) => read::show(args).await,
        KeysCommand::Disable(args) => change::set_enabled(args, false).await,
        KeysCommand::Enable(args) => change::set_enabled(args, true).await,
        KeysCommand::Rotate(args) => create::rotate(args).await,
        KeysCommand::Delete(args) => change::delete(args).await,
    }
}

/// The table of one environment, and how its errors are put.
struct Keys<'a> {
    args: &'a KeysTableArgs,
    table: String,
    store: Store,
}

impl<'a> Keys<'a> {
    /// Opens the table for a command that changes no key.
    async fn to_read(args: &'a KeysTableArgs) -> anyhow::Result<Self> {
        Ok(Self::of(args, &Aws::to_read(&args.aws).await?))
    }

    /// Opens the table for a command that changes keys.
    async fn to_change(args: &'a KeysTableArgs) -> anyhow::Result<Self> {
        let settings = args.environment.settings();
        let aws = Aws::to_change_data(&args.aws, &settings).await?;
        Ok(Self::of(args, &aws))
    }

    fn of(args: &'a KeysTableArgs, aws: &Aws) -> Self {
        let table = infra::names::table(args.environment);
        let store = Store::new(aws.dynamodb(), &table);
        Self { args, table, store }
    }

    /// The key of an id, or the error that there is none.
    async fn find(&self, key_id: &KeyId) -> Result<ApiKey, Failure> {
        let found = self.store.api_key(key_id).await;
        found
            .map_err(|error| self.explain("read a key", &error))?
            .ok_or_else(|| self.unknown(key_id))
    }

    /// Turns the answer to a change of one key into success or its error.
    fn changed(
        &self,
        attempted: &str,
        key_id: &KeyId,
        answer: Result<Changed, StoreError>,
    ) -> Result<(), Failure> {
        match answer {
            Ok(Changed::Changed) => Ok(()),
            Ok(Changed::NoSuchKey) => Err(self.unknown(key_id)),
            Err(error) => Err(self.explain(attempted, &error)),
        }
    }

    fn unknown(&self, key_id: &KeyId) -> Failure {
        Failure::new(format!("{} has no key {key_id}", self.table)).hint(format!(
            "`cargo xtask keys list --env {}` lists them",
            self.args.environment
        ))
    }

    /// Explains an error; `attempted` completes "could not ... in the table".
    fn explain(&self, attempted: &str, error: &StoreError) -> Failure {
        let attempted = format!("{attempted} in {}", self.table);
        let failure = Failure::new(format!("could not {attempted}: {error}"));
        match error {
            StoreError::TableNotFound { .. } => failure.hint(format!(
                "deploy first (`cargo xtask deploy --env {}`), or give the --region or --endpoint-url where the table is",
                self.args.environment
            )),
            StoreError::NotConnected { .. }
            | StoreError::Unreachable { .. }
            | StoreError::Timeout { .. } => {
                failure.hint("check the network, --region and --endpoint-url, then try again")
            }
            StoreError::Throttled { .. } => failure.hint(aws_error::hint(Kind::Throttled)),
            StoreError::Refused { code, message, .. } => Refusal {
                code: Some(code),
                message: Some(message),
                status: 400,
                date: None,
            }
            .explain(&attempted),
            StoreError::MalformedItem { .. } => {
                failure.hint("delete the key, and create another in its place")
            }
            StoreError::Unstorable { .. } => failure,
        }
    }
}

/// The id that the command line has checked already.
fn key_id(text: &str) -> Result<KeyId, Failure> {
    KeyId::parse(text).ok_or_else(|| Failure::usage("a key's id has 12 letters and digits"))
}
