//! An AWS endpoint that answers from a script: what an emulator cannot be
//! brought to say, in the shape of the API references.

use tokio::io::AsyncBufReadExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The answer to one action of the AWS Query protocol, which `CloudFormation`
/// and STS speak.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    /// The action, such as `GetCallerIdentity`.
    pub action: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The body, XML.
    pub body: &'static str,
}

/// A running endpoint.
pub struct Scripted {
    url: String,
    server: JoinHandle<()>,
}

impl Scripted {
    /// Starts an endpoint that gives these answers, each as often as it is
    /// asked; to any other action it answers 400.
    ///
    /// # Panics
    ///
    /// When no port is free.
    pub async fn start(script: &'static [Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let server = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                // A client that hangs up early is one that has its answer.
                let _ = answer(connection, script).await;
            }
        });
        Scripted {
            url: format!("http://{address}"),
            server,
        }
    }

    /// The endpoint's URL.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Reads one request and answers it; every connection carries one.
async fn answer(connection: TcpStream, script: &[Answer]) -> std::io::Result<()> {
    let mut connection = BufReader::new(connection);
    let mut length = 0;
    loop {
        let mut line = String::new();
        connection.read_line(&mut line).await?;
        if line.trim_end().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await?;
    let body = String::from_utf8_lossy(&body);
    let found = script.iter().find(|answer| {
        body.split('&')
            .any(|field| field.strip_prefix("Action=") == Some(answer.action))
    });
    let (status, body) = found.map_or((400, ""), |answer| (answer.status, answer.body));
    let response = format!(
        "HTTP/1.1 {status} Scripted\r\nContent-Type: text/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(response.as_bytes()).await
}
