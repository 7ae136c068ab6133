//! What a function is told through its environment, checked at start.

mod api;
mod read;
mod update;
mod verify;

pub use api::ApiSettings;
pub use contract::LogLevel;
pub use update::{ExternalApiKey, UpdateSettings};
pub use verify::{ProbeSettings, VerifySettings};

use self::read::present;

/// A variable that keeps a function from starting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A required variable has no value.
    #[error("{variable} is not set")]
    Missing {
        /// The variable's name.
        variable: &'static str,
    },
    /// A variable has a value that means nothing.
    #[error("{variable} must be {expected}, but is {value:?}")]
    Invalid {
        /// The variable's name.
        variable: &'static str,
        /// What it may be.
        expected: String,
        /// What it is.
        value: String,
    },
    /// A variable has a secret value that cannot be used.
    #[error("{variable} must be {expected}")]
    InvalidSecret {
        /// The variable's name.
        variable: &'static str,
        /// What it may be.
        expected: &'static str,
    },
}

/// The value of a variable of the process; an empty one counts as none, as it
/// does in a copied `.env.example`.
pub fn process_environment(variable: &'static str) -> Option<String> {
    let value = std::env::var_os(variable)?;
    present(Some(value.to_string_lossy().into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::symbol::SupportedSymbols;

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

    /// The required variables, and `pairs` in front of them.
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
    fn what_is_not_set_has_the_documented_default() {
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
    fn the_second_provider_is_turned_off_by_name_and_not_by_a_blank() {
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
    fn a_blank_value_is_none() {
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
    fn a_key_is_sent_over_tls_or_within_the_machine() {
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
    fn a_bad_value_is_named_with_what_it_may_be() {
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
                "SUPPORTED_SYMBOLS must be a list of symbols out of the catalogue, \
                 which has no NOPE, but is \"BTC,NOPE\"",
            ),
        ] {
            assert_eq!(api(&[(name, value)]).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn a_providers_key_shows_in_no_error_and_no_debug_text() {
        for name in ["EXTERNAL_API_KEY", "SECOND_API_KEY"] {
            let error = update(&[(name, "se cret")]).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("{name} must be visible ASCII, as an HTTP header can carry it")
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
            fn any_value_of_any_variable_is_read_or_refused_by_its_name(
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
