//! The table of an environment's keys, and the explanation of its errors.

use shared::api_key::{ApiKey, KeyId};
use shared::error::StoreError;
use shared::store::{ApiStore as _, Changed, Store};
use xtask::cloud::KeysTableArgs;
use xtask::failure::Failure;

use crate::aws::Aws;
use crate::aws::renewal::Renewal;
use crate::aws_error::{ErrorResponse, Kind};

pub(super) struct KeysTable<'a> {
    pub(super) args: &'a KeysTableArgs,
    pub(super) name: String,
    pub(super) store: Store,
    renewal: Option<Renewal>,
}

impl<'a> KeysTable<'a> {
    pub(super) async fn to_read(args: &'a KeysTableArgs) -> anyhow::Result<Self> {
        Ok(Self::new(args, &Aws::to_read(&args.aws).await?))
    }

    pub(super) async fn to_change(args: &'a KeysTableArgs) -> anyhow::Result<Self> {
        let settings = args.environment.settings();
        let aws = Aws::to_change_data(&args.aws, &settings).await?;
        Ok(Self::new(args, &aws))
    }

    pub(super) fn new(args: &'a KeysTableArgs, aws: &Aws) -> Self {
        let name = infra::names::table(args.environment);
        let store = Store::new(aws.dynamodb(), &name);
        KeysTable {
            args,
            name,
            store,
            renewal: aws.renewal().cloned(),
        }
    }

    /// Reads a key that must exist.
    pub(super) async fn find(&self, key_id: &KeyId) -> Result<ApiKey, Failure> {
        let found = self.store.api_key(key_id).await;
        found
            .map_err(|error| self.explain("read a key", &error))?
            .ok_or_else(|| self.not_found(key_id))
    }

    /// Fails if a key was not changed, according to the store's answer.
    pub(super) fn check_changed(
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

    pub(super) fn not_found(&self, key_id: &KeyId) -> Failure {
        Failure::new(format!("{} has no key {key_id}", self.name)).hint(format!(
            "run `cargo xtask keys list --env {}` to list the keys",
            self.args.environment
        ))
    }

    /// Explains an error; `attempted` completes "could not ... in the table".
    pub(super) fn explain(&self, attempted: &str, error: &StoreError) -> Failure {
        let attempted = format!("{attempted} in {}", self.name);
        let failure = Failure::new(format!("could not {attempted}: {error}"));
        match error {
            StoreError::TableNotFound { .. } => failure.hint(format!(
                "deploy first (`cargo xtask deploy --env {}`), or pass the --region or --endpoint-url of the table; for a deleted table, see docs/operating.md#replace-a-deleted-table",
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
                renewal: self.renewal.as_ref(),
            }
            .explain(&attempted),
            StoreError::MalformedItem { .. } => {
                failure.hint("delete the key, and create another one")
            }
        }
    }
}

/// Parses a key's id, whose form the argument parser has already checked.
pub(crate) fn key_id(text: &str) -> Result<KeyId, Failure> {
    KeyId::parse(text).ok_or_else(|| Failure::usage("a key's id has 12 letters and digits"))
}
