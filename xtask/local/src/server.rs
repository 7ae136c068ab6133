//! HTTP servers on ports of this machine. Each server runs in a task until the command stops it.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use nix::ifaddrs::getifaddrs;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use xtask::failure::Failure;

use crate::tls::TlsListener;

const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// Listens on a port of 127.0.0.1. Port 0 picks a free port. The caller must be inside a tokio
/// runtime.
pub fn listen(port: u16) -> anyhow::Result<TcpListener> {
    listen_on(Ipv4Addr::LOCALHOST.into(), port)
}

/// Listens on a port of an address of this machine, as [`listen`] does.
pub(crate) fn listen_on(host: IpAddr, port: u16) -> anyhow::Result<TcpListener> {
    let other_port = "choose another port with --port, or --port 0 for a free one";
    let listener =
        std::net::TcpListener::bind((host, port)).map_err(|error| match error.kind() {
            ErrorKind::AddrInUse => {
                Failure::new(format!("port {port} of {host} is in use")).hint(other_port)
            }
            ErrorKind::AddrNotAvailable => {
                let own: Vec<_> = own_addresses().iter().map(IpAddr::to_string).collect();
                let message =
                    format!("could not listen on {host}: this machine has no such address");
                Failure::new(message).hint(format!(
                    "pass --host with 0.0.0.0 for all addresses, or one of {}",
                    own.join(", ")
                ))
            }
            _ => Failure::new(format!(
                "could not listen on port {port} of {host}: {error}"
            ))
            .hint(other_port),
        })?;
    // `from_std` requires a listener that does not block.
    listener
        .set_nonblocking(true)
        .context("preparing to listen")?;
    TcpListener::from_std(listener).context("preparing to listen")
}

/// Returns the addresses of this machine, IPv4 first. Link-local IPv6 addresses are left out, because
/// they need a zone, and no browser accepts a zone in a URL.
pub(crate) fn own_addresses() -> Vec<IpAddr> {
    let interfaces = getifaddrs().into_iter().flatten();
    let addresses = interfaces.filter_map(|interface| {
        let address = interface.address?;
        let ipv4 = address.as_sockaddr_in().map(|ipv4| IpAddr::V4(ipv4.ip()));
        ipv4.or_else(|| Some(IpAddr::V6(address.as_sockaddr_in6()?.ip())))
    });
    let is_link_local = |ip: &IpAddr| matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
    let mut addresses: Vec<_> = addresses.filter(|ip| !is_link_local(ip)).collect();
    addresses.sort_by_key(IpAddr::is_ipv6);
    addresses
}

/// Returns the base URL of a listener.
pub(crate) fn url(listener: &TcpListener) -> anyhow::Result<String> {
    let address = listener
        .local_addr()
        .context("reading the port of a server")?;
    Ok(format!("http://{address}"))
}

/// The address of a client. Handlers can extract it.
#[derive(Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

impl Connected<IncomingStream<'_, TcpListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        Peer(stream.remote_addr().ip().to_canonical())
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        Peer(stream.remote_addr().ip().to_canonical())
    }
}

/// A running server. A dropped server runs until the process ends.
pub struct Server {
    stop: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Server {
    /// Runs `serve`, which must end soon after the future in its argument resolves.
    pub(crate) fn spawn<F>(serve: impl FnOnce(OwnedNotified) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stop = Arc::new(Notify::new());
        let task = tokio::spawn(serve(Arc::clone(&stop).notified_owned()));
        Server { stop, task }
    }

    /// Serves a router over plain TCP.
    pub fn start(listener: TcpListener, router: Router) -> Self {
        Server::serve(listener, router)
    }

    /// Serves a router on any listener, TCP or TLS. Handlers can extract the client's address as a
    /// [`Peer`].
    pub(crate) fn serve<L>(listener: L, router: Router) -> Self
    where
        L: Listener<Addr = SocketAddr>,
        Peer: for<'a> Connected<IncomingStream<'a, L>>,
    {
        let service = router.into_make_service_with_connect_info::<Peer>();
        Server::spawn(|stop| async move {
            // axum retries failures while it serves and never returns an error.
            let _ = axum::serve(listener, service)
                .with_graceful_shutdown(stop)
                .await;
        })
    }

    /// Accepts no more requests, and waits for the open requests at most [`STOP_TIMEOUT`].
    pub async fn stop(self) {
        self.stop.notify_one();
        let _ = timeout(STOP_TIMEOUT, self.task).await;
    }
}
