//! An AWS endpoint that answers from a script: what an emulator cannot be
//! brought to say, in the shape of the API references.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::io::AsyncBufReadExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The answer to one action.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    /// The action, such as `GetCallerIdentity`; in a REST protocol, as Lambda
    /// speaks it, the method and the path without its query.
    pub action: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The body, XML or JSON.
    pub body: &'static str,
}

/// What was asked.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method and the path without its query.
    pub path: String,
    /// The action of the AWS JSON protocol, the part of `X-Amz-Target` after its
    /// last dot.
    pub target: Option<String>,
    /// The body.
    pub body: String,
}

impl Request {
    /// Whether it asks for this action.
    pub fn is(&self, action: &str) -> bool {
        let of_query = |field: &str| field.strip_prefix("Action=") == Some(action);
        self.path == action
            || self.target.as_deref() == Some(action)
            || self.body.split('&').any(of_query)
    }
}

/// A running endpoint.
pub struct Scripted {
    url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    server: JoinHandle<()>,
}

impl Scripted {
    /// Starts an endpoint that gives these answers. Those to one action are given
    /// in turn, the last one as often as it is asked; to any other action it
    /// answers 400.
    ///
    /// # Panics
    ///
    /// When no port is free.
    pub async fn start(script: &[Answer]) -> Self {
        let script = script.to_vec();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        let server = tokio::spawn(async move {
            let mut given = HashMap::new();
            while let Ok((connection, _)) = listener.accept().await {
                let mut connection = BufReader::new(connection);
                // A client that hangs up early is one that has its answer.
                let Ok(request) = read(&mut connection).await else {
                    continue;
                };
                let its_turn = next(&script, &mut given, &request);
                // Before the answer: who has that may ask at once what came.
                log.lock().expect("no reader panics").push(request);
                let _ = answer(connection, its_turn).await;
            }
        });
        Scripted {
            url: format!("http://{address}"),
            requests,
            server,
        }
    }

    /// Everything that was asked, in order.
    ///
    /// # Panics
    ///
    /// When another reader has panicked.
    pub fn all(&self) -> Vec<Request> {
        self.requests.lock().expect("no reader panics").clone()
    }

    /// What was asked for this action, in order.
    ///
    /// # Panics
    ///
    /// When another reader has panicked.
    pub fn requests(&self, action: &str) -> Vec<Request> {
        let mut requests = self.all();
        requests.retain(|request| request.is(action));
        requests
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

/// The answer whose turn it is.
fn next<'a>(
    script: &'a [Answer],
    given: &mut HashMap<&'static str, usize>,
    request: &Request,
) -> Option<&'a Answer> {
    let mut answers = script.iter().filter(|answer| request.is(answer.action));
    let turn = given.entry(answers.clone().next()?.action).or_default();
    let answer = answers.clone().nth(*turn).or_else(|| answers.next_back());
    *turn += 1;
    answer
}

/// Reads one request; every connection carries one.
async fn read(connection: &mut BufReader<TcpStream>) -> std::io::Result<Request> {
    let mut first = String::new();
    connection.read_line(&mut first).await?;
    let path = first.split(['?', ' ']).take(2).collect::<Vec<_>>();
    let (mut length, mut target) = (0, None);
    loop {
        let mut line = String::new();
        connection.read_line(&mut line).await?;
        if line.trim_end().is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().unwrap_or(0);
        }
        if name.eq_ignore_ascii_case("x-amz-target") {
            target = value.rsplit('.').next().map(str::to_owned);
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await?;
    Ok(Request {
        path: path.join(" "),
        target,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

async fn answer(
    mut connection: BufReader<TcpStream>,
    answer: Option<&Answer>,
) -> std::io::Result<()> {
    let (status, body) = answer.map_or((400, ""), |answer| (answer.status, answer.body));
    let content_type = if body.starts_with('{') {
        "application/json"
    } else {
        "text/xml"
    };
    let response = format!(
        "HTTP/1.1 {status} Scripted\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(response.as_bytes()).await
}
