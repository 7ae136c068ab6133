//! A provider with scripted responses, controlled byte by byte.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use reqwest::Url;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

#[derive(Debug, Clone)]
pub(crate) struct Reply {
    status: &'static str,
    headers: String,
    body: Vec<u8>,
    chunked: bool,
    end: End,
}

/// The end of a response.
#[derive(Debug, Clone, Copy)]
enum End {
    Complete,
    /// The connection closes after this number of bytes of the body.
    Break(usize),
    /// The server sends nothing more after this number of bytes of the body.
    Stop(usize),
    /// The server sends nothing at all.
    Silence,
    /// `body` is the whole response, with the status line and the headers.
    Raw,
    /// The body continues until the client closes the connection.
    Endless,
}

impl Reply {
    fn new(status: &'static str, body: Vec<u8>) -> Self {
        Self {
            status,
            headers: String::new(),
            body,
            chunked: false,
            end: End::Complete,
        }
    }

    /// Returns a 200 with a body.
    pub(crate) fn json(body: impl Into<Vec<u8>>) -> Self {
        Self::new("200 OK", body.into())
    }

    /// Returns a response with this status and no body.
    pub(crate) fn status(status: &'static str) -> Self {
        Self::new(status, Vec::new())
    }

    /// Returns a response of exactly these bytes: status line, headers and body.
    pub(crate) fn raw(response: &[u8]) -> Self {
        Self::json(response).ending(End::Raw)
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn silence() -> Self {
        Self::json("").ending(End::Silence)
    }

    /// Returns a 200 with a body that never ends.
    pub(crate) fn endless() -> Self {
        Self::json("").chunked().ending(End::Endless)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.extend([name, ": ", value, "\r\n"]);
        self
    }

    /// Sends the body without its length.
    pub(crate) fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// Closes the connection after this number of bytes of the body.
    pub(crate) fn breaking_after(self, bytes: usize) -> Self {
        self.ending(End::Break(bytes))
    }

    /// Sends nothing more after this number of bytes of the body.
    pub(crate) fn stopping_after(self, bytes: usize) -> Self {
        self.ending(End::Stop(bytes))
    }

    fn ending(mut self, end: End) -> Self {
        self.end = end;
        self
    }

    async fn write(&self, mut connection: impl AsyncWrite + Unpin) -> std::io::Result<()> {
        let length = if self.chunked {
            "transfer-encoding: chunked".to_owned()
        } else {
            format!("content-length: {}", self.body.len())
        };
        let head = format!(
            "HTTP/1.1 {}\r\n{}{length}\r\nconnection: close\r\n\r\n",
            self.status, self.headers
        );
        let body = if self.chunked && !self.body.is_empty() {
            let size = format!("{:x}\r\n", self.body.len());
            [size.as_bytes(), &self.body, b"\r\n0\r\n\r\n"].concat()
        } else {
            self.body.clone()
        };
        match self.end {
            End::Complete => {
                connection.write_all(head.as_bytes()).await?;
                connection.write_all(&body).await
            }
            End::Raw => connection.write_all(&body).await,
            End::Break(bytes) => {
                connection.write_all(head.as_bytes()).await?;
                connection.write_all(&body[..bytes]).await
            }
            End::Stop(bytes) => {
                connection.write_all(head.as_bytes()).await?;
                connection.write_all(&body[..bytes]).await?;
                std::future::pending().await
            }
            End::Silence => std::future::pending().await,
            End::Endless => {
                connection.write_all(head.as_bytes()).await?;
                let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x1_0000));
                loop {
                    connection.write_all(chunk.as_bytes()).await?;
                }
            }
        }
    }
}

/// A server on a loopback address that stops when it is dropped.
pub(crate) struct Server {
    base: Url,
    requests: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts a server that sends each of the replies once, and closes later connections.
    pub(crate) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let mut replies: VecDeque<_> = replies.into_iter().collect();
        Self::serve(move || replies.pop_front()).await
    }

    /// Starts a server that always sends the same reply.
    pub(crate) async fn repeat(reply: Reply) -> Self {
        Self::serve(move || Some(reply.clone())).await
    }

    /// Starts a server that always sends the same reply over TLS.
    pub(crate) async fn repeat_over_tls(reply: Reply, tls: TlsAcceptor) -> Self {
        let (listener, mut base) = listen().await;
        base.set_scheme("https").unwrap();
        let task = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                // Fails if the client does not trust the certificate.
                let Ok(mut connection) = tls.accept(connection).await else {
                    continue;
                };
                read_head(&mut connection).await;
                let _ = reply.write(&mut connection).await;
                let _ = connection.shutdown().await;
            }
        });
        Self {
            base,
            requests: Arc::default(),
            task,
        }
    }

    /// Returns the base URL of the provider.
    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    /// Returns the heads of all requests so far. A server over TLS records none.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    async fn serve(mut next: impl FnMut() -> Option<Reply> + Send + 'static) -> Self {
        let (listener, base) = listen().await;
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((mut connection, _)) = listener.accept().await {
                let head = read_head(&mut connection).await;
                seen.lock().unwrap().push(head);
                let Some(reply) = next() else { continue };
                connections.spawn(async move {
                    // `write` fails if the client closes the connection.
                    let _ = reply.write(&mut connection).await;
                    let _ = connection.shutdown().await;
                });
            }
        });
        Self {
            base,
            requests,
            task,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen() -> (TcpListener, Url) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/api/v3", listener.local_addr().unwrap());
    (listener, base.parse().unwrap())
}

/// The first byte of a TLS handshake, which never contains the end of an HTTP head.
const TLS_HANDSHAKE: u8 = 0x16;

async fn read_head(mut connection: impl AsyncRead + Unpin) -> String {
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.first() != Some(&TLS_HANDSHAKE) {
        match connection.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(read) => head.extend_from_slice(&buffer[..read]),
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}
