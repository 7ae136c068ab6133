//! TLS: trusted certificates and the connect timeout.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, ServerConfig};
use serde_json::json;
use shared::api_key::RawApiKey;
use shared::client::{ClientConfig, Service, dynamodb_client, web_client};
use shared::error::StoreError;
use shared::http::HttpError;
use shared::store::{ApiStore as _, StatusStore as _, Store};
use shared::timestamp::Timestamp;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use crate::script::Script;
use crate::table::TABLE;

/// Makes the server's side of TLS. Also returns its self-signed certificate as PEM.
pub(crate) fn acceptor() -> (TlsAcceptor, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), cert.pem())
}

/// Starts a server with a self-signed certificate, and returns the certificate as PEM.
async fn server() -> (Script, String) {
    let (acceptor, certificate) = acceptor();
    let script = Script::answering_over_tls(acceptor, |_, _| (200, json!({}))).await;
    (script, certificate)
}

/// Makes a store from Lambda's environment variables and these further ones.
pub(crate) fn store(variables: &[(&str, &str)]) -> Store {
    let lambda = [
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "us-east-1"),
    ];
    let config = ClientConfig::from_environment(Service::DynamoDb, |name| {
        variables
            .iter()
            .chain(&lambda)
            .find(|(variable, _)| *variable == name)
            .map(|(_, value)| (*value).to_owned())
    });
    Store::new(dynamodb_client(&config.unwrap()).unwrap(), TABLE)
}

#[tokio::test]
async fn without_a_certificate_bundle_only_amazons_authorities_are_trusted() {
    let (script, _) = server().await;
    let answer = store(&[("AWS_ENDPOINT_URL", script.endpoint())])
        .update_status()
        .await;
    assert!(
        matches!(&answer, Err(StoreError::NotConnected { reason, .. }) if reason.contains("UnknownIssuer")),
        "{answer:?}"
    );
    assert_eq!(script.requests(), 0);
}

#[tokio::test]
async fn the_certificates_of_a_bundle_are_trusted() {
    let (script, certificate) = server().await;
    let bundle = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(bundle.path(), certificate).unwrap();
    let store = store(&[
        ("AWS_ENDPOINT_URL", script.endpoint()),
        ("AWS_CA_BUNDLE", bundle.path().to_str().unwrap()),
    ]);
    assert_eq!(store.update_status().await, Ok(None));
}

#[tokio::test]
async fn a_handshake_without_a_response_ends_by_the_connect_timeout() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("https://{}", silent.local_addr().unwrap());
    let store = store(&[("AWS_ENDPOINT_URL", &endpoint)]);
    // `touch_api_key` is not retried.
    let call = tokio::spawn(async move {
        let key = RawApiKey::generate().unwrap();
        store.touch_api_key(key.key_id(), Timestamp::now()).await
    });
    let (mut connection, _) = silent.accept().await.unwrap();
    connection.read_u8().await.unwrap();
    // The handshake has begun. From now on, Tokio's clock jumps to the next timeout.
    tokio::time::pause();
    let begun = Instant::now();
    let answer = call.await.unwrap();
    assert!(
        matches!(answer, Err(StoreError::NotConnected { .. })),
        "{answer:?}"
    );
    // The connect timeout is 1 s, and the timeout of an attempt 1.5 s. A timer may be some
    // milliseconds late.
    let elapsed = begun.elapsed();
    assert!(elapsed < Duration::from_millis(1_100), "{elapsed:?}");
}

#[tokio::test]
async fn a_web_client_trusts_only_the_given_authorities() {
    let (script, certificate) = server().await;
    let url = format!("{}/prices", script.endpoint());
    let limit = Duration::from_secs(5);
    let trusts_none = web_client([]).unwrap();
    let refused = trusts_none
        .get(&url, &[("X-API-Key", "secret")], limit)
        .await;
    let error = refused.unwrap_err();
    assert!(error.to_string().contains("UnknownIssuer"), "{error}");
    assert_eq!(script.requests(), 0);

    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    roots.add(certificate).unwrap();
    let client = web_client(roots.roots).unwrap();
    let response = client.get(&url, &[("X-API-Key", "secret")], limit).await;
    assert_eq!(response.unwrap().into_body(), b"{}");
    assert_eq!(script.requests(), 1);
    let unwritable = client.get("https://", &[], limit).await;
    assert_eq!(unwritable.unwrap_err(), HttpError::Request);
}
