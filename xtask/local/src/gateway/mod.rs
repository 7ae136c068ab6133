//! The HTTP API: requests in, events to functions, their answers out.
//!
//! It does what API Gateway's HTTP APIs do with payload format 2.0, so that a
//! function cannot tell the difference. What it leaves out: throttling,
//! authorizers, stages other than `$default`, and TLS. What it adds: the
//! description of the API at `/openapi.json`.

mod answer;
mod cors;
mod description;
mod event;
mod route;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::time::timeout;
use xtask::output;

use self::event::Received;
use self::route::RouteKey;
use crate::lambda::Function;
use crate::plan::{ApiPlan, Cors};
use crate::server::Server;

/// The request id, on every answer; the function's log lines carry it, too.
const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("apigw-requestid");

/// Quotas of HTTP APIs
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>):
/// bytes of the request line and the headers together, and of a body.
const MAX_HEADER_BYTES: usize = 10_240;
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;

/// Characters of a path that are shown; a key has 59.
const MAX_SHOWN_PATH: usize = 32;

/// An HTTP API.
pub(crate) struct Gateway {
    routes: Vec<(RouteKey, Route)>,
    cors: Option<Cors>,
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
    ) -> anyhow::Result<Self> {
        let routes = plan
            .routes
            .into_iter()
            .map(|route| {
                let function = functions
                    .get(&route.function)
                    .with_context(|| format!("the function of {} does not run", route.key))?;
                let key = RouteKey::parse(&route.key)?;
                let route = Route {
                    key: route.key,
                    function: Arc::clone(function),
                    timeout: route.timeout,
                };
                Ok((key, route))
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(Gateway {
            routes,
            cors: plan.cors,
        })
    }

    /// Serves on `listener`.
    pub(crate) fn serve(self, listener: TcpListener) -> Server {
        let router = Router::new().fallback(handle).with_state(Arc::new(self));
        Server::of(listener, router)
    }

    async fn respond(&self, request: Request, peer: IpAddr, request_id: &str) -> Response<Body> {
        let (parts, body) = request.into_parts();
        if header_bytes(&parts) > MAX_HEADER_BYTES {
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            return answer::of_the_gateway(status, "Request Header Fields Too Large");
        }
        if let Some(cors) = &self.cors
            && cors::is_preflight(&parts.method, &parts.headers)
        {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            *response.headers_mut() = cors::preflight(cors, &parts.headers);
            return response;
        }
        let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else {
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            return answer::of_the_gateway(status, "Request Entity Too Large");
        };
        let mut response = self.forward(&parts, &body, peer, request_id).await;
        if let Some(cors) = &self.cors {
            cors::apply(cors, &parts.headers, response.headers_mut());
        }
        response
    }

    /// Asks the route's function. Its failure is a 500 and its silence a 503,
    /// both in the gateway's own words: the reason is on stderr.
    async fn forward(
        &self,
        parts: &Parts,
        body: &[u8],
        peer: IpAddr,
        request_id: &str,
    ) -> Response<Body> {
        let path = event::decoded_path(parts);
        let Some((route, path_parameters)) =
            route::best(&self.routes, parts.method.as_str(), &path)
        else {
            return answer::of_the_gateway(StatusCode::NOT_FOUND, "Not Found");
        };
        let received = Received {
            parts,
            body,
            peer,
            request_id,
            at: OffsetDateTime::now_utc(),
            route_key: &route.key,
            path_parameters,
        };
        let invocation = route.function.invoke(received.event());
        let result = match timeout(route.timeout, invocation).await {
            Ok(Ok(value)) => answer::response(value).ok_or("its answer is malformed".to_owned()),
            Ok(Err(failure)) => Err(failure.to_string()),
            Err(_) => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                return answer::of_the_gateway(status, "Service Unavailable");
            }
        };
        result.unwrap_or_else(|reason| {
            output::progress(format_args!(
                "error: the function of {}: {reason}",
                route.key
            ));
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            answer::of_the_gateway(status, "Internal Server Error")
        })
    }
}

/// Handles a request to its end in a task of its own: a client that goes away
/// cancels its connection, and in Lambda that ends no invocation.
async fn handle(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response<Body> {
    // By hand, because a route of axum's would put its `Allow` on the function's
    // answers to other methods.
    if description::is_wanted(&request) {
        return description::answer();
    }
    let handled = tokio::spawn(async move {
        let started = Instant::now();
        let line = format!("{} {}", request.method(), shown(request.uri().path()));
        let request_id = new_request_id();
        let mut response = gateway.respond(request, peer.ip(), &request_id).await;
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
    handled.await.unwrap_or_else(|_| {
        answer::of_the_gateway(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
    })
}

/// As much of a path as the line about its request has: more than any route
/// needs, and less than a key has. People put keys where they do not belong,
/// which is why the line has nothing of the query.
fn shown(path: &str) -> Cow<'_, str> {
    match path.char_indices().nth(MAX_SHOWN_PATH) {
        Some((end, _)) => Cow::Owned(format!("{}...", path.split_at(end).0)),
        None => Cow::Borrowed(path),
    }
}

/// 16 characters like those of API Gateway's ids. They tell requests apart and
/// protect nothing, so the generator need not be a cryptographic one.
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
