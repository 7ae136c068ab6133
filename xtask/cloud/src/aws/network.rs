//! The network: trusted certificates and proxies, for calls to AWS and for the requests of the smoke
//! test.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{
    HttpClient as _, HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector,
    http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hyper::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use xtask::failure::Failure;
use xtask::options::is_loopback;

use super::renewal::Renewal;
use crate::error_chain::innermost;

/// The variables that name a proxy, by precedence for HTTPS.
const PROXY_VARIABLES: [&str; 6] = [
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "HTTP_PROXY",
    "http_proxy",
];

/// The network settings of the environment and the profile.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    roots: Arc<Roots>,
    proxies: Arc<Proxies>,
}

impl Network {
    /// Reads the certificates and the proxies, without a request. `ca_bundle` is the profile's
    /// setting.
    pub(crate) fn read(
        ca_bundle: Option<&str>,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Failure> {
        let roots = match ca_bundle_path(ca_bundle, lookup) {
            Some((path, setting)) => Roots::of_file(&path, &setting)?,
            None => Roots::of_machine(),
        };
        Ok(Network {
            roots: Arc::new(roots),
            proxies: Arc::new(Proxies(Matcher::from_env())),
        })
    }

    /// Refuses an encrypted endpoint if there are no root certificates. Without a URL, the endpoint is AWS's.
    pub(crate) fn refuse_without_roots(&self, url: Option<&str>) -> Result<(), Failure> {
        let is_unencrypted = url.is_some_and(|url| url.starts_with("http://"));
        match &self.roots.missing {
            Some(reason) if !is_unencrypted => Err(Failure::new(format!(
                "there are no root certificates to verify AWS's certificate: {reason}"
            ))
            .hint("install the package ca-certificates, or set SSL_CERT_FILE or AWS_CA_BUNDLE to a file of certificates (PEM)")),
            _ => Ok(()),
        }
    }

    /// Makes the HTTP client of the AWS SDK. Its errors name the host and the proxy. Each of its responses has an
    /// extension with the step that renews the credentials.
    pub(crate) fn sdk_client(&self, renewal: Option<Renewal>) -> SharedHttpClient {
        let direct = self.sdk_connectors(None);
        let proxied = self.sdk_connectors(Some(ProxyConfig::from_env()));
        let rules = Arc::clone(&self.proxies);
        http_client_fn(move |settings, components| {
            SharedHttpConnector::new(SdkConnector {
                direct: direct.http_connector(settings, components),
                proxied: proxied.http_connector(settings, components),
                proxies: Arc::clone(&rules),
                renewal: renewal.clone(),
            })
        })
    }

    /// Makes the connectors. Their TLS uses ring, as the functions do, so that only one TLS library is compiled.
    fn sdk_connectors(&self, proxy: Option<ProxyConfig>) -> SharedHttpClient {
        let trust = self.roots.sdk_trust();
        Builder::new().build_with_connector_fn(move |settings, components| {
            let mut connector = Connector::builder();
            if let Some(settings) = settings {
                connector = connector.connector_settings(settings.clone());
            }
            if let Some(components) = components {
                connector.set_sleep_impl(components.sleep_impl());
            }
            connector.set_proxy_config(proxy.clone());
            let connector = connector.tls_provider(Provider::Rustls(CryptoMode::Ring));
            match TlsContext::builder()
                .with_trust_store(trust.clone())
                .build()
            {
                Ok(context) => connector.tls_context(context).build(),
                Err(_) => connector.build(),
            }
        })
    }

    /// Makes a builder of an HTTP client for one host, with the same certificates and proxy.
    pub(crate) fn client_of(&self, url: &str) -> Result<reqwest::ClientBuilder, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(self.roots.store.clone())
            .with_no_client_auth();
        let builder = reqwest::Client::builder().tls_backend_preconfigured(tls);
        Ok(match self.proxies.to(url) {
            // reqwest reads the same variables with the same matcher.
            Some(_) => builder,
            None => builder.no_proxy(),
        })
    }

    /// Returns the reason why a request got no response: the innermost cause and the proxy.
    pub(crate) fn no_response(&self, url: &str, error: &(dyn Error + 'static)) -> String {
        let reason = cause(error);
        match self.proxies.to(url) {
            Some(proxy) => format!("{reason} (through the proxy {proxy})"),
            None => reason,
        }
    }
}

/// Returns the innermost cause in words. For an untrusted certificate, the TLS library gives only a code.
fn cause(error: &(dyn Error + 'static)) -> String {
    let reason = innermost(error);
    if reason.contains("UnknownIssuer") {
        return UNTRUSTED.to_owned();
    }
    reason
}

const UNTRUSTED: &str =
    "its certificate is signed by an authority that this machine does not trust";
const UNTRUSTED_HINT: &str = "behind a proxy with its own certificates, set AWS_CA_BUNDLE, the profile's ca_bundle or SSL_CERT_FILE to a file with the certificate of its authority (PEM)";

fn is_untrusted(reason: &str) -> bool {
    reason == UNTRUSTED
}

/// Finds the file of certificates and the setting that names the file. `AWS_CA_BUNDLE` takes precedence over the
/// profile's `ca_bundle`. As in the AWS CLI, the file replaces the machine's certificates:
/// <https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-envvars.html>.
fn ca_bundle_path(
    profile: Option<&str>,
    lookup: impl Fn(&str) -> Option<String>,
) -> Option<(PathBuf, String)> {
    let variable = lookup("AWS_CA_BUNDLE").map(|path| (path, "AWS_CA_BUNDLE"));
    let profile = profile.map(|path| (path.to_owned(), "the profile's ca_bundle"));
    let (path, setting) = [variable, profile]
        .into_iter()
        .flatten()
        .find(|(path, _)| !path.trim().is_empty())?;
    let home = lookup("HOME");
    let path = match (path.strip_prefix("~/"), home) {
        (Some(below), Some(home)) => Path::new(&home).join(below),
        _ => PathBuf::from(path),
    };
    Some((path, setting.to_owned()))
}

/// The certificates of trusted authorities.
#[derive(Debug)]
struct Roots {
    store: RootCertStore,
    /// The same certificates as text, if they are from a file.
    pem: Option<Vec<u8>>,
    /// The reason why there are no certificates; `None` if there are some.
    missing: Option<String>,
}

impl Roots {
    /// Reads the machine's certificates. `SSL_CERT_FILE` and `SSL_CERT_DIR` replace them.
    fn of_machine() -> Self {
        let loaded = rustls_native_certs::load_native_certs();
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(loaded.certs);
        let missing = store.is_empty().then(|| match loaded.errors.first() {
            Some(error) => error.to_string(),
            None => "none were found on this machine".to_owned(),
        });
        Roots {
            store,
            pem: None,
            missing,
        }
    }

    /// Reads the valid certificates of a file.
    fn of_file(path: &Path, setting: &str) -> Result<Self, Failure> {
        let failed = |reason: &dyn fmt::Display| {
            Failure::new(format!(
                "no certificates could be read from {} ({setting}): {reason}",
                path.display()
            ))
            .hint(format!(
                "set {setting} to a file of certificates (PEM), or unset it"
            ))
        };
        let text = std::fs::read(path).map_err(|error| failed(&error))?;
        let mut store = RootCertStore::empty();
        let mut pem = String::new();
        for certificate in CertificateDer::pem_slice_iter(&text) {
            let certificate = certificate.map_err(|error| failed(&error))?;
            // The SDK's client would end the process at an invalid certificate.
            if store.add(certificate.clone()).is_ok() {
                pem.push_str(&as_pem(&certificate));
            }
        }
        if store.is_empty() {
            return Err(failed(&"the file has none"));
        }
        Ok(Roots {
            store,
            pem: Some(pem.into_bytes()),
            missing: None,
        })
    }

    fn sdk_trust(&self) -> TrustStore {
        match (&self.pem, &self.missing) {
            (Some(pem), _) => TrustStore::empty().with_pem_certificate(pem.clone()),
            (None, None) => TrustStore::default(),
            // With the default, the SDK's client would end the process if the machine has no certificate.
            (None, Some(_)) => TrustStore::empty(),
        }
    }
}

fn as_pem(certificate: &CertificateDer<'_>) -> String {
    let text = BASE64_STANDARD.encode(certificate);
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for (at, character) in text.chars().enumerate() {
        if at > 0 && at % 64 == 0 {
            pem.push('\n');
        }
        pem.push(character);
    }
    pem.push_str("\n-----END CERTIFICATE-----\n");
    pem
}

/// The proxies of the environment.
#[derive(Debug)]
struct Proxies(Matcher);

impl Proxies {
    /// Returns the proxy for a URL, without the proxy's password. Requests to this machine use no proxy.
    /// Requests to the metadata service of an instance or a container use no proxy either, because a
    /// proxy would return the credentials of another machine.
    fn to(&self, url: &str) -> Option<String> {
        if is_loopback(url) {
            return None;
        }
        let url: Uri = url.parse().ok()?;
        if is_metadata(url.host()?) {
            return None;
        }
        let proxy = self.0.intercept(&url)?;
        let proxy = proxy.uri();
        let authority = proxy.authority()?;
        Some(format!(
            "{}://{authority}",
            proxy.scheme_str().unwrap_or("http")
        ))
    }
}

/// Returns true if a host is an address from the ranges of the metadata services of instances and
/// containers. These services are at 169.254.169.254, 169.254.170.2, 169.254.170.23 and `fd00:ec2::/32`
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>).
fn is_metadata(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse() {
        Ok(IpAddr::V4(address)) => address.is_link_local(),
        Ok(IpAddr::V6(address)) => address.segments()[..2] == [0xfd00, 0x0ec2],
        Err(_) => false,
    }
}

/// Refuses a variable that names an unusable proxy, because HTTP clients would ignore the variable. The
/// error does not repeat the value, which may contain a password.
pub(crate) fn refuse_unusable_proxy(
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<(), Failure> {
    let any_url = Uri::from_static("https://aws.amazon.com");
    for variable in PROXY_VARIABLES {
        let value = lookup(variable).unwrap_or_default();
        if value.is_empty() {
            continue;
        }
        let proxy = Matcher::builder().https(&*value).build();
        let scheme = proxy
            .intercept(&any_url)
            .and_then(|proxy| proxy.uri().scheme_str().map(str::to_owned));
        let reason = match scheme.as_deref() {
            Some("http" | "https") => continue,
            Some(_) => "names a SOCKS proxy, which this command does not support",
            None => "is not the URL of a proxy",
        };
        return Err(
            Failure::new(format!("nothing was done: {variable} {reason}"))
                .hint(format!("set {variable} to http://HOST:PORT, or unset it")),
        );
    }
    Ok(())
}

/// A connector of the SDK, with or without the proxy.
#[derive(Debug)]
struct SdkConnector {
    direct: SharedHttpConnector,
    proxied: SharedHttpConnector,
    proxies: Arc<Proxies>,
    renewal: Option<Renewal>,
}

impl HttpConnector for SdkConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let proxy = self.proxies.to(request.uri());
        let host = host(request.uri());
        let connector = match proxy {
            Some(_) => &self.proxied,
            None => &self.direct,
        };
        let call = connector.call(request);
        let renewal = self.renewal.clone();
        HttpConnectorFuture::new(async move {
            let mut response = call.await.map_err(|error| no_answer(&error, host, proxy))?;
            if let Some(renewal) = renewal {
                response.add_extension(renewal);
            }
            Ok(response)
        })
    }
}

/// Returns the host and the port of a URL.
fn host(url: &str) -> String {
    let url = url.parse::<Uri>().ok();
    let authority = url.as_ref().and_then(Uri::authority);
    authority.map_or_else(|| "an unreadable URL".to_owned(), ToString::to_string)
}

/// Adds the host and the proxy to a connector's error. Keeps the error's kind, except that an untrusted
/// certificate gets a kind that the SDK does not retry.
fn no_answer(error: &ConnectorError, host: String, proxy: Option<String>) -> ConnectorError {
    let source = Box::new(NoAnswer {
        host,
        proxy,
        reason: cause(error),
    });
    let no_answer = if is_untrusted(&source.reason) {
        ConnectorError::other(source, None)
    } else if error.is_timeout() {
        ConnectorError::timeout(source)
    } else if error.is_io() {
        ConnectorError::io(source)
    } else if error.is_user() {
        ConnectorError::user(source)
    } else {
        ConnectorError::other(source, error.as_other())
    };
    match error.connection_metadata() {
        Some(connection) => no_answer.with_connection(connection.clone()),
        None => no_answer,
    }
}

/// A request to AWS without an answer: the host, the proxy and the innermost cause.
#[derive(Debug)]
pub(crate) struct NoAnswer {
    host: String,
    proxy: Option<String>,
    reason: String,
}

impl NoAnswer {
    /// Returns the hint, as an imperative.
    pub(crate) fn hint(&self) -> &'static str {
        if is_untrusted(&self.reason) {
            UNTRUSTED_HINT
        } else if self.proxy.is_some() {
            "check the network and the proxy (HTTPS_PROXY, NO_PROXY), --region and --endpoint-url, then try again"
        } else {
            "check the network, --region and --endpoint-url, then try again"
        }
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AWS could not be reached at {}", self.host)?;
        if let Some(proxy) = &self.proxy {
            write!(f, " through the proxy {proxy}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

impl Error for NoAnswer {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(variables: &[(&str, &str)]) -> Option<String> {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let refused = refuse_unusable_proxy(lookup).err()?;
        Some(refused.to_string())
    }

    fn proxies(proxy: &str) -> Proxies {
        Proxies(Matcher::builder().all(proxy).no("inside.example").build())
    }

    #[test]
    fn a_proxy_is_named_without_its_password() {
        let proxies = proxies("http://user:secret@proxy.example:3128");
        let to = |url| proxies.to(url);
        let expected = Some("http://proxy.example:3128".to_owned());
        assert_eq!(to("https://sts.eu-central-1.amazonaws.com/"), expected);
        assert_eq!(to("https://inside.example"), None);
    }

    #[test]
    fn this_machine_and_metadata_services_are_reached_without_a_proxy() {
        let proxies = proxies("http://proxy.example:3128");
        for url in [
            "http://127.0.0.1:4566/",
            "https://localhost",
            "http://[::1]:4566",
            "http://169.254.169.254/latest/meta-data/",
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::254]/latest",
        ] {
            assert_eq!(proxies.to(url), None, "{url}");
        }
        assert!(proxies.to("http://169.254.169.254.example.com").is_some());
        assert!(proxies.to("https://10.0.0.1").is_some());
    }

    #[test]
    fn an_unusable_proxy_is_refused_and_the_error_does_not_show_its_value() {
        assert_eq!(refused(&[("HTTPS_PROXY", "proxy.example:3128")]), None);
        assert_eq!(refused(&[("HTTPS_PROXY", "")]), None);
        for (value, reason) in [
            (
                "socks5://user:secret@p",
                "names a SOCKS proxy, which this command does not support",
            ),
            ("http://user:secret@", "is not the URL of a proxy"),
            (" http://secret", "is not the URL of a proxy"),
        ] {
            let expected = format!("nothing was done: https_proxy {reason}");
            assert_eq!(refused(&[("https_proxy", value)]), Some(expected));
        }
    }

    #[test]
    fn a_nonblank_aws_ca_bundle_takes_precedence_over_the_profile() {
        let path = |variable: &str, profile| {
            let found = ca_bundle_path(profile, |name| match name {
                "AWS_CA_BUNDLE" => Some(variable.to_owned()),
                "HOME" => Some("/home/me".to_owned()),
                _ => None,
            });
            found.map(|(path, setting)| (path.display().to_string(), setting))
        };
        let of = |path: &str, setting: &str| Some((path.to_owned(), setting.to_owned()));
        assert_eq!(
            path("/a.pem", Some("/b.pem")),
            of("/a.pem", "AWS_CA_BUNDLE")
        );
        let profile = "the profile's ca_bundle";
        assert_eq!(path(" ", Some("~/b.pem")), of("/home/me/b.pem", profile));
        assert_eq!(path("", None), None);
    }

    #[test]
    fn a_certificate_in_pem_is_read_unchanged() {
        let certificate = CertificateDer::from((0..=255).collect::<Vec<u8>>());
        let pem = as_pem(&certificate);
        let read = CertificateDer::from_pem_slice(pem.as_bytes());
        assert_eq!(read.ok(), Some(certificate));
    }

    proptest! {
        #[test]
        fn no_proxy_value_causes_a_panic_or_an_error_with_its_password(
            proxy in prop_oneof![any::<String>(), "(http|https|socks5|x)?:?/?/?[ -~]{0,20}"],
            url in prop_oneof![any::<String>(), "https?://[ -~]{0,20}"],
        ) {
            let password = "secret";
            let proxy = format!("{proxy}{password}");
            if let Some(refused) = refused(&[("HTTPS_PROXY", &proxy)]) {
                prop_assert!(!refused.contains(password));
            }
            let matcher = Matcher::builder().all(&*proxy).no(&*url).build();
            let _ = Proxies(matcher).to(&url);
            let _ = host(&url);
        }
    }
}
