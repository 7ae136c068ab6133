//! From the process environment to an updater that is ready to run.

use std::path::Path;

use lambda_runtime::Error;
use shared::client::{ClientConfig, dynamodb_client};
use shared::settings::{UpdateSettings, process_environment};
use shared::store::Store;
use shared::telemetry;
use shared::timestamp::Timestamp;

use crate::client::{SSL_CERT_FILE, client};
use crate::provider::CoinGecko;
use crate::retry::Limits;
use crate::run::Updater;
use crate::settings::provider_base;

/// Reads the settings, starts the log and makes the clients. Nothing is sent yet.
///
/// # Errors
///
/// A setting or a client that keeps the function from starting.
pub fn updater() -> Result<Updater<Store>, Error> {
    let settings = UpdateSettings::read(process_environment)?;
    telemetry::init(settings.log_level);
    let base = provider_base(&settings.external_api_url)?;
    let certificates = process_environment(SSL_CERT_FILE);
    let dynamodb = dynamodb_client(&ClientConfig::from_environment(process_environment)?)?;
    Ok(Updater {
        environment: settings.environment,
        symbols: settings.supported,
        provider: Box::new(CoinGecko::new(&base, settings.external_api_key.as_ref())?),
        client: client(&base, certificates.as_deref().map(Path::new))?,
        limits: Limits::PROVIDER,
        store: Store::new(dynamodb, settings.table_name),
        clock: Timestamp::now,
    })
}
