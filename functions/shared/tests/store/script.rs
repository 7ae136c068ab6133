//! A server with scripted responses of DynamoDB, for failures that the emulator cannot produce.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::serve::Listener;
use serde_json::Value;
use shared::client::{ClientConfig, dynamodb_client};
use shared::store::Store;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::table::TABLE;

/// Makes one response from the number of earlier requests and the body of the request.
type Answer = fn(attempt: usize, request: &Value) -> (u16, Value);

/// A running server, which ends with the test.
pub(crate) struct Script {
    endpoint: String,
    requests: Arc<Mutex<Vec<Value>>>,
}

#[derive(Clone)]
struct Server {
    answer: Answer,
    requests: Arc<Mutex<Vec<Value>>>,
}

impl Script {
    /// Starts a server that answers every request by `answer`.
    pub(crate) async fn answering(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        Self::serve(listener, endpoint, answer)
    }

    /// Starts a server over TLS that answers every request by `answer`.
    pub(crate) async fn answering_over_tls(acceptor: TlsAcceptor, answer: Answer) -> Self {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("https://{}", tcp.local_addr().unwrap());
        Self::serve(TlsListener { tcp, acceptor }, endpoint, answer)
    }

    fn serve(listener: impl Listener<Addr = SocketAddr>, endpoint: String, answer: Answer) -> Self {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let server = Server {
            answer,
            requests: requests.clone(),
        };
        let router = Router::new().fallback(respond).with_state(server);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { endpoint, requests }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(crate) fn store(&self) -> Store {
        let client = dynamodb_client(&ClientConfig::emulator(&self.endpoint)).unwrap();
        Store::new(client, TABLE)
    }

    /// Returns the number of requests.
    pub(crate) fn requests(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// Returns the bodies of the requests.
    pub(crate) fn bodies(&self) -> Vec<Value> {
        self.requests.lock().unwrap().clone()
    }
}

struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    /// Returns the next client whose handshake succeeds.
    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.tcp.accept().await.unwrap();
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

async fn respond(State(server): State<Server>, body: Bytes) -> (StatusCode, String) {
    // A GET request has no body.
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let attempt = {
        let mut requests = server.requests.lock().unwrap();
        requests.push(request.clone());
        requests.len() - 1
    };
    let (status, answer) = (server.answer)(attempt, &request);
    (StatusCode::from_u16(status).unwrap(), answer.to_string())
}
