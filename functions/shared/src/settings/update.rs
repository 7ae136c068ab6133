//! The update function's settings.

use std::fmt;

use contract::environment::UpdateEnvironment;

use super::read::{environment_name, log_level, present, required, supported_symbols};
use super::{LogLevel, SettingsError};
use crate::symbol::SupportedSymbols;

/// The provider's public host, which needs no key.
const DEFAULT_EXTERNAL_API_URL: &str = "https://api.coingecko.com/api/v3";

/// The second provider's public host, which needs no key either.
const DEFAULT_SECOND_API_URL: &str = "https://api.coinpaprika.com/v1";

/// The key for a price provider. It cannot be printed by accident: only
/// [`ExternalApiKey::expose`] gives the text.
#[derive(Clone, PartialEq, Eq)]
pub struct ExternalApiKey(String);

impl ExternalApiKey {
    /// The key's text, for a request's header; visible ASCII.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ExternalApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExternalApiKey(<redacted>)")
    }
}

/// The update function's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateSettings {
    /// The table's name.
    pub table_name: String,
    /// The provider's base URL as it is set: what makes a URL of it is the
    /// update function's HTTP client, and this crate has none.
    pub external_api_url: String,
    /// The key for the provider, where there is one.
    pub external_api_key: Option<ExternalApiKey>,
    /// The second provider's base URL as it is set; none where it is turned off.
    pub second_api_url: Option<String>,
    /// The key for the second provider, where there is one.
    pub second_api_key: Option<ExternalApiKey>,
    /// The coins to fetch.
    pub supported: SupportedSymbols,
    /// The environment's name.
    pub environment: &'static str,
    /// How much is logged.
    pub log_level: LogLevel,
}

impl UpdateSettings {
    /// Reads the variables of the update function through `lookup`.
    ///
    /// # Errors
    ///
    /// The first variable that is missing or means nothing.
    pub fn read(lookup: impl FnMut(&'static str) -> Option<String>) -> Result<Self, SettingsError> {
        let values = UpdateEnvironment::read(lookup);
        let names = UpdateEnvironment::<String>::NAMES;
        Ok(Self {
            table_name: required(names.dynamodb_table_name, values.dynamodb_table_name)?,
            external_api_url: present(values.external_api_url)
                .unwrap_or_else(|| DEFAULT_EXTERNAL_API_URL.to_owned())
                .trim()
                .to_owned(),
            external_api_key: external_api_key(names.external_api_key, values.external_api_key)?,
            second_api_url: second_api_url(values.second_api_url),
            second_api_key: external_api_key(names.second_api_key, values.second_api_key)?,
            supported: supported_symbols(names.supported_symbols, values.supported_symbols)?,
            environment: environment_name(names.environment, values.environment)?,
            log_level: log_level(names.log_level, values.log_level)?,
        })
    }
}

fn second_api_url(value: Option<String>) -> Option<String> {
    let url = present(value).unwrap_or_else(|| DEFAULT_SECOND_API_URL.to_owned());
    let url = url.trim();
    (!url.eq_ignore_ascii_case(contract::NO_SECOND_PROVIDER)).then(|| url.to_owned())
}

fn external_api_key(
    variable: &'static str,
    value: Option<String>,
) -> Result<Option<ExternalApiKey>, SettingsError> {
    let Some(value) = present(value) else {
        return Ok(None);
    };
    let key = value.trim();
    if key.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(Some(ExternalApiKey(key.to_owned())))
    } else {
        Err(SettingsError::InvalidSecret {
            variable,
            expected: "visible ASCII, as an HTTP header can carry it",
        })
    }
}
