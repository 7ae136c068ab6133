//! Whom the client trusts.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;
use tokio_rustls::TlsAcceptor;
use update::client::client;
use update::fetch::{Limits, fetch};
use update::provider::CoinGecko;

use crate::server::{Reply, Server};

const LIMITS: Limits = Limits {
    waits: [Duration::from_millis(2); 3],
    ..Limits::PROVIDER
};

/// A server with a certificate of its own for this name or address, and the
/// certificate as PEM.
pub(crate) async fn server(name: &str) -> (Server, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let reply = Reply::json(r#"{"bitcoin":{"usd":103663.25}}"#);
    let server = Server::repeat_over_tls(reply, TlsAcceptor::from(Arc::new(config))).await;
    (server, cert.pem())
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused_unless_it_is_trusted_by_file() {
    let (server, certificate) = server("127.0.0.1").await;
    let provider = CoinGecko::new(server.base(), None).unwrap();
    let symbols = [Symbol::find("BTC").unwrap()];

    let stranger = client(server.base(), None).unwrap();
    let attempts = fetch(&stranger, &provider, &symbols, &LIMITS, Timestamp::now).await;
    assert_eq!(attempts.made, 4);
    let error = attempts.outcome.unwrap_err().to_string();
    assert!(error.contains("UnknownIssuer"), "{error}");

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), certificate).unwrap();
    let friend = client(server.base(), Some(file.path())).unwrap();
    let attempts = fetch(&friend, &provider, &symbols, &LIMITS, Timestamp::now).await;
    let quotes = attempts.outcome.unwrap().quotes;
    assert_eq!(quotes[0].price.to_string(), "103663.25");
}

#[test]
fn a_file_without_certificates_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "no certificate").unwrap();
    let base = "https://example.com".parse().unwrap();
    assert!(client(&base, Some(file.path())).is_err());
}
