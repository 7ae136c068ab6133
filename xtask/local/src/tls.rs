//! HTTPS with a certificate that is made for each run.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, anyhow};
use axum::serve::Listener;
use cfn::Sha256Digest;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use shared::timestamp::Timestamp;
use tempfile::NamedTempFile;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The tolerance for devices whose clock is slow: a certificate's validity begins this long in the past.
const CLOCK_TOLERANCE: Duration = Duration::from_hours(24);

/// 30 days. Apple accepts at most 825 days (<https://support.apple.com/103769>).
const VALIDITY: Duration = Duration::from_hours(30 * 24);

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// A server's certificate, and the certificate authority that signed the certificate. The authority is
/// separate, because Android and iOS can install only an authority, and rustls clients do not accept an
/// authority as a server's certificate. The authority's key is dropped after one signature, so a device
/// that trusts the authority trusts only this server.
pub struct Certificate {
    acceptor: TlsAcceptor,
    fingerprint: String,
    authority: String,
    /// The file with the authority as PEM. It is deleted when this value is dropped.
    file: NamedTempFile,
}

impl Certificate {
    /// Makes a certificate for host names and IP addresses.
    pub fn new(names: Vec<String>) -> anyhow::Result<Self> {
        let mut authority = parameters(vec![])?;
        // A device lists authorities by name, so the name has the time of the run.
        let name = format!("cargo xtask local, {}", Timestamp::now());
        authority.distinguished_name.push(DnType::CommonName, name);
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;

        let mut server = parameters(names)?;
        let name = "cargo xtask local";
        server.distinguished_name.push(DnType::CommonName, name);
        // Apple requires this usage.
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let server = server.signed_by(&key, &authority)?;

        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(|error| anyhow!(error))?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![server.der().clone()], key)?;
        let mut file = tempfile::Builder::new()
            .prefix("cargo-xtask-local-")
            .suffix(".crt")
            .tempfile()
            .context("creating the file of the certificate")?;
        let authority = authority.pem();
        file.write_all(authority.as_bytes())
            .context("writing the certificate")?;
        let digest = Sha256Digest::of(server.der());
        let digits = digest.as_bytes().iter().map(|byte| format!("{byte:02X}"));
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            fingerprint: digits.collect::<Vec<_>>().join(":"),
            authority,
            file,
        })
    }

    /// Returns the SHA-256 fingerprint of the server's certificate, formatted as browsers and OpenSSL
    /// show it.
    pub(crate) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Returns the authority as PEM.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// Returns the path of the authority's PEM file.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    pub fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }
}

fn parameters(names: Vec<String>) -> anyhow::Result<CertificateParams> {
    let mut parameters = CertificateParams::new(names)?;
    let now = SystemTime::now();
    parameters.not_before = (now - CLOCK_TOLERANCE).into();
    parameters.not_after = (now + VALIDITY).into();
    Ok(parameters)
}

/// A listener that accepts TLS connections. The slow handshake of one client does not delay others.
pub(crate) struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    handshakes: JoinSet<Option<(TlsStream<TcpStream>, SocketAddr)>>,
}

impl TlsListener {
    pub(crate) fn new(listener: TcpListener, acceptor: TlsAcceptor) -> Self {
        Self {
            listener,
            acceptor,
            handshakes: JoinSet::new(),
        }
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            tokio::select! {
                (connection, peer) = Listener::accept(&mut self.listener) => {
                    let handshake = timeout(HANDSHAKE_TIMEOUT, self.acceptor.accept(connection));
                    // A client that does not trust the certificate closes the connection.
                    self.handshakes
                        .spawn(async move { Some((handshake.await.ok()?.ok()?, peer)) });
                }
                // The pattern must match a failed handshake, too. Otherwise `select!` would disable
                // this branch and no longer wait for the other handshakes.
                Some(handshake) = self.handshakes.join_next() => {
                    if let Ok(Some(accepted)) = handshake {
                        return accepted;
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, ServerName};
    use rustls::{ClientConfig, RootCertStore};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_rustls::TlsConnector;

    use super::*;
    use crate::server::listen;

    /// Returns a client that trusts the authority of a certificate.
    fn client(certificate: &Certificate) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_slice(certificate.authority().as_bytes());
        roots.add(authority.unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        TlsConnector::from(Arc::new(config))
    }

    #[tokio::test]
    async fn a_failed_handshake_does_not_delay_another_client() {
        let certificate = Certificate::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let listener = listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let mut listener = TlsListener::new(listener, certificate.acceptor().clone());
        let accepted = tokio::spawn(async move { listener.accept().await.1 });

        let slow = TcpStream::connect(address).await.unwrap();
        let slow_address = slow.local_addr().unwrap();
        let mut wrong = TcpStream::connect(address).await.unwrap();
        wrong.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        // The server ends the connection after its handshake has failed.
        let _ = wrong.read_to_end(&mut Vec::new()).await;
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let connection = client(&certificate).connect(name, slow).await;
        let _connection = connection.unwrap();
        let accepted = timeout(HANDSHAKE_TIMEOUT, accepted).await;
        let accepted = accepted.expect("the client is accepted in time").unwrap();
        assert_eq!(accepted, slow_address);
    }
}
