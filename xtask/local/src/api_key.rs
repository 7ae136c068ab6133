//! An API key for whoever runs the command.

use anyhow::Context as _;
use shared::api_key::{NewApiKey, RawApiKey};
use shared::client::{ClientConfig, dynamodb_client};
use shared::store::Store;
use shared::timestamp::Timestamp;

/// Creates a key in the table that answers at `endpoint`.
pub(crate) async fn create(endpoint: &str, table: &str, name: &str) -> anyhow::Result<RawApiKey> {
    let client = dynamodb_client(&ClientConfig::emulator(endpoint))?;
    let key = NewApiKey::generate(name, Timestamp::now())?;
    // Two keys never share an id: of 12 random letters and digits there are 3e21.
    Store::new(client, table)
        .create_api_key(&key.record)
        .await
        .context("creating an API key")?;
    Ok(key.raw)
}
