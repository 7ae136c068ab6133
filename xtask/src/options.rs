//! Options that several commands share, and the parsers of their values.

use std::net::IpAddr;
use std::time::Duration;

use cfn::resources::lambda::Architecture;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use contract::{Function, NO_SECOND_PROVIDER};
use infra::secret::ProviderKey;
use infra::{AccountId, Environment};

/// The format of a command's data on stdout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people
    #[default]
    Text,
    /// One JSON value per line
    Json,
}

/// The heading of [`AwsArgs`] in the help.
const AWS_OPTIONS: &str = "AWS options";

/// The account, region and credentials of a command that calls AWS.
#[derive(Debug, Clone, Args)]
pub struct AwsArgs {
    /// AWS region [default: `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile's region]
    #[arg(long, help_heading = AWS_OPTIONS)]
    pub region: Option<String>,
    /// Named profile of the AWS config and credentials files
    #[arg(long, help_heading = AWS_OPTIONS)]
    pub profile: Option<String>,
    /// URL to call instead of AWS, such as an emulator's; http:// only on this machine
    #[arg(long, help_heading = AWS_OPTIONS, value_name = "URL", value_parser = endpoint_url)]
    pub endpoint_url: Option<String>,
    /// Account that the credentials must belong to; checked before anything else
    #[arg(long, help_heading = AWS_OPTIONS, value_name = "ID")]
    pub expect_account: Option<AccountId>,
}

/// Returns a parser that finds one of `values` by its name. The help and the error list all names.
fn one_of<T: Copy + Send + Sync + 'static, const N: usize>(
    values: [T; N],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(values.map(name)).try_map(move |chosen| {
        let mut values = values.into_iter();
        values.find(|value| name(*value) == chosen).ok_or("unknown")
    })
}

pub fn environment() -> impl TypedValueParser<Value = Environment> {
    one_of(Environment::ALL, Environment::name)
}

pub fn function() -> impl TypedValueParser<Value = Function> {
    one_of(Function::ALL, Function::name)
}

/// Returns a parser for functions that have versions and an alias.
pub fn serving_function() -> impl TypedValueParser<Value = Function> {
    one_of(Function::SERVING, Function::name)
}

pub fn provider_key() -> impl TypedValueParser<Value = ProviderKey> {
    one_of(ProviderKey::ALL, ProviderKey::name)
}

pub fn architecture() -> impl TypedValueParser<Value = Architecture> {
    one_of(
        [Architecture::Arm64, Architecture::X86_64],
        |architecture| match architecture {
            Architecture::Arm64 => "arm64",
            Architecture::X86_64 => "x86_64",
        },
    )
}

/// Parses a duration with its unit, such as `10s` or `5m`.
pub fn duration(text: &str) -> Result<Duration, humantime::DurationError> {
    humantime::parse_duration(text)
}

/// Parses an absolute `http://` or `https://` URL and removes slashes at its end. A user, a query and
/// a fragment are refused: they may contain a secret, and the URL may become part of a template.
pub fn http_url(text: &str) -> Result<String, String> {
    let rest = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"))
        .ok_or("must start with http:// or https://")?;
    if rest.contains(['@', '?', '#']) {
        return Err("must not contain a user, query or fragment".to_owned());
    }
    let host = rest.split('/').next().unwrap_or_default();
    if host.is_empty() || host.starts_with(':') || text.contains(char::is_whitespace) {
        return Err("must contain a host".to_owned());
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

/// Returns true if requests to a URL cross a network unencrypted.
pub fn is_sent_in_clear(url: &str) -> bool {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    scheme.eq_ignore_ascii_case("http") && !is_loopback(url)
}

/// Parses the URL of an AWS endpoint. Requests carry credentials and data, so plain HTTP is accepted
/// only for this machine.
pub fn endpoint_url(text: &str) -> Result<String, String> {
    let url = http_url(text)?;
    if is_sent_in_clear(&url) {
        return Err("must start with https:// unless the host is this machine (127.0.0.1, localhost, [::1])".to_owned());
    }
    Ok(url)
}

/// Parses a URL as [`http_url`] does, or [`NO_SECOND_PROVIDER`].
pub fn http_url_or_none(text: &str) -> Result<String, String> {
    if text == NO_SECOND_PROVIDER {
        return Ok(text.to_owned());
    }
    http_url(text).map_err(|error| format!("{error}, or be `{NO_SECOND_PROVIDER}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_url_may_be_the_word_none() {
        assert_eq!(http_url_or_none("none").as_deref(), Ok("none"));
        assert_eq!(
            http_url_or_none("http://host/").as_deref(),
            Ok("http://host")
        );
        for bad in ["", "None", "off"] {
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
    fn an_endpoint_without_tls_must_be_on_this_machine() {
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
