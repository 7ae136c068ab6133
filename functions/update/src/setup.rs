//! Setup: creates the updater from the environment variables.

use std::path::Path;

use contract::environment::UpdateEnvironment;
use lambda_runtime::Error;
use reqwest::Url;
use shared::client::dynamodb_from_environment;
use shared::settings::{ExternalApiKey, SettingsError, UpdateSettings, process_environment};
use shared::store::Store;
use shared::telemetry;
use shared::timestamp::Timestamp;

use crate::client::{SSL_CERT_FILE, client, is_loopback};
use crate::fetch::{Limits, Source};
use crate::provider::{CoinGecko, CoinPaprika};
use crate::run::Updater;

/// Reads the settings, starts the log and creates the clients. Sends nothing.
///
/// # Errors
///
/// An invalid setting, or a client that cannot be created.
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

/// Creates the configured providers, in the order in which they are called.
pub fn sources(settings: &UpdateSettings) -> Result<Vec<Source>, Error> {
    let names = UpdateEnvironment::NAMES;
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

/// Parses a provider's base URL. `text` is the value of `variable`, and `key` is sent with every
/// call.
///
/// # Errors
///
/// The text is not an HTTP URL, or the key would be sent unencrypted. A URL with a user, a
/// password, a query or a fragment is also refused, because these parts would appear in logs. The
/// error does not contain the text, which may contain a key.
fn provider_base(
    variable: &'static str,
    text: &str,
    key: Option<&ExternalApiKey>,
) -> Result<Url, SettingsError> {
    let refuse = |expected| SettingsError::InvalidSecret { variable, expected };
    let url = Url::parse(text).map_err(|_| refuse("a URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refuse("a URL that begins with https:// or http://"));
    }
    if key.is_some() && url.scheme() == "http" && !is_loopback(&url) {
        return Err(refuse(
            "a URL that begins with https://, because a key is sent to it",
        ));
    }
    let is_plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if is_plain {
        Ok(url)
    } else {
        Err(refuse(
            "a URL without user, password, query and fragment (the key has its own variable)",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_an_http_url_with_any_port_and_path() {
        for text in [
            "https://api.coingecko.com/api/v3",
            "http://127.0.0.1:9000",
            "http://[::1]:9000/feed/",
        ] {
            assert!(
                provider_base("SECOND_API_URL", text, None).is_ok(),
                "{text}"
            );
        }
    }

    #[test]
    fn a_key_is_sent_encrypted_or_to_a_loopback_address() {
        let variables = |name| match name {
            "DYNAMODB_TABLE_NAME" => Some("table".to_owned()),
            "ENVIRONMENT" => Some("dev".to_owned()),
            "EXTERNAL_API_KEY" => Some("hush".to_owned()),
            _ => None,
        };
        let settings = UpdateSettings::read(variables).unwrap();
        let key = settings.external_api_key.as_ref();
        for text in [
            "https://example.com",
            "http://127.0.0.1:9000",
            "http://[::1]:9000",
            "http://localhost:9000",
        ] {
            assert!(
                provider_base("EXTERNAL_API_URL", text, key).is_ok(),
                "{text}"
            );
        }
        for text in [
            "http://example.com",
            "HTTP://EXAMPLE.COM",
            "http://127.0.0.1.example.com",
            "http://10.0.0.1",
        ] {
            let error = provider_base("EXTERNAL_API_URL", text, key).unwrap_err();
            assert_eq!(
                error.to_string(),
                "EXTERNAL_API_URL must be a URL that begins with https://, because a key is sent to it"
            );
            assert!(
                provider_base("EXTERNAL_API_URL", text, None).is_ok(),
                "{text}"
            );
        }
    }

    #[test]
    fn the_error_of_an_invalid_base_url_has_its_variable_and_no_secret() {
        for text in [
            "",
            "hush",
            "https://",
            "ftp://hush.example.com",
            "https://user:hush@example.com",
            "https://hush@example.com",
            "https://example.com/api?x_cg_demo_api_key=hush",
            "https://example.com/api#hush",
        ] {
            let error = provider_base("EXTERNAL_API_URL", text, None).unwrap_err();
            assert!(
                error.to_string().starts_with("EXTERNAL_API_URL must be"),
                "{error}"
            );
            assert!(!error.to_string().contains("hush"), "{error}");
            assert!(!format!("{error:?}").contains("hush"), "{error:?}");
        }
    }
}
