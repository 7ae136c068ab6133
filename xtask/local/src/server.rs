//! An HTTP server that runs beside the command and can be stopped.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long open requests may take to end when a server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// A running server. It ends with the process where nobody stops it.
pub struct Server {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// Runs a future that serves until the future which it is given resolves.
    pub(crate) fn spawn<S, F>(serve: S) -> Self
    where
        S: FnOnce(Stop) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let (stop, stopped) = oneshot::channel();
        Server {
            stop,
            task: tokio::spawn(serve(Stop(stopped))),
        }
    }

    /// Serves a router, which can ask for its clients' addresses.
    pub fn of(listener: TcpListener, router: Router) -> Self {
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        Server::spawn(|stop| async move {
            // axum retries what can fail while serving, and never returns an error.
            let _ = axum::serve(listener, service)
                .with_graceful_shutdown(stop.requested())
                .await;
        })
    }

    /// Takes no more requests, and waits a moment for those that are open.
    pub async fn stop(self) {
        // Fails only where the server has ended already.
        let _ = self.stop.send(());
        let _ = timeout(STOP_TIMEOUT, self.task).await;
    }
}

/// What tells a server to stop.
pub(crate) struct Stop(oneshot::Receiver<()>);

impl Stop {
    /// Resolves when the server is to stop.
    pub(crate) async fn requested(self) {
        // A sender that was dropped wants the server to go on.
        if self.0.await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
