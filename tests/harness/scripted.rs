//! An AWS endpoint that answers from a script: what an emulator cannot be
//! brought to say, in the shape of the API references.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_smithy_cbor::Encoder;
use axum::Router;
use axum::body::to_bytes;
use axum::extract::{self, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use contract::routes::{API_KEY_HEADER, RATE_LIMIT_HEADERS};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The end of the path of a request with an API key.
const KEY: &str = "#key";
/// Values of the rate limit's headers, which every response to a key has.
const RATE_LIMIT: [&str; 3] = ["100", "99", "60"];

/// The answer to one action.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    /// The action, such as `GetCallerIdentity`; in a REST protocol, as Lambda
    /// speaks it, the method and the path without its query, of which a `*` at
    /// the end stands for any rest; `#key` follows where an API key is sent. Fields that the body of a query has to have
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
    /// The method and the path without its query; the URL where it came as to a proxy.
    /// `#key` follows where an API key came.
    pub path: String,
    /// The action of the AWS JSON protocol, the part of `X-Amz-Target` after its
    /// last dot.
    pub target: Option<String>,
    /// The access key id that signed it; empty where nothing did.
    pub access_key_id: String,
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

/// A script that is being played.
#[derive(Clone)]
struct Played {
    script: Arc<[Answer]>,
    /// How often each action has been answered.
    given: Arc<Mutex<HashMap<&'static str, usize>>>,
    requests: Arc<Mutex<Vec<Request>>>,
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
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let played = Played {
            script: script.into(),
            given: Arc::default(),
            requests: Arc::clone(&requests),
        };
        let router = Router::new().fallback(serve).with_state(played);
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves");
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

async fn serve(State(played): State<Played>, request: extract::Request) -> Response {
    let (head, body) = request.into_parts();
    // Who hangs up half-way through a request waits for no answer.
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let target = head.headers.get("x-amz-target");
    let target = target.and_then(|target| target.to_str().ok()?.rsplit('.').next());
    let key = head.headers.get(API_KEY_HEADER).map_or("", |_| KEY);
    let request = Request {
        path: format!("{} {}{key}", head.method, without_query(&head.uri)),
        target: target.map(str::to_owned),
        access_key_id: access_key_id(&head.headers).unwrap_or_default().to_owned(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let mut given = played.given.lock().expect("no other answer panics");
    let turn = next(&played.script, &mut given, &request);
    let answer = answer(&request, turn);
    // Before the answer: who has that may ask at once what came.
    let mut requests = played.requests.lock().expect("no reader panics");
    requests.push(request);
    answer
}

/// The id in a signature: `AWS4-HMAC-SHA256 Credential=ID/DATE/..`.
fn access_key_id(headers: &HeaderMap) -> Option<&str> {
    let signature = headers.get(AUTHORIZATION)?.to_str().ok()?;
    signature.split_once("Credential=")?.1.split('/').next()
}

fn without_query(uri: &Uri) -> String {
    let mut uri = uri.to_string();
    uri.truncate(uri.find('?').unwrap_or(uri.len()));
    uri
}

fn answer(request: &Request, answer: Option<&Answer>) -> Response {
    let (status, body) = answer.map_or((400, ""), |answer| (answer.status, answer.body));
    let status = StatusCode::from_u16(status).expect("a script has statuses of HTTP");
    if request.path.starts_with("POST /service/") {
        let value = serde_json::from_str(body).unwrap_or_default();
        let mut encoder = Encoder::new(Vec::new());
        encode(&value, &mut encoder);
        let protocol = [
            ("content-type", "application/cbor"),
            ("smithy-protocol", "rpc-v2-cbor"),
        ];
        return (status, protocol, encoder.into_writer()).into_response();
    }
    let content_type = if body.starts_with('{') {
        "application/json"
    } else {
        "text/xml"
    };
    let mut response = (status, [(CONTENT_TYPE, content_type)], body).into_response();
    if request.path.ends_with(KEY) {
        for (name, value) in RATE_LIMIT_HEADERS.into_iter().zip(RATE_LIMIT) {
            let value = HeaderValue::from_static(value);
            response.headers_mut().insert(name, value);
        }
    }
    response
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
