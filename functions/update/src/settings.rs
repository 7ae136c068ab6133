//! The part of the settings that takes a URL parser: where the provider is.

use reqwest::Url;
use shared::settings::SettingsError;

/// Reads a provider's base URL, from which every call's URL is made, out of the
/// text of `variable`.
///
/// # Errors
///
/// Text that is no HTTP URL, or one with a user, a password, a query or a
/// fragment: those would stand in logs, and a key has a variable of its own.
/// The error does not repeat the text, which may hold one.
pub fn provider_base(variable: &'static str, text: &str) -> Result<Url, SettingsError> {
    let refuse = |expected| SettingsError::InvalidSecret { variable, expected };
    let url = Url::parse(text).map_err(|_| refuse("a URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refuse("a URL that begins with https:// or http://"));
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_base_is_an_http_url_with_any_port_and_path() {
        for text in [
            "https://api.coingecko.com/api/v3",
            "http://127.0.0.1:9000",
            "http://[::1]:9000/feed/",
        ] {
            assert!(provider_base("SECOND_API_URL", text).is_ok(), "{text}");
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
            let error = provider_base("EXTERNAL_API_URL", text).unwrap_err();
            assert!(
                error.to_string().starts_with("EXTERNAL_API_URL must be"),
                "{error}"
            );
            assert!(!error.to_string().contains("hush"), "{error}");
            assert!(!format!("{error:?}").contains("hush"), "{error:?}");
        }
    }
}
