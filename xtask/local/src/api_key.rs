//! Creates API keys in a local table.

use std::num::NonZeroU32;

use shared::api_key::{NewApiKey, RawApiKey};
use shared::client::{ClientConfig, dynamodb_client};
use shared::store::Store;
use shared::timestamp::Timestamp;
use xtask::failure::Failure;

/// Creates a key in the table at `endpoint`. `limit` is in requests per minute; without a limit, the
/// API function's setting applies.
pub async fn create(
    endpoint: &str,
    table: &str,
    name: &str,
    limit: Option<NonZeroU32>,
) -> anyhow::Result<RawApiKey> {
    let client = dynamodb_client(&ClientConfig::emulator(endpoint))?;
    let mut key = NewApiKey::generate(name, Timestamp::now())?;
    key.record.rate_limit_per_minute = limit;
    // `Created::AlreadyExists` is ignored: an id is one of 3e21 random values.
    let created = Store::new(client, table).create_api_key(&key.record).await;
    created.map_err(|error| {
        Failure::new(format!("could not use the table at {endpoint}: {error}")).hint(
            "pass --table-endpoint with the URL that a running `cargo xtask local` prints as Table",
        )
    })?;
    Ok(key.raw)
}
