//! HTTPS in front of HTTP servers of this process, with a certificate made for the run.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tempfile::NamedTempFile;
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use xtask_local::listen;

/// A certificate for 127.0.0.1, and its PEM file.
pub(crate) struct Certificate {
    acceptor: TlsAcceptor,
    file: NamedTempFile,
}

impl Certificate {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["127.0.0.1".to_owned()])?;
        let key = PrivateKeyDer::try_from(signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(
                vec![cert.der().clone()],
                key.map_err(|error| anyhow!(error))?,
            )?;
        let mut file = NamedTempFile::new()?;
        file.write_all(cert.pem().as_bytes())?;
        Ok(Certificate {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            file,
        })
    }

    /// Returns the path of the PEM file.
    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Serves `https` in front of an `http://` URL of this machine until the process ends, and
    /// returns the `https` URL. It must be called inside a tokio runtime.
    pub(crate) fn serve(&self, url: &str) -> anyhow::Result<String> {
        let rest = url.strip_prefix("http://");
        let rest = rest.with_context(|| format!("{url} is not an http:// URL"))?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let server: SocketAddr = authority
            .parse()
            .with_context(|| format!("reading {url}"))?;
        let listener = listen(0)?;
        let address = listener.local_addr()?;
        let acceptor = self.acceptor.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(acceptor.clone(), client, server));
            }
        });
        Ok(format!("https://{address}{path}"))
    }
}

/// Forwards a connection. The function reports a broken one.
async fn forward(acceptor: TlsAcceptor, client: TcpStream, server: SocketAddr) {
    let _ = client.set_nodelay(true);
    let (Ok(mut client), Ok(mut server)) =
        tokio::join!(acceptor.accept(client), TcpStream::connect(server))
    else {
        return;
    };
    let _ = server.set_nodelay(true);
    let _ = copy_bidirectional(&mut client, &mut server).await;
}
