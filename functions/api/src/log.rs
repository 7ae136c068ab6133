//! The one line that each request leaves: metrics for CloudWatch, and beside
//! them what an operator asks afterwards. No key, no path and no address of a
//! client is in it.

use std::time::Duration;

use contract::metrics::{LATENCY, REQUESTS};
use lambda_http::http::{Method, StatusCode};
use shared::telemetry::{MetricLine, Unit};
use shared::timestamp::Timestamp;
use tracing::Level;

/// What is known of a request when it is answered.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) environment: &'static str,
    pub(crate) time: Timestamp,
    pub(crate) request_id: &'a str,
    pub(crate) method: &'a Method,
    pub(crate) route: &'static str,
    pub(crate) status: StatusCode,
    pub(crate) duration: Duration,
    /// The id of the key that was presented, masked; whether it was let in, the
    /// status tells.
    pub(crate) key_id: Option<String>,
    pub(crate) symbols: usize,
    pub(crate) stale: usize,
    /// Of the body.
    pub(crate) bytes: usize,
    /// Whether this was the process's first request.
    pub(crate) cold_start: bool,
}

impl Line<'_> {
    /// Writes the line; with `LOG_LEVEL` ERROR only its metrics.
    pub(crate) fn write(&self) {
        let metrics = self.metrics();
        if tracing::enabled!(Level::INFO) {
            self.with_properties(metrics).write();
        } else {
            metrics.write();
        }
    }

    fn metrics(&self) -> MetricLine {
        // Whole microseconds: what is beyond them is noise that costs bytes.
        let microseconds = u32::try_from(self.duration.as_micros()).unwrap_or(u32::MAX);
        let milliseconds = f64::from(microseconds) / 1_000.0;
        MetricLine::new(self.environment)
            .metric(REQUESTS, Unit::Count, 1.0)
            .metric(LATENCY, Unit::Milliseconds, milliseconds)
    }

    fn with_properties(&self, line: MetricLine) -> MetricLine {
        line.property("timestamp", self.time.to_string())
            .property("level", "INFO")
            .property("message", "request")
            .property("requestId", self.request_id)
            .property("method", self.method.as_str())
            .property("route", self.route)
            .property("status", self.status.as_u16())
            .property("keyId", self.key_id.clone())
            .property("symbols", self.symbols)
            .property("stale", self.stale)
            .property("bytes", self.bytes)
            .property("coldStart", self.cold_start)
    }
}
