//! Readers of single variables; each error names its variable.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use contract::{ENVIRONMENTS, LogLevel};

use super::SettingsError;
use crate::symbol::{SupportedSymbols, SymbolListError};

/// A whole number with a default and bounds.
pub(super) struct Number<T> {
    pub(super) variable: &'static str,
    pub(super) default: T,
    pub(super) range: RangeInclusive<T>,
}

impl<T: Copy + Display + FromStr + PartialOrd> Number<T> {
    pub(super) fn read(&self, value: Option<String>) -> Result<T, SettingsError> {
        let Some(value) = present(value) else {
            return Ok(self.default);
        };
        match value.trim().parse() {
            Ok(number) if self.range.contains(&number) => Ok(number),
            _ => Err(SettingsError::Invalid {
                variable: self.variable,
                expected: format!(
                    "a whole number from {} to {}",
                    self.range.start(),
                    self.range.end()
                ),
                value,
            }),
        }
    }
}

/// The value, unless it is blank.
pub(super) fn present(value: Option<String>) -> Option<String> {
    value.filter(|value| !value.trim().is_empty())
}

pub(super) fn required(
    variable: &'static str,
    value: Option<String>,
) -> Result<String, SettingsError> {
    let value = present(value).ok_or(SettingsError::Missing { variable })?;
    Ok(value.trim().to_owned())
}

pub(super) fn environment_name(
    variable: &'static str,
    value: Option<String>,
) -> Result<&'static str, SettingsError> {
    let value = required(variable, value)?;
    ENVIRONMENTS
        .into_iter()
        .find(|name| *name == value)
        .ok_or_else(|| SettingsError::Invalid {
            variable,
            expected: format!("one of {}", ENVIRONMENTS.join(", ")),
            value,
        })
}

pub(super) fn log_level(
    variable: &'static str,
    value: Option<String>,
) -> Result<LogLevel, SettingsError> {
    let Some(value) = present(value) else {
        return Ok(LogLevel::Info);
    };
    let [debug, info, error] = LogLevel::ALL.map(LogLevel::name);
    LogLevel::ALL
        .into_iter()
        .find(|level| value.trim().eq_ignore_ascii_case(level.name()))
        .ok_or_else(|| SettingsError::Invalid {
            variable,
            expected: format!("{debug}, {info} or {error}"),
            value,
        })
}

pub(super) fn supported_symbols(
    variable: &'static str,
    value: Option<String>,
) -> Result<SupportedSymbols, SettingsError> {
    let Some(value) = present(value) else {
        return Ok(SupportedSymbols::catalogue());
    };
    SupportedSymbols::pick(&value).map_err(|error| SettingsError::Invalid {
        variable,
        expected: match error {
            SymbolListError::Unsupported(unknown) => format!(
                "a list of symbols out of the catalogue, which has no {}",
                unknown.symbols.join(", ")
            ),
            SymbolListError::Empty | SymbolListError::TooMany(_) => {
                "a comma-separated list of symbols out of the catalogue".to_owned()
            }
        },
        value,
    })
}
