//! HTTPS in front of a server of this process, with a certificate made for this run.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tempfile::NamedTempFile;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use xtask_local::listener;

/// The address that the certificate is for.
const NAME: &str = "127.0.0.1";

/// A certificate that nobody else has, and the file that tells the functions of it.
pub(crate) struct Certificate {
    acceptor: TlsAcceptor,
    file: NamedTempFile,
}

impl Certificate {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed([NAME.to_owned()]).context("making a certificate")?;
        let key = PrivateKeyDer::try_from(signing_key.serialize_der())
            .map_err(|error| anyhow::anyhow!("reading the certificate's key: {error}"))?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)?;
        let mut file = NamedTempFile::new().context("making a file for the certificate")?;
        file.write_all(cert.pem().as_bytes())
            .context("writing the certificate")?;
        Ok(Certificate {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            file,
        })
    }

    /// The certificate as a PEM file.
    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }
}

/// A port that speaks TLS and hands everything on to a server of this machine.
pub(crate) struct Front {
    url: String,
    task: JoinHandle<()>,
}

impl Front {
    /// Serves `https` in front of `url`, an `http://` URL of this machine. Has to
    /// run inside a tokio runtime.
    pub(crate) fn start(certificate: &Certificate, url: &str) -> anyhow::Result<Self> {
        let rest = url
            .strip_prefix("http://")
            .with_context(|| format!("{url} is no http:// URL"))?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let behind: SocketAddr = authority
            .parse()
            .with_context(|| format!("{authority} is no address"))?;
        let listener = TcpListener::from_std(listener::bind(0)?)?;
        let address = listener.local_addr()?;
        let acceptor = certificate.acceptor.clone();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(acceptor.clone(), client, behind));
            }
        });
        Ok(Front {
            url: format!("https://{address}{path}"),
            task,
        })
    }

    /// The URL with `https://` that leads to the same server.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A connection that breaks is the function's to report.
async fn forward(acceptor: TlsAcceptor, client: TcpStream, behind: SocketAddr) {
    let _ = client.set_nodelay(true);
    let (Ok(mut client), Ok(mut server)) =
        tokio::join!(acceptor.accept(client), TcpStream::connect(behind))
    else {
        return;
    };
    let _ = server.set_nodelay(true);
    let _ = copy_bidirectional(&mut client, &mut server).await;
}
