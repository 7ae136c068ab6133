//! An AWS endpoint that answers from a script: what an emulator cannot be
//! brought to say, in the shape of the API references.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

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
    requests: Arc<Mutex<Vec<String>>>,
    server: JoinHandle<()>,
}

impl Scripted {
    /// Starts an endpoint that gives these answers: those to the same action in
    /// their order, the last of them as often as it is asked. To any other
    /// action it answers 400.
    ///
    /// # Panics
    ///
    /// When no port is free.
    pub async fn start(script: &'static [Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let recorded = Arc::clone(&requests);
        let server = tokio::spawn(async move {
            let mut given = HashMap::new();
            while let Ok((connection, _)) = listener.accept().await {
                // A client that hangs up early is one that has its answer.
                let _ = answer(connection, script, &mut given, &recorded).await;
            }
        });
        Scripted {
            url: format!("http://{address}"),
            requests,
            server,
        }
    }

    /// The requests of one action so far: their fields, `name=value` with the
    /// value encoded.
    ///
    /// # Panics
    ///
    /// When the server has panicked.
    pub fn requests(&self, action: &str) -> Vec<Vec<String>> {
        let requests = self.requests.lock().expect("the server is alive");
        let fields = requests
            .iter()
            .map(|request| request.split('&').map(str::to_owned).collect());
        let action = format!("Action={action}");
        fields
            .filter(|fields: &Vec<String>| fields.contains(&action))
            .collect()
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

/// Reads one request and answers it; every connection carries one. `given`
/// counts the answers by action.
async fn answer(
    connection: TcpStream,
    script: &'static [Answer],
    given: &mut HashMap<&'static str, usize>,
    recorded: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
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
    let body = String::from_utf8_lossy(&body).into_owned();
    let answers: Vec<&Answer> = script
        .iter()
        .filter(|answer| {
            body.split('&')
                .any(|field| field.strip_prefix("Action=") == Some(answer.action))
        })
        .collect();
    if let Ok(mut requests) = recorded.lock() {
        requests.push(body);
    }
    let next = answers.first().map_or(0, |answer| {
        let given = given.entry(answer.action).or_default();
        *given += 1;
        *given - 1
    });
    let found = answers.get(next).or(answers.last());
    let (status, body) = found.map_or((400, ""), |answer| (answer.status, answer.body));
    let response = format!(
        "HTTP/1.1 {status} Scripted\r\nContent-Type: text/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(response.as_bytes()).await
}
