//! A simulated table over TCP. It counts requests, and fails before, during or after a request as
//! the test chooses.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use shared::client::{ClientConfig, dynamodb_client};
use shared::store::Store;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::table::TABLE;

/// The table's reaction to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// Counts the request and responds.
    Count,
    /// Responds with this status and error code. With a status of 500 or more, the table also
    /// counts the request, which is the worst case.
    Error(u16, &'static str),
    /// Counts the request, and closes the connection in the middle of the response.
    CutAnswer,
    /// Counts the request, and closes the connection without a response.
    Close,
    /// Counts the request, and resets the connection.
    Reset,
    /// Counts the request, and never responds.
    Silence,
    /// Resets the connection after the first byte of the request.
    ResetAtFirstByte,
}

/// The way in which the server ends idle connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The server closes its side, and waits until the client has closed the other side.
    Close,
    Reset,
}

#[derive(Debug, Default)]
struct State {
    reactions: VecDeque<Reaction>,
    connections: usize,
    requests: usize,
    counted: usize,
}

/// A running table, which ends with the test.
pub(crate) struct Wire {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    end: watch::Sender<Option<End>>,
    ended_connections: watch::Receiver<usize>,
}

impl Wire {
    /// Starts a table that reacts to each of the first requests with one of `reactions`, and counts
    /// all further requests.
    pub(crate) async fn reacting_with(reactions: impl IntoIterator<Item = Reaction>) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), reactions)
    }

    /// Starts a table on this listener, otherwise like [`Self::reacting_with`].
    pub(crate) fn on(listener: TcpListener, reactions: impl IntoIterator<Item = Reaction>) -> Self {
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State {
            reactions: reactions.into_iter().collect(),
            ..State::default()
        }));
        let (end, ends) = watch::channel(None);
        let (ended, ended_connections) = watch::channel(0);
        let served = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                served.lock().unwrap().connections += 1;
                let (state, ends, ended) = (Arc::clone(&served), ends.clone(), ended.clone());
                tokio::spawn(async move {
                    // `serve` fails when the client closes the connection.
                    let _ = serve(client, &state, ends).await;
                    ended.send_modify(|count| *count += 1);
                });
            }
        });
        Self {
            address,
            state,
            end,
            ended_connections,
        }
    }

    /// Makes a store with its own connections.
    pub(crate) fn store(&self) -> Store {
        let endpoint = format!("http://{}", self.address);
        let client = dynamodb_client(&ClientConfig::emulator(endpoint)).unwrap();
        Store::new(client, TABLE)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends every idle connection.
    pub(crate) async fn end_idle(&mut self, end: End) {
        let connections = self.connections();
        self.end.send_replace(Some(end));
        let all = self
            .ended_connections
            .wait_for(|ended| *ended == connections);
        all.await.unwrap();
        self.end.send_replace(None);
    }

    /// Reacts to the next requests with one of `reactions` each.
    pub(crate) fn react_next_with(&self, reactions: impl IntoIterator<Item = Reaction>) {
        self.state.lock().unwrap().reactions.extend(reactions);
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }

    /// Returns the number of requests with at least one byte.
    pub(crate) fn requests(&self) -> usize {
        self.state.lock().unwrap().requests
    }

    pub(crate) fn counted(&self) -> usize {
        self.state.lock().unwrap().counted
    }
}

/// Serves the requests of a connection one after the other.
async fn serve(
    mut client: TcpStream,
    state: &Mutex<State>,
    mut ends: watch::Receiver<Option<End>>,
) -> io::Result<()> {
    loop {
        // `wait_for` fails when the test has ended.
        let ended = async {
            ends.wait_for(Option::is_some)
                .await
                .map_or(None, |end| *end)
        };
        let first = tokio::select! {
            first = client.read_u8() => first?,
            end = ended => return match end {
                Some(End::Reset) => client.set_zero_linger(),
                _ => close(&mut client).await,
            },
        };
        let reaction = {
            let mut state = state.lock().unwrap();
            state.requests += 1;
            state.reactions.pop_front().unwrap_or(Reaction::Count)
        };
        if reaction == Reaction::ResetAtFirstByte {
            return client.set_zero_linger();
        }
        read_rest(&mut client, first).await?;
        let count = {
            let mut state = state.lock().unwrap();
            state.counted += usize::from(!matches!(reaction, Reaction::Error(..=499, _)));
            state.counted
        };
        let counted = json!({"Attributes": {"requestCount": {"N": count.to_string()}}});
        match reaction {
            Reaction::Count => client.write_all(&answer(200, &counted)).await?,
            Reaction::Error(status, code) => {
                let code = format!("com.amazonaws.dynamodb.v20120810#{code}");
                let error = json!({"__type": code, "message": "no"});
                client.write_all(&answer(status, &error)).await?;
            }
            Reaction::CutAnswer => {
                let answer = answer(200, &counted);
                client.write_all(&answer[..answer.len() - 2]).await?;
                return client.shutdown().await;
            }
            Reaction::Close => return client.shutdown().await,
            Reaction::Reset | Reaction::ResetAtFirstByte => return client.set_zero_linger(),
            Reaction::Silence => std::future::pending().await,
        }
    }
}

/// Closes the server's side, and waits until the client closes the other side.
async fn close(client: &mut TcpStream) -> io::Result<()> {
    client.shutdown().await?;
    client.read_to_end(&mut Vec::new()).await.map(|_| ())
}

/// Reads the rest of a request, whose first byte is already read.
async fn read_rest(client: &mut TcpStream, first: u8) -> io::Result<()> {
    let mut bytes = vec![first];
    loop {
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return Ok(());
            }
        }
        if client.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn answer(status: u16, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let length = body.len();
    let head = format!("HTTP/1.1 {status} Scripted\r\ncontent-length: {length}\r\n\r\n");
    (head + &body).into_bytes()
}
