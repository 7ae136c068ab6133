//! The part of the settings that takes a URL parser: where the provider is.

use std::net::IpAddr;

use reqwest::Url;
use shared::settings::{ExternalApiKey, SettingsError};

/// Reads a provider's base URL, from which every call's URL is made, out of the
/// text of `variable`. `key` is the key that the calls carry.
///
/// # Errors
///
/// Text that is no HTTP URL, or one with a user, a password, a query or a
/// fragment: those would stand in logs, and a key has a variable of its own.
/// A URL to which the key would be sent unencrypted. The error does not repeat the
/// text, which may hold a key.
pub fn provider_base(
    variable: &'static str,
    text: &str,
    key: Option<&ExternalApiKey>,
) -> Result<Url, SettingsError> {
    let refuse = |expected| SettingsError::InvalidSecret { variable, expected };
    let url = Url::parse(text).map_err(|_| refuse("a URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refuse("a URL that begins with https:// or http://"));
    }
    if key.is_some() && url.scheme() == "http" && !is_this_machine(&url) {
        return Err(refuse(
            "a URL that begins with https://, because a key is sent to it",
        ));
    }
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if plain {
        Ok(url)
    } else {
        Err(refuse(
            "a URL without user, password, query and fragment (a key has a variable of its own)",
        ))
    }
}

/// Returns true if a URL's host is a loopback address or `localhost`.
fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use shared::settings::UpdateSettings;

    use super::*;

    #[test]
    fn a_base_is_an_http_url_with_any_port_and_path() {
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
    fn a_key_is_sent_encrypted_or_to_this_machine() {
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
    fn anything_else_is_refused_by_name_and_without_its_secrets() {
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
