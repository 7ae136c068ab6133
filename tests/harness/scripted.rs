//! An AWS endpoint with scripted responses, for situations that the emulator cannot produce. The
//! responses have the form of the examples in AWS's API references.

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

/// The suffix of [`Request::path`] if the request has an API key.
const KEY: &str = "#key";
/// The values of [`RATE_LIMIT_HEADERS`] in a response to a request with an API key.
const RATE_LIMIT: [&str; 3] = ["100", "99", "60"];

/// A scripted response to one action.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    /// The requests that get this response:
    ///
    /// - `GetCallerIdentity`: the calls of an action in the query, JSON or CBOR protocol.
    /// - `DescribeStacks&StackName=s`: the calls of an action whose body in the query protocol has
    ///   these fields.
    /// - `GET /prices`: the requests with this method and this path, without the query string. A
    ///   final `*` matches any rest.
    /// - `GET /prices#key`: the requests with this method, this path and an API key.
    pub action: &'static str,
    pub status: u16,
    /// The body, XML or JSON. JSON is sent as CBOR if the request is CBOR.
    pub body: &'static str,
}

impl Answer {
    /// Returns a response with status 200.
    pub const fn ok(action: &'static str, body: &'static str) -> Self {
        Answer {
            action,
            status: 200,
            body,
        }
    }

    /// Returns a response with another status than 200.
    pub const fn error(action: &'static str, status: u16, body: &'static str) -> Self {
        Answer {
            action,
            status,
            body,
        }
    }
}

/// Returns a script in which `changes` replace the responses to the same actions.
pub fn with_changes(changes: &[Answer], script: &[Answer]) -> Vec<Answer> {
    let is_changed = |answer: &&Answer| changes.iter().any(|new| new.action == answer.action);
    let kept = script.iter().filter(|answer| !is_changed(answer));
    changes.iter().chain(kept).copied().collect()
}

#[derive(Debug, Clone)]
pub struct Request {
    /// The method and the path without the query string, such as `GET /prices`. `#key` follows if
    /// the request has an API key. A request to a proxy has the URL in place of the path.
    pub path: String,
    /// The action of the AWS JSON protocol: the part of `X-Amz-Target` after the last dot.
    pub target: Option<String>,
    /// The access key id of the signature. Empty without a signature.
    pub access_key_id: String,
    pub body: String,
}

impl Request {
    pub fn calls(&self, action: &str) -> bool {
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

#[derive(Clone)]
struct EndpointState {
    script: Arc<[Answer]>,
    /// The number of responses that were sent for each action.
    counts: Arc<Mutex<HashMap<&'static str, usize>>>,
    requests: Arc<Mutex<Vec<Request>>>,
}

pub struct Scripted {
    url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    server: JoinHandle<()>,
}

impl Scripted {
    /// Starts an endpoint with these responses. If several actions match a request, the longest action
    /// wins, because it is the most specific. The responses to one action are sent in the order of the
    /// script, and the last response repeats. A request that no action matches gets a 400.
    ///
    /// # Panics
    ///
    /// If no port is free.
    pub async fn start(script: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let state = EndpointState {
            script: script.into(),
            counts: Arc::default(),
            requests: Arc::clone(&requests),
        };
        let router = Router::new().fallback(serve).with_state(state);
        let server = tokio::spawn(async move {
            let served = axum::serve(listener, router).await;
            served.expect("the endpoint serves requests");
        });
        Scripted {
            url: format!("http://{address}"),
            requests,
            server,
        }
    }

    /// Returns all requests, the oldest first.
    ///
    /// # Panics
    ///
    /// If another reader has panicked.
    pub fn all_requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no reader panics").clone()
    }

    /// Returns the requests that call an action, the oldest first.
    ///
    /// # Panics
    ///
    /// If another reader has panicked.
    pub fn requests(&self, action: &str) -> Vec<Request> {
        let mut requests = self.all_requests();
        requests.retain(|request| request.calls(action));
        requests
    }

    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn next_answer<'a>(
    script: &'a [Answer],
    counts: &mut HashMap<&'static str, usize>,
    request: &Request,
) -> Option<&'a Answer> {
    let matching = script.iter().filter(|answer| request.calls(answer.action));
    let action = matching
        .map(|answer| answer.action)
        .max_by_key(|action| action.len())?;
    let mut answers = script.iter().filter(|answer| answer.action == action);
    let count = counts.entry(action).or_default();
    let answer = answers.clone().nth(*count).or_else(|| answers.next_back());
    *count += 1;
    answer
}

async fn serve(State(state): State<EndpointState>, request: extract::Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        // The client has disconnected and will not read this response.
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
    let mut counts = state.counts.lock().expect("no other answer panics");
    let answer = next_answer(&state.script, &mut counts, &request);
    let response = response(&request, answer);
    // The request is recorded before the response is sent, because a test may read the requests as
    // soon as it has the response.
    let mut requests = state.requests.lock().expect("no reader panics");
    requests.push(request);
    response
}

/// Returns the id in a signature: `AWS4-HMAC-SHA256 Credential=ID/DATE/..`.
fn access_key_id(headers: &HeaderMap) -> Option<&str> {
    let signature = headers.get(AUTHORIZATION)?.to_str().ok()?;
    signature.split_once("Credential=")?.1.split('/').next()
}

fn without_query(uri: &Uri) -> String {
    let mut uri = uri.to_string();
    uri.truncate(uri.find('?').unwrap_or(uri.len()));
    uri
}

fn response(request: &Request, answer: Option<&Answer>) -> Response {
    let (status, body) = answer.map_or((400, ""), |answer| (answer.status, answer.body));
    let status = StatusCode::from_u16(status).expect("a script has HTTP statuses");
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

/// Encodes a JSON value of a script as CBOR. Scripts have only objects, arrays and strings.
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
