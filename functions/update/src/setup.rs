//! From the process environment to an updater that is ready to run.

use std::path::Path;

use contract::environment::UpdateEnvironment;
use lambda_runtime::Error;
use shared::client::dynamodb_from_environment;
use shared::settings::{UpdateSettings, process_environment};
use shared::store::Store;
use shared::telemetry;
use shared::timestamp::Timestamp;

use crate::client::{SSL_CERT_FILE, client};
use crate::fetch::Limits;
use crate::provider::{CoinGecko, CoinPaprika};
use crate::run::Updater;
use crate::settings::provider_base;
use crate::sources::Source;

/// Reads the settings, starts the log and makes the clients. Nothing is sent yet.
///
/// # Errors
///
/// A setting or a client that keeps the function from starting.
pub fn updater() -> Result<Updater<Store>, Error> {
    let settings = UpdateSettings::read(process_environment)?;
    telemetry::init(settings.log_level);
    let sources = sources(&settings)?;
    Ok(Updater {
        environment: settings.environment,
        symbols: settings.supported,
        sources,
        store: Store::new(dynamodb_from_environment()?, settings.table_name),
        clock: Timestamp::now,
    })
}

/// The providers that the settings name, in the order in which they are asked.
///
/// # Errors
///
/// A setting from which no provider or client can be made.
pub fn sources(settings: &UpdateSettings) -> Result<Vec<Source>, Error> {
    let names = UpdateEnvironment::<String>::NAMES;
    let certificates = process_environment(SSL_CERT_FILE);
    let certificates = certificates.as_deref().map(Path::new);

    let key = settings.external_api_key.as_ref();
    let base = provider_base(names.external_api_url, &settings.external_api_url, key)?;
    let mut sources = vec![Source {
        provider: Box::new(CoinGecko::new(&base, key)?),
        client: client(&base, certificates)?,
        limits: match settings.second_api_url {
            None => Limits::PROVIDER,
            Some(_) => Limits::FIRST,
        },
    }];
    if let Some(url) = &settings.second_api_url {
        let key = settings.second_api_key.as_ref();
        let base = provider_base(names.second_api_url, url, key)?;
        sources.push(Source {
            provider: Box::new(CoinPaprika::new(&base, key)?),
            client: client(&base, certificates)?,
            limits: Limits::SECOND,
        });
    }
    Ok(sources)
}
