//! The HTTP client for a provider: TLS by ring, compiled-in root certificates, no redirects.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::{ClientConfig, RootCertStore};

/// The user agent: some providers refuse requests without one.
const USER_AGENT: &str = concat!("crypto-watch-update/", env!("CARGO_PKG_VERSION"));

/// The variable with the path of a PEM file of root certificates that replace Mozilla's, for
/// networks that inspect TLS. OpenSSL and curl read the same variable.
pub const SSL_CERT_FILE: &str = "SSL_CERT_FILE";

/// The reason why no client could be created.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The file of root certificates is unreadable or has no certificate.
    #[error("cannot read certificates from {path} ({SSL_CERT_FILE}): {source}")]
    Certificates { path: PathBuf, source: pem::Error },
    /// The TLS library refuses its configuration.
    #[error("cannot set up TLS for the provider: {0}")]
    Tls(#[from] rustls::Error),
    /// The HTTP library refuses its configuration.
    #[error("cannot set up the HTTP client for the provider: {0}")]
    Http(#[from] reqwest::Error),
}

/// Creates a client for the provider at `base`.
///
/// `certificates` is the path in [`SSL_CERT_FILE`]. The client obeys `HTTPS_PROXY`, `HTTP_PROXY`
/// and `NO_PROXY`, except for a provider on a loopback address.
pub fn client(base: &Url, certificates: Option<&Path>) -> Result<Client, ClientError> {
    // Without the header, the provider could send any encoding (RFC 9110, 12.5.3). The client
    // decodes none, so that the limits of a body count the received bytes.
    let identity = (ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let mut builder = Client::builder()
        .tls_backend_preconfigured(tls(certificates)?)
        .user_agent(USER_AGENT)
        .default_headers(HeaderMap::from_iter([identity]))
        // Following a redirect could send the key to another host, and would hide that the
        // provider has moved.
        .redirect(Policy::none())
        // There is one call every few minutes. In between, the server would close an idle
        // connection, and the first attempt of the next run would fail.
        .pool_max_idle_per_host(0);
    if is_loopback(base) {
        builder = builder.no_proxy();
    }
    Ok(builder.build()?)
}

fn tls(certificates: Option<&Path>) -> Result<ClientConfig, ClientError> {
    let mut roots = RootCertStore::empty();
    match certificates {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let read = || CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>();
            let failed = |source| ClientError::Certificates {
                path: path.to_owned(),
                source,
            };
            let (added, _) = roots.add_parsable_certificates(read().map_err(failed)?);
            if added == 0 {
                return Err(failed(pem::Error::NoItemsFound));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// Returns true if a URL's host is `localhost` or a loopback address.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    // A URL has brackets around an IPv6 address.
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_localhost_and_loopback_addresses_are_loopback() {
        for (url, expected) in [
            ("http://localhost:8080", true),
            ("http://127.0.0.1:8080/api/v3", true),
            ("http://[::1]:8080", true),
            ("https://api.coingecko.com/api/v3", false),
            ("http://localhost.example.com", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }

    #[test]
    fn an_unreadable_certificate_file_is_named() {
        let base = Url::parse("https://example.com").unwrap();
        let missing = Path::new("no/such/file.pem");
        let error = client(&base, Some(missing)).unwrap_err().to_string();
        assert!(
            error.contains("no/such/file.pem (SSL_CERT_FILE)"),
            "{error}"
        );
        assert!(client(&base, None).is_ok());
    }
}
