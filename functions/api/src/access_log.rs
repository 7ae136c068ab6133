//! The access log: one line for each request, with metrics for CloudWatch and facts for an operator.
//! No line contains a key, a path or a client's address.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use contract::metrics::{
    LATENCY, NO_PRICE_RESPONSES, REQUESTS, ROUTE_DIMENSION, STATUS_CLASS_DIMENSION,
};
use contract::routes::DEFAULT;
use lambda_http::http::{Method, StatusCode};
use serde_json::json;
use shared::telemetry::{MetricLine, Unit};
use shared::timestamp::Timestamp;
use tracing::Level;

use crate::error::ErrorCode;
use crate::limiter::Quota;
use crate::response::Response;

/// The log of a request in progress. Its facts survive a panic of the request's future.
#[derive(Debug)]
pub(crate) struct AccessLog {
    pub(crate) request_id: String,
    time: Timestamp,
    started: Instant,
    cold_start: bool,
    facts: Mutex<Facts>,
}

#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// `None` if the method is invalid: not a token of RFC 9110.
    pub(crate) method: Option<Method>,
    /// The name of the route; `None` for an unknown path.
    pub(crate) route: Option<&'static str>,
    /// The masked id of the presented key, valid or not.
    pub(crate) key_id: Option<String>,
    /// `None` before the limiter has counted the request, and if the limiter failed.
    pub(crate) quota: Option<Quota>,
    /// The code of the requested currency; `None` without the parameter.
    pub(crate) currency: Option<&'static str>,
    /// The number of prices in the response.
    pub(crate) symbols: usize,
    /// The number of stale prices in the response.
    pub(crate) stale: usize,
}

impl AccessLog {
    pub(crate) fn new(request_id: String, time: Timestamp, cold_start: bool) -> Self {
        Self {
            request_id,
            time,
            started: Instant::now(),
            cold_start,
            facts: Mutex::default(),
        }
    }

    pub(crate) fn update_facts(&self, update: impl FnOnce(&mut Facts)) {
        update(&mut self.facts());
    }

    pub(crate) fn quota(&self) -> Option<Quota> {
        self.facts().quota
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the line of the request. With `LOG_LEVEL` ERROR, the line has only the metrics.
    pub(crate) fn write(&self, environment: &'static str, response: &Response) {
        let facts = self.facts();
        // Whole microseconds: further digits are noise and cost bytes.
        let microseconds = u32::try_from(self.started.elapsed().as_micros()).unwrap_or(u32::MAX);
        let duration_ms = f64::from(microseconds) / 1_000.0;
        let route = facts.route.unwrap_or(DEFAULT);
        let metrics = metrics(environment, route, response, duration_ms);
        if !tracing::enabled!(Level::INFO) {
            metrics.write();
            return;
        }
        let method = facts.method.as_ref();
        // The gateway drops the body of a response to HEAD.
        let bytes = match method {
            Some(&Method::HEAD) => 0,
            _ => response.bytes(),
        };
        let line = metrics
            .property("timestamp", self.time.to_string())
            .property("level", "INFO")
            .property("message", "request")
            .property("requestId", self.request_id.as_str())
            .property("method", method.map(method_name))
            .property("route", route)
            .property("status", response.status.as_u16())
            .property("code", json!(response.code))
            .property("durationMs", duration_ms)
            .property("keyId", facts.key_id.as_deref())
            .property("symbols", facts.symbols)
            .property("stale", facts.stale)
            .property("bytes", bytes)
            .property("coldStart", self.cold_start);
        match facts.currency {
            Some(code) => line.property("currency", code).write(),
            None => line.write(),
        }
    }
}

fn metrics(
    environment: &'static str,
    route: &'static str,
    response: &Response,
    duration_ms: f64,
) -> MetricLine {
    let route = (ROUTE_DIMENSION, route);
    let class = (STATUS_CLASS_DIMENSION, status_class(response.status));
    let line = MetricLine::new(environment)
        .metric(REQUESTS, Unit::Count, 1.0)
        .metric(LATENCY, Unit::Milliseconds, duration_ms)
        .also_by(&[route, class], &[REQUESTS])
        .also_by(&[route], &[LATENCY]);
    // A count of 0 is omitted, because bytes cost money. The alarm treats a missing count as 0.
    match response.code {
        Some(ErrorCode::NoPrice) => line.metric(NO_PRICE_RESPONSES, Unit::Count, 1.0),
        _ => line,
    }
}

/// Returns the name of a method for the log. A method that is not standard is not named, because a
/// client may have sent its key as the method.
fn method_name(method: &Method) -> &str {
    const STANDARD: [Method; 9] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
        Method::TRACE,
        Method::CONNECT,
    ];
    if STANDARD.contains(method) {
        method.as_str()
    } else {
        "OTHER"
    }
}

fn status_class(status: StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}
