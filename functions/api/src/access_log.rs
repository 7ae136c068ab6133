//! The access log: one line for each request, with its metrics for CloudWatch and its facts for
//! an operator. No line contains a key, a path or a client's address.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

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

/// The facts about a request in progress. They survive a panic of the request's future.
#[derive(Debug, Default)]
pub(crate) struct AccessLog(Mutex<Facts>);

/// The facts about a request.
#[derive(Debug)]
pub(crate) struct Facts {
    /// `None` if the method is not a token.
    pub(crate) method: Option<Method>,
    /// The gateway's route key; `$default` for an unknown path.
    pub(crate) route: &'static str,
    /// The masked id of the presented key, valid or not.
    pub(crate) key_id: Option<String>,
    /// `None` before the limiter has counted the request, and if it failed.
    pub(crate) quota: Option<Quota>,
    /// The number of prices in the response.
    pub(crate) symbols: usize,
    /// The number of stale prices among them.
    pub(crate) stale: usize,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            method: None,
            route: DEFAULT,
            key_id: None,
            quota: None,
            symbols: 0,
            stale: 0,
        }
    }
}

impl AccessLog {
    pub(crate) fn note(&self, note: impl FnOnce(&mut Facts)) {
        note(&mut self.lock());
    }

    pub(crate) fn quota(&self) -> Option<Quota> {
        self.lock().quota
    }

    pub(crate) fn into_facts(self) -> Facts {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The log line of a request.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) environment: &'static str,
    pub(crate) time: Timestamp,
    pub(crate) request_id: &'a str,
    pub(crate) facts: Facts,
    pub(crate) response: &'a Response,
    pub(crate) duration: Duration,
    /// Whether the request was the first one of the process.
    pub(crate) cold_start: bool,
}

impl Line<'_> {
    /// Writes the line. With `LOG_LEVEL` ERROR it has only the metrics.
    pub(crate) fn write(&self) {
        let metrics = self.metrics();
        if tracing::enabled!(Level::INFO) {
            self.with_properties(metrics).write();
        } else {
            metrics.write();
        }
    }

    fn milliseconds(&self) -> f64 {
        // Whole microseconds: further digits are noise and cost bytes.
        let microseconds = u32::try_from(self.duration.as_micros()).unwrap_or(u32::MAX);
        f64::from(microseconds) / 1_000.0
    }

    fn metrics(&self) -> MetricLine {
        let route = (ROUTE_DIMENSION, self.facts.route);
        let class = (STATUS_CLASS_DIMENSION, class(self.response.status));
        let line = MetricLine::new(self.environment)
            .metric(REQUESTS, Unit::Count, 1.0)
            .metric(LATENCY, Unit::Milliseconds, self.milliseconds())
            .also_by(&[route, class], &[REQUESTS])
            .also_by(&[route], &[LATENCY]);
        // Zeros are omitted, because every byte of every line costs money. The alarm fills the gaps.
        match self.response.code {
            Some(ErrorCode::NoPrice) => line.metric(NO_PRICE_RESPONSES, Unit::Count, 1.0),
            _ => line,
        }
    }

    fn with_properties(&self, line: MetricLine) -> MetricLine {
        let method = self.facts.method.as_ref();
        // The gateway sends no body after HEAD.
        let bytes = match method {
            Some(&Method::HEAD) => 0,
            _ => self.response.bytes(),
        };
        line.property("timestamp", self.time.to_string())
            .property("level", "INFO")
            .property("message", "request")
            .property("requestId", self.request_id)
            .property("method", method.map(method_name))
            .property("route", self.facts.route)
            .property("status", self.response.status.as_u16())
            .property("code", json!(self.response.code))
            .property("durationMs", self.milliseconds())
            .property("keyId", self.facts.key_id.as_deref())
            .property("symbols", self.facts.symbols)
            .property("stale", self.facts.stale)
            .property("bytes", bytes)
            .property("coldStart", self.cold_start)
    }
}

/// Returns the name of a method for the log. A method outside of RFC 9110 is not named, because a
/// client may have put its key there.
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

/// Returns the class of a status code (RFC 9110, section 15).
fn class(status: StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}
