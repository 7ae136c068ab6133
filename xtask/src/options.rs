//! Options that several commands share, and how their values are read.

use std::net::IpAddr;
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use contract::NO_SECOND_PROVIDER;
use infra::Environment;
use infra::secret::ProviderKey;

/// How a command prints its data on stdout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people.
    #[default]
    Text,
    /// For machines: one JSON value a line.
    Json,
}

/// A function that serves, as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FunctionName {
    /// The API function
    Api,
    /// The price update
    Update,
}

impl From<FunctionName> for contract::Function {
    fn from(name: FunctionName) -> Self {
        match name {
            FunctionName::Api => contract::Function::Api,
            FunctionName::Update => contract::Function::Update,
        }
    }
}

/// Reads the name of any function, and lists the names when it is none.
pub fn function() -> impl TypedValueParser<Value = contract::Function> {
    PossibleValuesParser::new(contract::Function::ALL.map(contract::Function::name)).try_map(
        |name| {
            contract::Function::ALL
                .into_iter()
                .find(|function| function.name() == name)
                .ok_or("there is no such function")
        },
    )
}

/// The key of a price provider, as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProviderKeyName {
    /// The first provider's
    ExternalApiKey,
    /// The second provider's
    SecondApiKey,
}

impl From<ProviderKeyName> for ProviderKey {
    fn from(name: ProviderKeyName) -> Self {
        match name {
            ProviderKeyName::ExternalApiKey => ProviderKey::External,
            ProviderKeyName::SecondApiKey => ProviderKey::Second,
        }
    }
}

/// Reads an environment's name, and lists the names when it is none.
pub fn environment() -> impl TypedValueParser<Value = Environment> {
    PossibleValuesParser::new(Environment::ALL.map(Environment::name))
        .try_map(|name| name.parse::<Environment>())
}

/// Reads a duration with its unit, such as `10s` or `5m`.
pub fn duration(text: &str) -> Result<Duration, humantime::DurationError> {
    humantime::parse_duration(text)
}

/// Reads an absolute `http://` or `https://` URL; a slash at its end is dropped.
/// A user, a query or a fragment has no place in a base URL, and might be a
/// secret that ends up in a template.
pub fn http_url(text: &str) -> Result<String, String> {
    let rest = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"))
        .ok_or("it has to begin with http:// or https://")?;
    if rest.contains(['@', '?', '#']) {
        return Err("it may have no user, query or fragment".to_owned());
    }
    let host = rest.split('/').next().unwrap_or_default();
    if host.is_empty() || host.starts_with(':') || text.contains(char::is_whitespace) {
        return Err("it has to name a host".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// Returns true if a URL's host is this machine: `localhost`, 127.0.0.0/8 or `[::1]`.
pub fn is_loopback(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return false;
    }
    let host = match authority.strip_prefix('[') {
        Some(ipv6) => ipv6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Returns true if what is sent to a URL crosses a network unencrypted.
pub fn is_sent_in_clear(url: &str) -> bool {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    scheme.eq_ignore_ascii_case("http") && !is_loopback(url)
}

/// Reads the URL of an endpoint that answers as AWS does. Requests carry credentials and
/// data, so that plain HTTP stays on this machine.
pub fn endpoint_url(text: &str) -> Result<String, String> {
    let url = http_url(text)?;
    if is_sent_in_clear(&url) {
        return Err("it has to begin with https://, unless it is on this machine (127.0.0.1, localhost, [::1])".to_owned());
    }
    Ok(url)
}

/// Reads a URL as [`http_url`] does, or [`NO_SECOND_PROVIDER`].
pub fn http_url_or_none(text: &str) -> Result<String, String> {
    if text == NO_SECOND_PROVIDER {
        return Ok(text.to_owned());
    }
    http_url(text).map_err(|error| format!("{error}, or it is `{NO_SECOND_PROVIDER}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_may_be_no_provider() {
        assert_eq!(http_url_or_none("none").as_deref(), Ok("none"));
        assert_eq!(
            http_url_or_none("http://host/").as_deref(),
            Ok("http://host")
        );
        for bad in ["", "None", "nobody"] {
            assert!(http_url_or_none(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_an_address_of_this_machine_is_loopback() {
        for url in [
            "http://127.0.0.1:4566",
            "http://127.8.9.10/path",
            "https://localhost",
            "http://LocalHost:4566/",
            "http://[::1]:4566",
        ] {
            assert!(is_loopback(url), "{url}");
        }
        for url in [
            "",
            "127.0.0.1",
            "http://10.0.0.1",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "http://localhost@example.com",
            "http://127.0.0.1:80@example.com",
            "http://[::2]",
            "http://example.com/127.0.0.1",
            "http://example.com#http://localhost",
        ] {
            assert!(!is_loopback(url), "{url}");
        }
    }

    #[test]
    fn an_endpoint_without_tls_is_on_this_machine() {
        for url in ["http://127.0.0.1:4566", "https://vpce-1.example.com"] {
            assert_eq!(endpoint_url(url).as_deref(), Ok(url));
        }
        for url in ["http://10.0.0.1:4566", "http://localstack:4566", "ftp://x"] {
            assert!(endpoint_url(url).is_err(), "{url}");
        }
        assert!(is_sent_in_clear("HTTP://example.com"));
        assert!(!is_sent_in_clear("none"));
    }

    #[test]
    fn a_url_needs_a_scheme_and_a_host_and_loses_its_last_slash() {
        assert_eq!(
            http_url("http://127.0.0.1:4566/").as_deref(),
            Ok("http://127.0.0.1:4566")
        );
        for bad in [
            "http://?x",
            "http://user:password@host",
            "http://host?key=1",
            "http://:80",
            "",
            "localhost:4566",
            "http://",
            "https:///path",
            "ftp://host",
            "http://a b",
        ] {
            assert!(http_url(bad).is_err(), "{bad}");
        }
    }
}
