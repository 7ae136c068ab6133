//! HTTPS in front of this process's HTTP servers, with a certificate made for the run.

use std::net::SocketAddr;

use anyhow::Context as _;
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use xtask_local::{Certificate, listen};

/// Serves `https` in front of an `http://` URL of this machine until the process ends, and
/// returns the `https` URL. The caller must be inside a tokio runtime.
pub(crate) fn serve(certificate: &Certificate, url: &str) -> anyhow::Result<String> {
    let rest = url.strip_prefix("http://");
    let rest = rest.with_context(|| format!("{url} is not an http:// URL"))?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let server: SocketAddr = authority
        .parse()
        .with_context(|| format!("reading {url}"))?;
    let listener = listen(0)?;
    let address = listener.local_addr()?;
    let acceptor = certificate.acceptor().clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(forward(acceptor.clone(), client, server));
        }
    });
    Ok(format!("https://{address}{path}"))
}

/// Forwards a connection. Errors are ignored, because the measured function reports a broken
/// connection.
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
