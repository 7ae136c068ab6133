//! A proxy between a command and its AWS endpoint, which records the actions that the command
//! calls by their IAM names.

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

/// A running proxy.
pub struct Recorder {
    url: String,
    actions: Arc<Mutex<BTreeSet<String>>>,
    server: JoinHandle<()>,
}

/// The state of the proxy.
#[derive(Clone)]
struct Recording {
    endpoint: String,
    client: Client,
    actions: Arc<Mutex<BTreeSet<String>>>,
}

impl Recorder {
    /// Forwards every request to the endpoint at `url`.
    ///
    /// # Panics
    ///
    /// If no port is free.
    pub async fn before(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let actions = Arc::new(Mutex::new(BTreeSet::new()));
        let recording = Recording {
            endpoint: url.to_owned(),
            client: http::client(),
            actions: Arc::clone(&actions),
        };
        let router = Router::new().fallback(serve).with_state(recording);
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves");
        });
        Recorder {
            url: format!("http://{address}"),
            actions,
            server,
        }
    }

    /// Returns the endpoint for the command.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the actions since the last call of this function, such as `lambda:GetAlias`.
    ///
    /// # Panics
    ///
    /// If a request could not be read.
    pub fn take(&self) -> BTreeSet<String> {
        std::mem::take(&mut *self.actions.lock().expect("no writer panics"))
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Returns the action of a request, by the service in its signature; `None` if it is not signed.
fn action(head: &Parts, body: &[u8]) -> Option<String> {
    // AWS4-HMAC-SHA256 Credential=KEY/20260115/eu-central-1/lambda/aws4_request, ..
    let signature = head.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let signed_for = signature.split('/').nth(3)?;
    let path = head.uri.path_and_query()?.as_str();
    let method = head.method.as_str();
    let name = match signed_for {
        "s3" => s3(method, path),
        "lambda" => lambda(method, path),
        _ => named(head, path, body),
    };
    let service = if signed_for == "monitoring" {
        "cloudwatch"
    } else {
        signed_for
    };
    let name = name.unwrap_or_else(|| format!("{method} {path}"));
    Some(format!("{service}:{name}"))
}

/// Returns the operation of a protocol that names it: JSON, CBOR or query.
fn named(head: &Parts, path: &str, body: &[u8]) -> Option<String> {
    let body = String::from_utf8_lossy(body);
    let target = head.headers.get("x-amz-target");
    let target = target.and_then(|target| target.to_str().ok());
    let of_json = target.and_then(|target| target.rsplit('.').next());
    let of_cbor = path.split_once("/operation/").map(|(_, name)| name);
    let of_query = body
        .split('&')
        .find_map(|field| field.strip_prefix("Action="));
    of_json.or(of_cbor).or(of_query).map(str::to_owned)
}

fn s3(method: &str, path: &str) -> Option<String> {
    let of_an_object = path.split('?').next()?.trim_matches('/').contains('/');
    let name = match (method, of_an_object) {
        ("GET" | "HEAD", true) => "GetObject",
        ("PUT", true) => "PutObject",
        ("DELETE", true) => "DeleteObject",
        ("GET", false) if path.contains("list-type=2") => "ListBucket",
        _ => return None,
    };
    Some(name.to_owned())
}

fn lambda(method: &str, path: &str) -> Option<String> {
    let (_, function) = path.split('?').next()?.split_once("/functions/")?;
    let what = function.split('/').nth(1).unwrap_or_default();
    let name = match (method, what) {
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
