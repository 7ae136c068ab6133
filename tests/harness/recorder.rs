//! A proxy between a command and its AWS endpoint. The proxy records the IAM name of each action that
//! the command calls.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, CONNECTION, EXPECT, TRANSFER_ENCODING};
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use axum::response::{IntoResponse as _, Response};
use reqwest::Client;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::http;

pub struct Recorder {
    url: String,
    actions: Arc<Mutex<BTreeSet<String>>>,
    server: JoinHandle<()>,
}

#[derive(Clone)]
struct Recording {
    endpoint: String,
    client: Client,
    actions: Arc<Mutex<BTreeSet<String>>>,
}

impl Recorder {
    /// Starts a proxy that forwards every request to `endpoint`.
    ///
    /// # Panics
    ///
    /// If no port is free.
    pub async fn start(endpoint: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let actions = Arc::new(Mutex::new(BTreeSet::new()));
        let recording = Recording {
            endpoint: endpoint.to_owned(),
            client: http::client(),
            actions: Arc::clone(&actions),
        };
        let router = Router::new().fallback(serve).with_state(recording);
        let server = tokio::spawn(async move {
            let served = axum::serve(listener, router).await;
            served.expect("the proxy serves requests");
        });
        Recorder {
            url: format!("http://{address}"),
            actions,
            server,
        }
    }

    /// Returns the proxy's URL, which is the endpoint for the command.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the recorded actions, such as `lambda:GetAlias`, and forgets them.
    ///
    /// # Panics
    ///
    /// Never, because nothing panics while it holds the lock.
    pub fn take(&self) -> BTreeSet<String> {
        std::mem::take(&mut *self.actions.lock().expect("no writer panics"))
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Returns the IAM action of a request, or `None` if the request is not signed.
fn action(head: &Parts, body: &[u8]) -> Option<String> {
    // AWS4-HMAC-SHA256 Credential=KEY/20260115/eu-central-1/lambda/aws4_request, ..
    let signature = head.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let signed_for = signature.split('/').nth(3)?;
    let path = head.uri.path_and_query()?.as_str();
    let method = head.method.as_str();
    let name = match signed_for {
        "s3" => s3_action(method, path),
        "lambda" => lambda_action(method, path),
        _ => operation_name(head, path, body),
    };
    let service = if signed_for == "monitoring" {
        "cloudwatch"
    } else {
        signed_for
    };
    let name = name.unwrap_or_else(|| format!("{method} {path}"));
    Some(format!("{service}:{name}"))
}

/// Returns the operation name in a request of the JSON, CBOR or query protocol.
fn operation_name(head: &Parts, path: &str, body: &[u8]) -> Option<String> {
    let body = String::from_utf8_lossy(body);
    let target = head.headers.get("x-amz-target");
    let target = target.and_then(|target| target.to_str().ok());
    let json = target.and_then(|target| target.rsplit('.').next());
    let cbor = path.split_once("/operation/").map(|(_, name)| name);
    let query = body
        .split('&')
        .find_map(|field| field.strip_prefix("Action="));
    json.or(cbor).or(query).map(str::to_owned)
}

fn s3_action(method: &str, path: &str) -> Option<String> {
    let has_key = path.split('?').next()?.trim_matches('/').contains('/');
    let name = match (method, has_key) {
        ("GET" | "HEAD", true) => "GetObject",
        ("PUT", true) => "PutObject",
        ("DELETE", true) => "DeleteObject",
        ("GET", false) if path.contains("list-type=2") => "ListBucket",
        _ => return None,
    };
    Some(name.to_owned())
}

fn lambda_action(method: &str, path: &str) -> Option<String> {
    let (_, function) = path.split('?').next()?.split_once("/functions/")?;
    let resource = function.split('/').nth(1).unwrap_or_default();
    let name = match (method, resource) {
        ("GET", "aliases") => "GetAlias",
        ("PUT", "aliases") => "UpdateAlias",
        ("GET", "versions") => "ListVersionsByFunction",
        ("GET", "configuration") => "GetFunctionConfiguration",
        ("POST", "invocations") => "InvokeFunction",
        _ => return None,
    };
    Some(name.to_owned())
}

/// Records the action of a request and forwards the request.
async fn serve(State(recording): State<Recording>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a whole request");
    if let Some(action) = action(&head, &body) {
        let mut actions = recording.actions.lock().expect("no writer panics");
        actions.insert(action);
    }
    let path = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let url = format!("{}{path}", recording.endpoint);
    let forwarded = recording.client.request(head.method, url).body(body);
    let response = forwarded.headers(end_to_end(head.headers)).send().await;
    let response = response.expect("the endpoint responds");
    let (status, headers) = (response.status(), end_to_end(response.headers().clone()));
    let body = response.bytes().await.expect("a whole response");
    (status, headers, body).into_response()
}

/// Removes the headers that belong to one connection
/// (<https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1>).
fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in [CONNECTION, EXPECT, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers
}
