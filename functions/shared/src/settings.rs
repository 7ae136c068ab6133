//! Settings of the functions, read from the process environment at start.

use std::fmt::{self, Display};
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::str::FromStr;

use contract::environment::{ApiEnvironment, UpdateEnvironment, VerifyEnvironment};
use contract::{
    ENVIRONMENTS, LogLevel, MAX_CACHE_TTL_SECONDS, MAX_PRICE_AGE_SECONDS, MAX_REQUESTS_PER_MINUTE,
    NO_SECOND_PROVIDER,
};
use hyper::Uri;

use crate::price::FreshnessLimits;
use crate::symbol::{SupportedSymbols, SymbolListError};

const DEFAULT_RATE_LIMIT: NonZeroU32 = NonZeroU32::new(100).expect("100 is not zero");
const DEFAULT_CACHE_TTL_SECONDS: u32 = 300;
const DEFAULT_STALE_GRACE_SECONDS: u32 = 90;
/// Maximum seconds for which a process remembers an API key, and the default. A disabled key
/// works for at most that long.
const MAX_PROCESS_CACHE_SECONDS: u32 = 60;
const DAY_SECONDS: u32 = 24 * 60 * 60;
/// CoinGecko's public host, which needs no key.
const DEFAULT_EXTERNAL_API_URL: &str = "https://api.coingecko.com/api/v3";
/// CoinPaprika's public host, which needs no key.
const DEFAULT_SECOND_API_URL: &str = "https://api.coinpaprika.com/v1";

/// A missing or invalid environment variable, which prevents the start of a function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error("{variable} is not set")]
    Missing { variable: &'static str },
    #[error("{variable} must be {expected}, but is {value:?}")]
    Invalid {
        variable: &'static str,
        /// Description of valid values.
        expected: String,
        value: String,
    },
    /// The invalid value may be a secret, so the error does not contain it.
    #[error("{variable} must be {expected}")]
    InvalidSecret {
        variable: &'static str,
        /// Description of valid values.
        expected: &'static str,
    },
}

/// Settings of the API function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiSettings {
    pub table_name: String,
    /// The limit of API keys that have no limit of their own.
    pub rate_limit_per_minute: NonZeroU32,
    pub freshness: FreshnessLimits,
    /// Seconds for which the process remembers an API key. With 0, the process remembers no
    /// key, and uses remembered prices only while the table cannot be read.
    pub process_cache_seconds: u32,
    pub supported: SupportedSymbols,
    pub environment: &'static str,
    pub log_level: LogLevel,
}

impl ApiSettings {
    pub fn read(lookup: impl FnMut(&'static str) -> Option<String>) -> Result<Self, SettingsError> {
        let values = ApiEnvironment::read(lookup);
        let names = ApiEnvironment::NAMES;
        Ok(Self {
            table_name: required(names.dynamodb_table_name, values.dynamodb_table_name)?,
            rate_limit_per_minute: number(
                names.rate_limit_per_minute,
                values.rate_limit_per_minute,
                DEFAULT_RATE_LIMIT,
                NonZeroU32::MIN..=MAX_REQUESTS_PER_MINUTE,
            )?,
            freshness: FreshnessLimits {
                cache_ttl_seconds: number(
                    names.cache_ttl_seconds,
                    values.cache_ttl_seconds,
                    DEFAULT_CACHE_TTL_SECONDS,
                    1..=MAX_CACHE_TTL_SECONDS,
                )?,
                grace_seconds: number(
                    names.stale_grace_seconds,
                    values.stale_grace_seconds,
                    DEFAULT_STALE_GRACE_SECONDS,
                    0..=DAY_SECONDS,
                )?,
                max_age_seconds: number(
                    names.max_price_age_seconds,
                    values.max_price_age_seconds,
                    MAX_PRICE_AGE_SECONDS,
                    1..=DAY_SECONDS,
                )?,
            },
            process_cache_seconds: number(
                names.process_cache_seconds,
                values.process_cache_seconds,
                MAX_PROCESS_CACHE_SECONDS,
                0..=MAX_PROCESS_CACHE_SECONDS,
            )?,
            supported: supported_symbols(names.supported_symbols, values.supported_symbols)?,
            environment: environment_name(names.environment, values.environment)?,
            log_level: log_level(names.log_level, values.log_level)?,
        })
    }
}

/// The key of a price provider. Only [`ExternalApiKey::expose`] returns the text, so that no log
/// or error prints the key by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct ExternalApiKey(String);

impl ExternalApiKey {
    /// Returns the text of the key for a request's header; visible ASCII.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ExternalApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExternalApiKey(<redacted>)")
    }
}

/// Settings of the update function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateSettings {
    pub table_name: String,
    /// Base URL of the first provider. The update function validates the URL.
    pub external_api_url: String,
    pub external_api_key: Option<ExternalApiKey>,
    /// Base URL of the second provider, not yet validated; `None` turns the provider off.
    pub second_api_url: Option<String>,
    pub second_api_key: Option<ExternalApiKey>,
    pub supported: SupportedSymbols,
    pub environment: &'static str,
    pub log_level: LogLevel,
}

impl UpdateSettings {
    pub fn read(lookup: impl FnMut(&'static str) -> Option<String>) -> Result<Self, SettingsError> {
        let values = UpdateEnvironment::read(lookup);
        let names = UpdateEnvironment::NAMES;
        let second_api_url = text_or(values.second_api_url, DEFAULT_SECOND_API_URL);
        let is_off = second_api_url.eq_ignore_ascii_case(NO_SECOND_PROVIDER);
        Ok(Self {
            table_name: required(names.dynamodb_table_name, values.dynamodb_table_name)?,
            external_api_url: text_or(values.external_api_url, DEFAULT_EXTERNAL_API_URL),
            external_api_key: external_api_key(names.external_api_key, values.external_api_key)?,
            second_api_url: (!is_off).then_some(second_api_url),
            second_api_key: external_api_key(names.second_api_key, values.second_api_key)?,
            supported: supported_symbols(names.supported_symbols, values.supported_symbols)?,
            environment: environment_name(names.environment, values.environment)?,
            log_level: log_level(names.log_level, values.log_level)?,
        })
    }
}

/// Settings of the verify function's pre-traffic check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifySettings {
    pub table_name: String,
    /// ARN of the API function's version that the pre-traffic check calls.
    pub api_version_arn: String,
    pub log_level: LogLevel,
}

impl VerifySettings {
    pub fn read(lookup: impl FnMut(&'static str) -> Option<String>) -> Result<Self, SettingsError> {
        let values = VerifyEnvironment::read(lookup);
        let names = VerifyEnvironment::NAMES;
        Ok(Self {
            table_name: required(names.dynamodb_table_name, values.dynamodb_table_name)?,
            api_version_arn: required(names.api_version_arn, values.api_version_arn)?,
            log_level: log_level(names.log_level, values.log_level)?,
        })
    }
}

/// Settings of the verify function's probe, which requests the public URL every minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeSettings {
    pub table_name: String,
    /// Base URL of the API, without a slash at its end.
    pub api_url: String,
    pub environment: &'static str,
}

impl ProbeSettings {
    pub fn read(lookup: impl FnMut(&'static str) -> Option<String>) -> Result<Self, SettingsError> {
        let values = VerifyEnvironment::read(lookup);
        let names = VerifyEnvironment::NAMES;
        Ok(Self {
            table_name: required(names.dynamodb_table_name, values.dynamodb_table_name)?,
            api_url: api_url(names.api_url, values.api_url)?,
            environment: environment_name(names.environment, values.environment)?,
        })
    }
}

/// Reads an environment variable. Returns `None` for a blank value, because a copied
/// `.env.example` has blank values.
pub fn process_environment(variable: &'static str) -> Option<String> {
    let value = std::env::var_os(variable)?;
    present(Some(value.to_string_lossy().into_owned()))
}

fn present(value: Option<String>) -> Option<String> {
    value.filter(|value| !value.trim().is_empty())
}

fn required(variable: &'static str, value: Option<String>) -> Result<String, SettingsError> {
    let value = present(value).ok_or(SettingsError::Missing { variable })?;
    Ok(value.trim().to_owned())
}

fn text_or(value: Option<String>, default: &str) -> String {
    let value = present(value);
    value.as_deref().unwrap_or(default).trim().to_owned()
}

fn number<T: Display + FromStr + PartialOrd>(
    variable: &'static str,
    value: Option<String>,
    default: T,
    range: RangeInclusive<T>,
) -> Result<T, SettingsError> {
    let Some(value) = present(value) else {
        return Ok(default);
    };
    match value.trim().parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(SettingsError::Invalid {
            variable,
            expected: format!("a whole number from {} to {}", range.start(), range.end()),
            value,
        }),
    }
}

fn environment_name(
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

fn log_level(variable: &'static str, value: Option<String>) -> Result<LogLevel, SettingsError> {
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

fn supported_symbols(
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
                "a list of symbols of the catalogue, which has no {}",
                unknown.symbols.join(", ")
            ),
            SymbolListError::Empty | SymbolListError::TooMany(_) => {
                "a comma-separated list of symbols of the catalogue".to_owned()
            }
        },
        value,
    })
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
            expected: "visible ASCII characters, because an HTTP header carries it",
        })
    }
}

/// Checks that an API key can be sent to a URL: over TLS, or within this machine.
fn api_url(variable: &'static str, value: Option<String>) -> Result<String, SettingsError> {
    const LOOPBACK: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];

    let value = required(variable, value)?;
    let is_safe = value.parse::<Uri>().is_ok_and(|uri| {
        let host = uri.host().unwrap_or_default();
        match uri.scheme_str() {
            Some("https") => !host.is_empty(),
            Some("http") => LOOPBACK.contains(&host),
            _ => false,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn api(pairs: &[(&str, &str)]) -> Result<ApiSettings, SettingsError> {
        ApiSettings::read(lookup(pairs))
    }

    fn update(pairs: &[(&str, &str)]) -> Result<UpdateSettings, SettingsError> {
        UpdateSettings::read(lookup(pairs))
    }

    fn verify(pairs: &[(&str, &str)]) -> Result<VerifySettings, SettingsError> {
        VerifySettings::read(lookup(pairs))
    }

    fn probe(pairs: &[(&str, &str)]) -> Result<ProbeSettings, SettingsError> {
        ProbeSettings::read(lookup(pairs))
    }

    /// Returns a lookup of the required variables. `pairs` take precedence.
    fn lookup(pairs: &[(&str, &str)]) -> impl FnMut(&'static str) -> Option<String> {
        let pairs: Vec<(String, String)> = pairs
            .iter()
            .chain(&[
                ("DYNAMODB_TABLE_NAME", "table"),
                ("ENVIRONMENT", "dev"),
                ("API_VERSION_ARN", "arn:aws:lambda:function:api:1"),
                ("API_URL", "https://prices.example.com"),
            ])
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        move |name| {
            pairs
                .iter()
                .find(|(pair, _)| pair == name)
                .map(|(_, value)| value.clone())
        }
    }

    #[test]
    fn a_missing_variable_has_the_documented_default() {
        let settings = api(&[]).unwrap();
        assert_eq!(settings.table_name, "table");
        assert_eq!(settings.environment, "dev");
        assert_eq!(settings.rate_limit_per_minute.get(), 100);
        assert_eq!(settings.freshness.cache_ttl_seconds, 300);
        assert_eq!(settings.freshness.grace_seconds, 90);
        assert_eq!(settings.freshness.max_age_seconds, 900);
        assert_eq!(settings.process_cache_seconds, 60);
        assert_eq!(settings.supported, SupportedSymbols::catalogue());
        assert_eq!(settings.log_level, LogLevel::Info);

        let settings = update(&[]).unwrap();
        assert_eq!(
            settings.external_api_url,
            "https://api.coingecko.com/api/v3"
        );
        assert_eq!(settings.external_api_key, None);
        assert_eq!(
            settings.second_api_url.as_deref(),
            Some("https://api.coinpaprika.com/v1")
        );
    }

    #[test]
    fn only_the_word_none_turns_the_second_provider_off() {
        for (value, expected) in [
            ("none", None),
            (" None ", None),
            ("", Some("https://api.coinpaprika.com/v1")),
            (
                " http://127.0.0.1:9000/v1 ",
                Some("http://127.0.0.1:9000/v1"),
            ),
        ] {
            let settings = update(&[("SECOND_API_URL", value)]).unwrap();
            assert_eq!(settings.second_api_url.as_deref(), expected, "{value:?}");
        }
    }

    #[test]
    fn a_blank_value_counts_as_missing() {
        let settings = api(&[("RATE_LIMIT_PER_MINUTE", " "), ("SUPPORTED_SYMBOLS", "")]).unwrap();
        assert_eq!(settings.rate_limit_per_minute.get(), 100);
        assert_eq!(
            api(&[("DYNAMODB_TABLE_NAME", " ")])
                .unwrap_err()
                .to_string(),
            "DYNAMODB_TABLE_NAME is not set"
        );
    }

    #[test]
    fn the_probe_accepts_only_an_https_url_or_an_http_url_of_this_machine() {
        for (value, url) in [
            ("https://prices.example.com/", "https://prices.example.com"),
            (" http://127.0.0.1:9000 ", "http://127.0.0.1:9000"),
            ("http://[::1]:9000/x/", "http://[::1]:9000/x"),
            ("http://localhost:9000", "http://localhost:9000"),
        ] {
            assert_eq!(probe(&[("API_URL", value)]).unwrap().api_url, url);
        }
        for value in [
            "http://prices.example.com",
            "http://127.0.0.1.example.com",
            "prices.example.com",
            "https://",
            "ftp://127.0.0.1",
        ] {
            let error = probe(&[("API_URL", value)]).unwrap_err().to_string();
            let expected = "API_URL must be an https:// URL, or an http:// URL of this machine";
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn an_error_has_the_invalid_value_and_describes_the_valid_values() {
        for (name, value, message) in [
            (
                "RATE_LIMIT_PER_MINUTE",
                "0",
                "RATE_LIMIT_PER_MINUTE must be a whole number from 1 to 60000, but is \"0\"",
            ),
            (
                "PROCESS_CACHE_SECONDS",
                "61",
                "PROCESS_CACHE_SECONDS must be a whole number from 0 to 60, but is \"61\"",
            ),
            (
                "ENVIRONMENT",
                "production",
                "ENVIRONMENT must be one of dev, staging, prod, but is \"production\"",
            ),
            (
                "LOG_LEVEL",
                "loud",
                "LOG_LEVEL must be DEBUG, INFO or ERROR, but is \"loud\"",
            ),
            (
                "SUPPORTED_SYMBOLS",
                "BTC,NOPE",
                "SUPPORTED_SYMBOLS must be a list of symbols of the catalogue, \
                 which has no NOPE, but is \"BTC,NOPE\"",
            ),
        ] {
            assert_eq!(api(&[(name, value)]).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn the_key_of_a_provider_is_in_no_error_and_no_debug_text() {
        for name in ["EXTERNAL_API_KEY", "SECOND_API_KEY"] {
            let error = update(&[(name, "se cret")]).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "{name} must be visible ASCII characters, because an HTTP header carries it"
                )
            );
        }
        let settings = update(&[("EXTERNAL_API_KEY", "secret"), ("SECOND_API_KEY", "hush")]);
        let settings = settings.unwrap();
        let text = format!("{settings:?}");
        assert!(!text.contains("secret") && !text.contains("hush"), "{text}");
        assert_eq!(settings.external_api_key.unwrap().expose(), "secret");
        assert_eq!(settings.second_api_key.unwrap().expose(), "hush");
    }

    mod properties {
        use super::*;
        use contract::{Function, environment};
        use proptest::prelude::*;

        proptest! {
            #[test]
            fn every_error_begins_with_the_name_of_its_variable(
                at in any::<proptest::sample::Index>(),
                value in prop_oneof![any::<String>(), "[0-9]{1,12}", "[a-zA-Z,:/]{0,20}"],
            ) {
                let names: Vec<_> = Function::ALL
                    .into_iter()
                    .flat_map(environment::variables)
                    .map(|variable| variable.name)
                    .collect();
                let name = *at.get(&names);
                for error in [
                    api(&[(name, &value)]).err(),
                    update(&[(name, &value)]).err(),
                    verify(&[(name, &value)]).err(),
                    probe(&[(name, &value)]).err(),
                ].into_iter().flatten() {
                    prop_assert!(error.to_string().starts_with(name), "{}", error);
                }
            }
        }
    }
}
