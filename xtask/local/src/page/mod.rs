//! The page at `/_local/`: its files, and the endpoints of its data below `/_local/api/`.
//!
//! Another site in the same browser must not read or control the stack:
//!
//! - The `Host` must be an address of this machine.
//! - Each endpoint requires a token that only the page has.
//! - No response allows another origin.
//! - If other machines can connect, the page itself requires the token. The URL in the terminal has it.

mod alarms;
mod items;
mod metric_math;
mod reference;

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, to_bytes};
use axum::extract::{Query, Request};
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, LOCATION, ORIGIN, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{Method, Response, StatusCode, Uri};
use axum::response::IntoResponse as _;
use clap::ValueEnum as _;
use contract::Function;
use contract::environment::ApiEnvironment;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::api_key::RawApiKey;
use shared::client::{ClientConfig, dynamodb_client};
use shared::timestamp::Timestamp;
use tokio::sync::{Notify, OnceCell, watch};
use xtask::local::FeedFault;

use self::alarms::Alarm;
use self::items::Items;
use crate::api_key;
use crate::endpoint::{Endpoint, PAGE_PATH as PATH};
use crate::feed::{Faults, FeedServer};
use crate::plan::Plan;
use crate::recent::Recent;
use crate::tls::Certificate;

const API_PATH: &str = "/_local/api/";
const CERTIFICATE_PATH: &str = "/_local/certificate.crt";
const REFERENCE_PATH: &str = "/_local/reference/";

const TOKEN_HEADER: &str = "x-local-token";

/// Requests per minute of the page's own key. With the key that the command prints, the page would use
/// up that key's limit.
const PAGE_LIMIT: NonZeroU32 = NonZeroU32::new(3_000).unwrap();

/// The largest size of a request's body in bytes.
const MAX_BODY_BYTES: usize = 10_000;

/// Forbids every other host, inline scripts, and frames of other sites.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const HTML: &str = include_str!("assets/page.html");
const CSS: &str = include_str!("assets/page.css");
const SCRIPT: &str = include_str!("assets/page.js");

/// The parts of the stack that the page shows and changes.
pub(crate) struct PageConfig<'a> {
    pub(crate) endpoint: Arc<Endpoint>,
    /// The key that the command prints.
    pub(crate) key: RawApiKey,
    pub(crate) table_endpoint: &'a str,
    pub(crate) plan: &'a Plan,
    /// The built-in feed, if it is the source of prices.
    pub(crate) feed: Option<&'a FeedServer>,
    pub(crate) run_now: Arc<Notify>,
    pub(crate) recent: Arc<Recent>,
    pub(crate) build_error: watch::Receiver<Option<String>>,
}

pub(crate) struct Page {
    endpoint: Arc<Endpoint>,
    key: RawApiKey,
    /// The key with which the page reads prices, created when the page is first opened.
    price_key: OnceCell<RawApiKey>,
    table_endpoint: String,
    table: String,
    items: Items,
    every_seconds: u64,
    faults: Option<[Arc<Faults>; 2]>,
    run_now: Arc<Notify>,
    recent: Arc<Recent>,
    build_error: watch::Receiver<Option<String>>,
    alarms: Vec<Alarm>,
}

#[derive(Deserialize)]
struct PageQuery {
    token: String,
}

/// A request that switches one fault on or off. A request does not set the whole list of faults,
/// because two requests could arrive in the wrong order.
#[derive(Deserialize)]
struct Switch {
    provider: FeedProvider,
    /// The name as on the command line.
    fault: String,
    on: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum FeedProvider {
    First,
    Second,
}

/// Returns true for a path of the page, and if a browser opens `/`.
pub(crate) fn is_for_page(request: &Request) -> bool {
    let path = request.uri().path();
    path.starts_with(PATH) || path == PATH.trim_end_matches('/') || is_browser_at_root(request)
}

/// Returns true if a browser opens `/`. Only a browser prefers HTML.
fn is_browser_at_root(request: &Request) -> bool {
    let accept = request.headers().get(ACCEPT);
    let prefers_html = accept.is_some_and(|accept| accept.as_bytes().starts_with(b"text/html"));
    request.uri().path() == "/" && request.method() == Method::GET && prefers_html
}

impl Page {
    pub(crate) fn new(config: PageConfig<'_>) -> anyhow::Result<Self> {
        let plan = config.plan;
        let client = dynamodb_client(&ClientConfig::emulator(config.table_endpoint))?;
        let api = &plan.function(Function::Api)?.environment;
        let limit = api.get(ApiEnvironment::NAMES.rate_limit_per_minute);
        let limit = limit.and_then(|limit| limit.parse().ok());
        Ok(Self {
            endpoint: config.endpoint,
            key: config.key,
            price_key: OnceCell::new(),
            table_endpoint: config.table_endpoint.to_owned(),
            table: plan.table.name.clone(),
            items: Items::new(client, plan.table.name.clone(), limit),
            every_seconds: plan.schedule.every.as_secs(),
            faults: config.feed.map(FeedServer::faults),
            run_now: config.run_now,
            recent: config.recent,
            build_error: config.build_error,
            alarms: alarms::read_prod()?,
        })
    }

    /// Responds to a request for which [`is_for_page`] is true.
    pub(crate) async fn respond(&self, request: Request) -> Response<Body> {
        let (parts, body) = request.into_parts();
        if !header(&parts, HOST.as_str()).is_some_and(|host| self.endpoint.has_host(host)) {
            return error_response(StatusCode::MISDIRECTED_REQUEST, "Host is not this machine");
        }
        let path = parts.uri.path();
        if let Some(endpoint) = path.strip_prefix(API_PATH) {
            if let Err(reason) = self.check_sender(&parts) {
                return error_response(StatusCode::FORBIDDEN, reason);
            }
            let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else {
                return error_response(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large");
            };
            return self.respond_with_data(&parts.method, endpoint, &body).await;
        }
        if ![Method::GET, Method::HEAD].contains(&parts.method) {
            return error_response(StatusCode::METHOD_NOT_ALLOWED, "only GET is allowed");
        }
        if let Some(file) = path.strip_prefix(REFERENCE_PATH) {
            return reference::respond(file)
                .unwrap_or_else(|| error_response(StatusCode::NOT_FOUND, "no such file"));
        }
        match path {
            PATH if !self.may_open(&parts.uri) => error_response(
                StatusCode::FORBIDDEN,
                "the page needs its token: open the URL that `cargo xtask local` prints as Page",
            ),
            PATH => match self.html().await {
                Ok(html) => file_response("text/html; charset=utf-8", html),
                Err(error) => internal_error(&error),
            },
            "/_local/page.css" => file_response("text/css; charset=utf-8", CSS),
            "/_local/page.js" => file_response("text/javascript; charset=utf-8", SCRIPT),
            CERTIFICATE_PATH => match self.endpoint.certificate() {
                Some(certificate) => file_response(
                    "application/x-x509-ca-cert",
                    certificate.authority().to_owned(),
                ),
                None => error_response(StatusCode::NOT_FOUND, "the stack runs without --https"),
            },
            "/" | "/_local" => {
                let headers = [
                    (LOCATION, PATH),
                    (VARY, "Accept"),
                    (CACHE_CONTROL, "no-store"),
                ];
                (StatusCode::FOUND, headers).into_response()
            }
            _ => error_response(StatusCode::NOT_FOUND, "no such file"),
        }
    }

    /// Checks that the page itself sent a request.
    fn check_sender(&self, parts: &Parts) -> Result<(), &'static str> {
        if header(parts, TOKEN_HEADER) != Some(&self.endpoint.token().reveal()) {
            return Err("the token of the page is missing or wrong");
        }
        let host = header(parts, HOST.as_str()).unwrap_or_default();
        let own = format!("{}://{host}", self.endpoint.scheme());
        match header(parts, ORIGIN.as_str()) {
            Some(origin) if origin != own => Err("Origin is not the page"),
            _ => Ok(()),
        }
    }

    /// Returns true if the client may open the page, which contains the token and the keys.
    fn may_open(&self, uri: &Uri) -> bool {
        let has_token = || {
            let query = Query::<PageQuery>::try_from_uri(uri);
            query.is_ok_and(|query| query.token == self.endpoint.token().reveal())
        };
        !self.endpoint.is_in_network() || has_token()
    }

    async fn respond_with_data(
        &self,
        method: &Method,
        endpoint: &str,
        body: &[u8],
    ) -> Response<Body> {
        match (method.as_str(), endpoint) {
            ("GET", "state") => json_response(&self.state()),
            ("GET", "table") => match self.items.read().await {
                Ok(items) => json_response(&items),
                Err(error) => internal_error(&error),
            },
            ("POST", "update") => {
                self.run_now.notify_one();
                json_response(&json!({}))
            }
            ("POST", "fault") => match self.switch_fault(body) {
                Ok(()) => json_response(&self.state()),
                Err(reason) => error_response(StatusCode::BAD_REQUEST, &reason),
            },
            _ => error_response(StatusCode::NOT_FOUND, "no such endpoint"),
        }
    }

    /// Returns the HTML with the token and the keys.
    async fn html(&self) -> anyhow::Result<String> {
        let create =
            || api_key::create(&self.table_endpoint, &self.table, "page", Some(PAGE_LIMIT));
        let price_key = self.price_key.get_or_try_init(create).await?;
        let certificate = self.endpoint.certificate().map(Certificate::path);
        let certificate = certificate.and_then(Path::to_str).unwrap_or_default();
        // No value needs escaping in HTML: the token and the keys have only letters, digits and
        // underscores, and `certificate` is the path of a temporary file.
        Ok(HTML
            .replace("{certificate}", certificate)
            .replace("{token}", &self.endpoint.token().reveal())
            .replace("{key}", &self.key.reveal())
            .replace("{pageKey}", &price_key.reveal()))
    }

    fn state(&self) -> Value {
        let names = |faults: &Faults| -> Vec<String> {
            let faults = faults.list();
            let values = faults.iter().filter_map(FeedFault::to_possible_value);
            values.map(|value| value.get_name().to_owned()).collect()
        };
        let faults = self.faults.as_ref().map(|[first, second]| {
            let known = FeedFault::value_variants().iter();
            let known = known.filter_map(FeedFault::to_possible_value).map(|value| {
                let help = value.get_help().map(ToString::to_string);
                json!({"name": value.get_name(), "help": help})
            });
            let known: Vec<_> = known.collect();
            json!({"first": names(first), "second": names(second), "known": known})
        });
        let measurements = self.recent.measurements();
        let now = Instant::now();
        let alarms = self.alarms.iter();
        let alarms: Vec<_> = alarms.map(|alarm| alarm.show(&measurements, now)).collect();
        json!({
            "alarms": alarms,
            "buildError": *self.build_error.borrow(),
            "now": Timestamp::now().to_string(),
            "everySeconds": self.every_seconds,
            "faults": faults,
            "invocations": self.recent.list(),
        })
    }

    fn switch_fault(&self, body: &[u8]) -> Result<(), String> {
        let Some([first, second]) = &self.faults else {
            return Err("the built-in feed is not in use".to_owned());
        };
        let switch: Switch = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let fault = FeedFault::from_str(&switch.fault, false)?;
        match switch.provider {
            FeedProvider::First => first.switch(fault, switch.on),
            FeedProvider::Second => second.switch(fault, switch.on),
        }
        Ok(())
    }
}

fn header<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts.headers.get(name)?.to_str().ok()
}

fn file_response(content_type: &'static str, content: impl Into<Body>) -> Response<Body> {
    let headers = [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, content.into()).into_response()
}

fn json_response(value: &Value) -> Response<Body> {
    file_response("application/json", value.to_string())
}

fn error_response(status: StatusCode, reason: &str) -> Response<Body> {
    (status, json_response(&json!({"error": reason}))).into_response()
}

fn internal_error(error: &anyhow::Error) -> Response<Body> {
    let reason = format!("{error:#}");
    error_response(StatusCode::INTERNAL_SERVER_ERROR, &reason)
}
