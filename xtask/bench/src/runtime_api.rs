//! The Lambda Runtime API for one process: an event when it asks for one, and the
//! moment at which its answer came.
//!
//! Its own and not `lambda-simulator`'s, which keeps everything and wakes its
//! waiters by polling: here a moment is taken where the bytes arrive.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, SetOnce, mpsc};
use tokio::time::timeout;

use crate::cpu::CpuClock;
use xtask_local::{Server, listener};

/// Longer than anything that is measured may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long an event may take by its `Lambda-Runtime-Deadline-Ms`.
const FAR_AWAY_MS: &str = "9999999999999";

/// What a process has done, and when.
#[derive(Debug)]
pub(crate) enum Turn {
    /// It asks for an event: what it did before is done.
    Asked(Asked),
    /// It has answered the event.
    Answered(Instant, Bytes),
    /// It has failed, and says why.
    Failed(String),
}

/// The moment at which a process asks for an event, and the CPU time that it has
/// used until then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) at: Instant,
    pub(crate) cpu: Duration,
}

/// A Runtime API that one process polls.
pub(crate) struct RuntimeApi {
    address: String,
    clock: Arc<SetOnce<CpuClock>>,
    events: mpsc::UnboundedSender<Bytes>,
    turns: mpsc::UnboundedReceiver<Turn>,
    server: Server,
}

struct Shared {
    clock: Arc<SetOnce<CpuClock>>,
    events: Mutex<mpsc::UnboundedReceiver<Bytes>>,
    turns: mpsc::UnboundedSender<Turn>,
}

impl RuntimeApi {
    /// Listens on a free port. Has to run inside a tokio runtime.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::from_std(listener::bind(0)?)?;
        let address = listener.local_addr()?.to_string();
        let (events, waiting) = mpsc::unbounded_channel();
        let (done, turns) = mpsc::unbounded_channel();
        let clock = Arc::new(SetOnce::new());
        let shared = Arc::new(Shared {
            clock: Arc::clone(&clock),
            events: Mutex::new(waiting),
            turns: done,
        });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route(
                "/2018-06-01/runtime/invocation/{id}/response",
                post(answered),
            )
            .route("/2018-06-01/runtime/invocation/{id}/error", post(failed))
            .route("/2018-06-01/runtime/init/error", post(not_started))
            .with_state(shared);
        Ok(RuntimeApi {
            address,
            clock,
            events,
            turns,
            server: Server::of(listener, router),
        })
    }

    /// What `AWS_LAMBDA_RUNTIME_API` has to be.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Says whose CPU time is read: the process's that has just been started, whose
    /// first event waits for this.
    pub(crate) fn watch(&self, clock: CpuClock) {
        // The first one stays; there is only one.
        let _ = self.clock.set(clock);
    }

    /// Has an event ready for when the process asks.
    pub(crate) fn send(&self, event: Bytes) -> anyhow::Result<()> {
        self.events
            .send(event)
            .context("the Lambda Runtime API has ended")
    }

    /// What the process does next.
    pub(crate) async fn turn(&mut self) -> anyhow::Result<Turn> {
        timeout(PATIENCE, self.turns.recv())
            .await
            .with_context(|| format!("it did nothing for {} s", PATIENCE.as_secs()))?
            .context("the Lambda Runtime API has ended")
    }

    /// Ends the server.
    pub(crate) async fn stop(self) {
        // Whoever waits for an event is not answered any more.
        drop(self.events);
        self.server.stop().await;
    }
}

impl Shared {
    async fn asked(&self) -> Turn {
        let at = Instant::now();
        // The process can be here before whoever started it knows that it has.
        match self.clock.wait().await.now() {
            Ok(cpu) => Turn::Asked(Asked { at, cpu }),
            Err(error) => Turn::Failed(format!("{error:#}")),
        }
    }
}

async fn next(State(shared): State<Arc<Shared>>) -> Response {
    // Before it has its event, or the CPU time would have some of the next turn in it.
    // The receiver is there for as long as somebody measures.
    let _ = shared.turns.send(shared.asked().await);
    match shared.events.lock().await.recv().await {
        Some(event) => (
            [
                ("content-type", "application/json"),
                (
                    "lambda-runtime-aws-request-id",
                    "00000000-0000-4000-8000-000000000000",
                ),
                ("lambda-runtime-deadline-ms", FAR_AWAY_MS),
                (
                    "lambda-runtime-invoked-function-arn",
                    "arn:aws:lambda:us-east-1:111122223333:function:bench",
                ),
            ],
            event,
        )
            .into_response(),
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

async fn answered(
    State(shared): State<Arc<Shared>>,
    Path(_id): Path<String>,
    body: Bytes,
) -> StatusCode {
    let _ = shared.turns.send(Turn::Answered(Instant::now(), body));
    StatusCode::ACCEPTED
}

async fn failed(
    State(shared): State<Arc<Shared>>,
    Path(_id): Path<String>,
    body: Bytes,
) -> StatusCode {
    not_started(State(shared), body).await
}

async fn not_started(State(shared): State<Arc<Shared>>, body: Bytes) -> StatusCode {
    let why = String::from_utf8_lossy(&body).into_owned();
    let _ = shared.turns.send(Turn::Failed(why));
    StatusCode::ACCEPTED
}
