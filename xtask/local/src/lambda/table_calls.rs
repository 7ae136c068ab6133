//! A proxy between one process and the table, which records the calls of the process.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::recent::Process;
use crate::server;

/// The part of the header `X-Amz-Target` before the operation.
const TARGET: &str = "DynamoDB_20120810.";

/// The size of one read in bytes. The head of a request is smaller.
const BUFFER_BYTES: usize = 16 * 1024;

/// The port of the proxy, which is closed when this value is dropped.
pub(super) struct TablePort {
    pub(super) endpoint: String,
    _connections: JoinSet<()>,
}

impl TablePort {
    pub(super) fn open(table: SocketAddr, process: Process) -> anyhow::Result<Self> {
        let listener = server::listen(0)?;
        let endpoint = server::url(&listener)?;
        let mut connections = JoinSet::new();
        connections.spawn(accept(listener, table, process));
        Ok(Self {
            endpoint,
            _connections: connections,
        })
    }
}

async fn accept(listener: TcpListener, table: SocketAddr, process: Process) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let process = process.clone();
        // Errors are ignored here, because the process reports a broken connection.
        connections.spawn(async move { forward(client, table, process).await.is_ok() });
    }
}

/// Forwards a connection until one side closes it. The calls on one connection never overlap.
async fn forward(mut client: TcpStream, table: SocketAddr, process: Process) -> io::Result<()> {
    let mut server = TcpStream::connect(table).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut request, mut response) = (vec![0; BUFFER_BYTES], vec![0; BUFFER_BYTES]);
    let mut call = None;
    loop {
        tokio::select! {
            read = client.read(&mut request) => {
                let bytes = request.get(..read?).unwrap_or_default();
                if bytes.is_empty() {
                    return Ok(());
                }
                call = operation(bytes).map(|name| (name, Instant::now())).or(call);
                server.write_all(bytes).await?;
            }
            read = server.read(&mut response) => {
                let bytes = response.get(..read?).unwrap_or_default();
                if bytes.is_empty() {
                    return Ok(());
                }
                if let Some((name, started)) = call.take() {
                    let milliseconds = started.elapsed().as_secs_f64() * 1e3;
                    let status = String::from_utf8_lossy(bytes.get(9..12).unwrap_or_default());
                    process.add_call(format!("{name}: {status}, {milliseconds:.1} ms"));
                }
                client.write_all(bytes).await?;
            }
        }
    }
}

/// Returns the operation in the head of a request; `None` for bytes of a body.
fn operation(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let (head, _) = text.split_once("\r\n\r\n")?;
    let (_, name) = head.split_once(TARGET)?;
    Some(
        name.chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect(),
    )
}
