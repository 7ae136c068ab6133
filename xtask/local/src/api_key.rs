//! An API key for whoever runs the command.

use shared::api_key::{NewApiKey, RawApiKey};
use shared::client::{ClientConfig, dynamodb_client};
use shared::store::Store;
use shared::timestamp::Timestamp;
use xtask::failure::Failure;

/// Creates a key in the table that answers at `endpoint`.
pub(crate) async fn create(endpoint: &str, table: &str, name: &str) -> anyhow::Result<RawApiKey> {
    let client = dynamodb_client(&ClientConfig::emulator(endpoint))?;
    let key = NewApiKey::generate(name, Timestamp::now())?;
    // Two keys never share an id: of 12 random letters and digits there are 3e21.
    let created = Store::new(client, table).create_api_key(&key.record).await;
    created.map_err(|error| {
        Failure::new(format!("could not use the table at {endpoint}: {error}"))
            .hint("--table-endpoint takes what a running `cargo xtask local` prints as Table")
    })?;
    Ok(key.raw)
}
