//! The verify function's settings, for each of its two modes.

use contract::environment::VerifyEnvironment;
use hyper::Uri;

use super::read::{environment_name, log_level, required};
use super::{LogLevel, SettingsError};

/// Settings of the pre-traffic check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifySettings {
    /// The table's name.
    pub table_name: String,
    /// ARN of the version of the API function that is tried.
    pub api_version_arn: String,
    /// How much is logged.
    pub log_level: LogLevel,
}

impl VerifySettings {
    /// Reads the variables of the pre-traffic check through `lookup`.
    ///
    /// # Errors
    ///
    /// The first variable that is missing or invalid.
    pub fn read(lookup: impl FnMut(&'static str) -> Option<String>) -> Result<Self, SettingsError> {
        let values = VerifyEnvironment::read(lookup);
        let names = VerifyEnvironment::<String>::NAMES;
        Ok(Self {
            table_name: required(names.dynamodb_table_name, values.dynamodb_table_name)?,
            api_version_arn: required(names.api_version_arn, values.api_version_arn)?,
            log_level: log_level(names.log_level, values.log_level)?,
        })
    }
}

/// Settings of the probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeSettings {
    /// The table's name.
    pub table_name: String,
    /// Base URL of the API, without a slash at its end.
    pub api_url: String,
    /// The environment's name.
    pub environment: &'static str,
}

impl ProbeSettings {
    /// Reads the variables of the probe through `lookup`.
    ///
    /// # Errors
    ///
    /// The first variable that is missing or invalid.
    pub fn read(lookup: impl FnMut(&'static str) -> Option<String>) -> Result<Self, SettingsError> {
        let values = VerifyEnvironment::read(lookup);
        let names = VerifyEnvironment::<String>::NAMES;
        Ok(Self {
            table_name: required(names.dynamodb_table_name, values.dynamodb_table_name)?,
            api_url: api_url(names.api_url, values.api_url)?,
            environment: environment_name(names.environment, values.environment)?,
        })
    }
}

/// Reads a URL to which an API key may be sent.
fn api_url(variable: &'static str, value: Option<String>) -> Result<String, SettingsError> {
    const LOOPBACK: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];

    let value = required(variable, value)?;
    let uri = value.parse::<Uri>().ok();
    let is_safe = uri.as_ref().is_some_and(|uri| match uri.scheme_str() {
        Some("https") => uri.host().is_some_and(|host| !host.is_empty()),
        Some("http") => uri.host().is_some_and(|host| LOOPBACK.contains(&host)),
        _ => false,
    });
    if is_safe {
        return Ok(value.trim_end_matches('/').to_owned());
    }
    Err(SettingsError::Invalid {
        variable,
        expected: "an https:// URL, or an http:// URL of this machine".to_owned(),
        value,
    })
}
