//! Between a command and its AWS endpoint: which actions it asks for, by the
//! names that IAM has for them.

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

/// A running recorder.
pub struct Recorder {
    url: String,
    actions: Arc<Mutex<BTreeSet<String>>>,
    server: JoinHandle<()>,
}

/// What is behind the endpoint for the command.
#[derive(Clone)]
struct Recording {
    endpoint: String,
    client: Client,
    actions: Arc<Mutex<BTreeSet<String>>>,
}

impl Recorder {
    /// Passes every request on to the endpoint at `url`.
    ///
    /// # Panics
    ///
    /// When no port is free.
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

    /// The endpoint for the command.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The actions since the last time that this was asked, such as
    /// `lambda:GetAlias`.
    ///
    /// # Panics
    ///
    /// When a request could not be read.
    pub fn take(&self) -> BTreeSet<String> {
        std::mem::take(&mut *self.actions.lock().expect("no writer panics"))
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The action, by the service that the signature is for; none of a request that
/// is not signed.
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

/// The operation where the protocol has its name in it: JSON, CBOR, query.
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

/// Notes what a request asks for, and has the endpoint answer it.
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
    let answer = forwarded.headers(end_to_end(head.headers)).send().await;
    let answer = answer.expect("the endpoint answers");
    let (status, headers) = (answer.status(), end_to_end(answer.headers().clone()));
    let body = answer.bytes().await.expect("a whole answer");
    (status, headers, body).into_response()
}

/// The headers that are not about one connection.
///
/// <https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1>
fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in [CONNECTION, EXPECT, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers
}
