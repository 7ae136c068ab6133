//! The certificates that the client trusts.

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
use update::fetch::{Limits, Source, fetch};
use update::provider::CoinGecko;

use crate::server::{Reply, Server};

const LIMITS: Limits = Limits {
    waits: [Duration::from_millis(2); 3],
    ..Limits::PROVIDER
};

/// Starts a server with a self-signed certificate for this name or address. Also returns the
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
async fn a_self_signed_certificate_is_refused_unless_the_file_of_roots_has_it() {
    let (server, certificate) = server("127.0.0.1").await;
    let source = |certificates| Source {
        provider: Box::new(CoinGecko::new(server.base(), None).unwrap()),
        client: client(server.base(), certificates).unwrap(),
        limits: LIMITS,
    };
    let symbols = [Symbol::find("BTC").unwrap()];

    let (calls, result) = fetch(&source(None), &symbols, Timestamp::now).await;
    assert_eq!(calls, 4);
    let error = result.unwrap_err().to_string();
    assert!(error.contains("UnknownIssuer"), "{error}");

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), certificate).unwrap();
    let (_, result) = fetch(&source(Some(file.path())), &symbols, Timestamp::now).await;
    let quotes = result.unwrap().quotes;
    assert_eq!(quotes[0].price.to_string(), "103663.25");
}

#[test]
fn a_file_of_roots_without_certificates_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "no certificate").unwrap();
    let base = "https://example.com".parse().unwrap();
    assert!(client(&base, Some(file.path())).is_err());
}
