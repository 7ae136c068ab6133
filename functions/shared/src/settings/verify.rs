//! The verify function's settings.

use contract::environment::VerifyEnvironment;

use super::read::{log_level, required};
use super::{LogLevel, SettingsError};

/// The verify function's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifySettings {
    /// ARN of the version of the API function that is tried.
    pub api_version_arn: String,
    /// How much is logged.
    pub log_level: LogLevel,
}

impl VerifySettings {
    /// Reads the variables of the verify function through `lookup`.
    ///
    /// # Errors
    ///
    /// The first variable that is missing or means nothing.
    pub fn read(lookup: impl FnMut(&'static str) -> Option<String>) -> Result<Self, SettingsError> {
        let values = VerifyEnvironment::read(lookup);
        let names = VerifyEnvironment::<String>::NAMES;
        Ok(Self {
            api_version_arn: required(names.api_version_arn, values.api_version_arn)?,
            log_level: log_level(names.log_level, values.log_level)?,
        })
    }
}
