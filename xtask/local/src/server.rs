//! HTTP servers on ports of this machine, which run beside the command until it stops them.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use xtask::failure::Failure;

/// The time that open requests get when a server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// Listens on a port of 127.0.0.1; 0 picks a free one. It must be called inside a tokio
/// runtime.
pub fn listen(port: u16) -> anyhow::Result<TcpListener> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| {
        let failure = match error.kind() {
            ErrorKind::AddrInUse => Failure::new(format!("port {port} of 127.0.0.1 is in use")),
            _ => Failure::new(format!(
                "could not listen on port {port} of 127.0.0.1: {error}"
            )),
        };
        failure.hint("choose another port with --port, or --port 0 for a free one")
    })?;
    // A requirement of `from_std`.
    listener
        .set_nonblocking(true)
        .context("preparing to listen")?;
    TcpListener::from_std(listener).context("preparing to listen")
}

/// Returns the base URL of a listener.
pub(crate) fn url(listener: &TcpListener) -> anyhow::Result<String> {
    let address = listener
        .local_addr()
        .context("reading the port of a server")?;
    Ok(format!("http://{address}"))
}

/// A running server. Dropping it leaves it running until the process ends.
pub struct Server {
    stop: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Server {
    /// Runs `serve`, which must end soon after its argument resolves.
    pub(crate) fn spawn<F>(serve: impl FnOnce(OwnedNotified) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stop = Arc::new(Notify::new());
        let task = tokio::spawn(serve(Arc::clone(&stop).notified_owned()));
        Server { stop, task }
    }

    /// Serves a router, whose handlers can read the addresses of their clients.
    pub fn start(listener: TcpListener, router: Router) -> Self {
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        Server::spawn(|stop| async move {
            // axum retries failures while it serves and never returns an error.
            let _ = axum::serve(listener, service)
                .with_graceful_shutdown(stop)
                .await;
        })
    }

    /// Accepts no more requests and waits a moment for the open ones.
    pub async fn stop(self) {
        self.stop.notify_one();
        let _ = timeout(STOP_TIMEOUT, self.task).await;
    }
}
