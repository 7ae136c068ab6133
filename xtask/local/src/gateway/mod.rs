//! API Gateway: turns HTTP requests into events for the functions, and the functions' responses into
//! HTTP responses.
//!
//! The gateway implements the part of HTTP APIs that our template uses, without throttling. In addition,
//! it serves the API's description at `/openapi.json`, and the page at `/_local/`. On AWS, the API
//! function gets the requests for these paths.

mod cors;
mod event;
mod response;
mod route;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::net::TcpListener;
use tokio::time::timeout;
use xtask::output;

use self::cors::Cors;
use self::event::Received;
use self::route::RouteKey;
use crate::lambda::Function;
use crate::page::{self, Page};
use crate::plan::ApiPlan;
use crate::recent::Recent;
use crate::server::{Peer, Server};
use crate::tls::{Certificate, TlsListener};

const DESCRIPTION_PATH: &str = "/openapi.json";
const DESCRIPTION: &str = include_str!("../../../../functions/api/openapi.json");

/// The header with the id of the request, which is also in the function's log lines.
const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("apigw-requestid");

/// Quotas of HTTP APIs
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>):
/// bytes of the request line and the headers together, and of a body.
const MAX_HEADER_BYTES: usize = 10_240;
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;

/// The largest number of logged characters of a path. The paths of all routes are shorter. An API key,
/// which clients sometimes put into a path by mistake, has 59 characters and is cut. The query is not
/// logged at all for the same reason.
const MAX_LOGGED_PATH: usize = 32;

pub(crate) struct Gateway {
    /// The routes in the order in which they are tried.
    routes: Vec<(RouteKey, Route)>,
    cors: Cors,
    recent: Arc<Recent>,
}

struct Route {
    key: String,
    function: Arc<Function>,
    timeout: Duration,
}

impl Gateway {
    pub(crate) fn new(
        plan: ApiPlan,
        functions: &BTreeMap<contract::Function, Arc<Function>>,
        recent: Arc<Recent>,
    ) -> anyhow::Result<Self> {
        let mut routes = Vec::new();
        for route in plan.routes {
            let function = functions.get(&route.function);
            let function = function
                .with_context(|| format!("the function of {} is not running", route.key))?;
            let key = RouteKey::parse(&route.key)?;
            let route = Route {
                key: route.key,
                function: Arc::clone(function),
                timeout: route.timeout,
            };
            routes.push((key, route));
        }
        routes.sort_by(|(left, _), (right, _)| left.cmp(right));
        let cors = Cors::new(&plan.cors)?;
        Ok(Gateway {
            routes,
            cors,
            recent,
        })
    }

    /// Serves the API and the page, over TLS if there is a certificate.
    pub(crate) fn serve(
        self,
        listener: TcpListener,
        certificate: Option<&Certificate>,
        page: Page,
    ) -> Server {
        let state = Arc::new((self, page));
        let router = Router::new().fallback(handle).with_state(state);
        match certificate.map(|certificate| certificate.acceptor().clone()) {
            Some(acceptor) => Server::serve(TlsListener::new(listener, acceptor), router),
            None => Server::serve(listener, router),
        }
    }

    async fn respond(&self, request: Request, peer: IpAddr, request_id: &str) -> Response<Body> {
        let (parts, body) = request.into_parts();
        if header_bytes(&parts) > MAX_HEADER_BYTES {
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            return response::from_gateway(status, "Request Header Fields Too Large");
        }
        if cors::is_preflight(&parts.method, &parts.headers) {
            return (StatusCode::NO_CONTENT, self.cors.preflight.clone()).into_response();
        }
        let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else {
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            return response::from_gateway(status, "Request Entity Too Large");
        };
        let mut response = self
            .invoke(&Received {
                parts: &parts,
                body: &body,
                peer,
                request_id,
            })
            .await;
        self.cors.apply(&parts.headers, response.headers_mut());
        response
    }

    async fn invoke(&self, received: &Received<'_>) -> Response<Body> {
        let method = received.parts.method.as_str();
        let path = event::decoded_path(received.parts);
        let route = self
            .routes
            .iter()
            .find(|(key, _)| key.matches(method, &path));
        let Some((_, route)) = route else {
            return response::from_gateway(StatusCode::NOT_FOUND, "Not Found");
        };
        let response = route.invoke(received).await;
        self.recent.add_response(&route.key, response.status());
        response
    }
}

impl Route {
    /// Invokes the function. As in API Gateway, a failure becomes a 500 and a timeout a 503, without
    /// the reason. The reason of a failure is printed on stderr.
    async fn invoke(&self, received: &Received<'_>) -> Response<Body> {
        let invocation = self.function.invoke(received.event(&self.key));
        let failure = match timeout(self.timeout, invocation).await {
            Ok(Ok(value)) => match response::from_function(value) {
                Some(response) => return response,
                None => "its response is malformed".to_owned(),
            },
            Ok(Err(failure)) => failure.to_string(),
            Err(_) => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                return response::from_gateway(status, "Service Unavailable");
            }
        };
        output::progress(format_args!(
            "error: the function of {} failed: {failure}",
            self.key
        ));
        internal_server_error()
    }
}

/// Handles a request in a separate task: if a client closes its connection, the invocation
/// continues, as in Lambda.
async fn handle(
    State(state): State<Arc<(Gateway, Page)>>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    request: Request,
) -> Response<Body> {
    if page::is_for_page(&request) {
        return state.1.respond(request).await;
    }
    // This path is not an axum route, because axum would add an `Allow` header to the function's
    // responses to other methods.
    if request.uri().path() == DESCRIPTION_PATH
        && [Method::GET, Method::HEAD].contains(request.method())
    {
        return ([(CONTENT_TYPE, "application/json")], DESCRIPTION).into_response();
    }
    let handled = tokio::spawn(async move {
        let started = Instant::now();
        let line = format!("{} {}", request.method(), logged_path(request.uri().path()));
        let request_id = new_request_id();
        let mut response = state.0.respond(request, peer, &request_id).await;
        output::progress(format_args!(
            "{line} {} {} ms {request_id}",
            response.status().as_u16(),
            started.elapsed().as_millis(),
        ));
        if let Ok(value) = HeaderValue::from_str(&request_id) {
            response.headers_mut().insert(REQUEST_ID_HEADER, value);
        }
        response
    });
    handled.await.unwrap_or_else(|_| internal_server_error())
}

fn internal_server_error() -> Response<Body> {
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    response::from_gateway(status, "Internal Server Error")
}

fn logged_path(path: &str) -> Cow<'_, str> {
    match path.char_indices().nth(MAX_LOGGED_PATH) {
        Some((end, _)) => Cow::Owned(format!("{}...", path.split_at(end).0)),
        None => Cow::Borrowed(path),
    }
}

/// Returns 16 random characters, like the request ids of API Gateway. Request ids are not secret, so
/// the random generator need not be cryptographic.
fn new_request_id() -> String {
    let mut bytes = [0; 12];
    fastrand::fill(&mut bytes);
    STANDARD.encode(bytes)
}

fn header_bytes(parts: &Parts) -> usize {
    let line = parts.method.as_str().len() + parts.uri.to_string().len();
    let headers = parts.headers.iter();
    let headers: usize = headers
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    line + headers
}
