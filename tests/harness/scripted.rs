//! An AWS endpoint that answers from a script: what an emulator cannot be
//! brought to say, in the shape of the API references.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_smithy_cbor::Encoder;
use serde_json::Value;
use tokio::io::AsyncBufReadExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The answer to one action.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    /// The action, such as `GetCallerIdentity`; in a REST protocol, as Lambda
    /// speaks it, the method and the path without its query, of which a `*` at
    /// the end stands for any rest. Fields that the body of a query has to have
    /// follow: `DescribeStacks&StackName=s`.
    pub action: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The body, XML or JSON; JSON is sent as CBOR where the request is.
    pub body: &'static str,
}

impl Answer {
    /// An answer of status 200.
    pub const fn ok(action: &'static str, body: &'static str) -> Self {
        Answer {
            action,
            status: 200,
            body,
        }
    }

    /// An error of the query protocol.
    pub const fn error(action: &'static str, status: u16, body: &'static str) -> Self {
        Answer {
            action,
            status,
            body,
        }
    }
}

/// A script with some of its actions answered in another way.
pub fn with(changes: &[Answer], script: &[Answer]) -> Vec<Answer> {
    let is_changed = |answer: &&Answer| changes.iter().any(|new| new.action == answer.action);
    let kept = script.iter().filter(|answer| !is_changed(answer));
    changes.iter().chain(kept).copied().collect()
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
        let mut parts = action.split('&');
        let action = parts.next().unwrap_or_default();
        let has = |field: &str| self.body.split('&').any(|other| other == field);
        let is_path = match action.strip_suffix('*') {
            Some(beginning) => self.path.starts_with(beginning),
            None => self.path == action,
        };
        let is_action = is_path
            || self.target.as_deref() == Some(action)
            // The CBOR protocol has the action in the path.
            || self.path.ends_with(&format!("/operation/{action}"))
            || has(&format!("Action={action}"));
        is_action && parts.all(has)
    }
}

/// A running endpoint.
pub struct Scripted {
    url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    server: JoinHandle<()>,
}

impl Scripted {
    /// Starts an endpoint that gives these answers. Of the actions that fit a
    /// request, the longest counts, as the most exact. Its answers are given in turn,
    /// the last one as often as it is asked; to any other action it answers 400.
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
                let turn = next(&script, &mut given, &request);
                // Before the answer: who has that may ask at once what came.
                log.lock().expect("no reader panics").push(request.clone());
                let _ = answer(connection, &request, turn).await;
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
    let fitting = script.iter().filter(|answer| request.is(answer.action));
    let action = fitting
        .map(|answer| answer.action)
        .max_by_key(|action| action.len())?;
    let mut answers = script.iter().filter(|answer| answer.action == action);
    let turn = given.entry(action).or_default();
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
    request: &Request,
    answer: Option<&Answer>,
) -> std::io::Result<()> {
    let (status, body) = answer.map_or((400, ""), |answer| (answer.status, answer.body));
    let (content_type, body) = if request.path.starts_with("POST /service/") {
        let value = serde_json::from_str(body).unwrap_or_default();
        let mut encoder = Encoder::new(Vec::new());
        encode(&value, &mut encoder);
        let protocol = "application/cbor\r\nSmithy-Protocol: rpc-v2-cbor";
        (protocol, encoder.into_writer())
    } else if body.starts_with('{') {
        ("application/json", body.into())
    } else {
        ("text/xml", body.into())
    };
    let head = format!(
        "HTTP/1.1 {status} Scripted\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).await?;
    connection.write_all(&body).await
}

/// Writes as CBOR what the scripts have of JSON: objects, lists and texts.
fn encode(value: &Value, encoder: &mut Encoder) {
    match value {
        Value::Object(fields) => {
            encoder.map(fields.len());
            for (name, value) in fields {
                encoder.str(name);
                encode(value, encoder);
            }
        }
        Value::Array(items) => {
            encoder.array(items.len());
            for item in items {
                encode(item, encoder);
            }
        }
        other => {
            encoder.str(other.as_str().unwrap_or_default());
        }
    }
}
