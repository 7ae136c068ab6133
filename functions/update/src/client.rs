//! The HTTP client for the provider: TLS by ring, roots compiled in, no redirects.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::{ClientConfig, RootCertStore};

/// What the provider sees of us; some refuse callers without a name.
const USER_AGENT: &str = concat!("crypto-watch-update/", env!("CARGO_PKG_VERSION"));

/// The variable that names a PEM file of roots to trust in place of Mozilla's,
/// for networks that inspect TLS; OpenSSL and curl read the same.
pub const SSL_CERT_FILE: &str = "SSL_CERT_FILE";

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The file of trusted certificates cannot be used.
    #[error("cannot read certificates from {path} ({SSL_CERT_FILE}): {source}")]
    Certificates {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// The TLS library refuses its configuration.
    #[error("cannot set up TLS for the provider: {0}")]
    Tls(#[from] rustls::Error),
    /// The HTTP library refuses its configuration.
    #[error("cannot set up the HTTP client for the provider: {0}")]
    Http(#[from] reqwest::Error),
}

/// A client for the provider at `base`.
///
/// `certificates` is what [`SSL_CERT_FILE`] names. `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` hold,
/// except for a provider on this machine.
pub fn client(base: &Url, certificates: Option<&Path>) -> Result<Client, ClientError> {
    // Without the header every encoding would be acceptable (RFC 9110, 12.5.3), and the
    // client decodes none: the limits on a body count its bytes as they arrive.
    let identity = (ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let mut builder = Client::builder()
        .tls_backend_preconfigured(tls(certificates)?)
        .user_agent(USER_AGENT)
        .default_headers(HeaderMap::from_iter([identity]))
        // A key must not follow a redirect to another host, and a provider that
        // moves is a change for someone to look at.
        .redirect(Policy::none())
        // There is one call every few minutes. A connection that was kept would
        // have been closed by then, and cost that run an attempt.
        .pool_max_idle_per_host(0);
    if is_this_machine(base) {
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

fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    // IPv6 addresses stand in brackets in a URL.
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_hosts_are_this_machine() {
        for (url, expected) in [
            ("http://localhost:8080", true),
            ("http://127.0.0.1:8080/api/v3", true),
            ("http://[::1]:8080", true),
            ("https://api.coingecko.com/api/v3", false),
            ("http://localhost.example.com", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(
                is_this_machine(&Url::parse(url).unwrap()),
                expected,
                "{url}"
            );
        }
    }

    #[test]
    fn a_file_of_certificates_that_cannot_be_read_is_named() {
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
