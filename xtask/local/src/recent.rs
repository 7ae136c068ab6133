//! Records for the page: the last invocations with their log lines, and the metrics that alarms watch.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use contract::metrics::{
    NAMESPACE, NO_PRICE_RESPONSES, PRICE_AGE, PROVIDER_CALLS, PROVIDER_DIMENSION, PROVIDER_FAILURES,
};
use serde::Serialize;
use serde_json::Value;
use shared::timestamp::Timestamp;

const MAX_INVOCATIONS: usize = 60;

/// The largest number of log lines, and of table calls, of one invocation.
const MAX_LINES: usize = 50;

/// The metrics that the functions emit and alarms watch.
pub(crate) const EMITTED: [&str; 4] = [
    NO_PRICE_RESPONSES,
    PRICE_AGE,
    PROVIDER_CALLS,
    PROVIDER_FAILURES,
];

/// The age at which a measurement is dropped. No alarm evaluates older measurements.
const MAX_AGE: Duration = Duration::from_mins(20);

/// The largest number of measurements, so that a load test does not fill the memory.
const MAX_MEASUREMENTS: usize = 20_000;

/// The invocations of all functions of a stack.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<Invocations>);

#[derive(Debug, Default)]
struct Invocations {
    /// The oldest first.
    kept: VecDeque<Invocation>,
    /// The oldest first.
    measurements: VecDeque<Measurement>,
    last_number: u64,
    last_process: u64,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Invocation {
    /// Counted from 1, in the order in which invocations begin.
    number: u64,
    function: &'static str,
    /// The number of the process. The processes of all functions are counted together.
    process: u64,
    began: String,
    /// The method, path and query of a request; empty for other events.
    request: String,
    /// The status of a response, `ok`, or a failure; `None` while the invocation runs.
    outcome: Option<String>,
    milliseconds: Option<u64>,
    lines: Vec<String>,
    /// The table calls, each with its status and duration.
    calls: Vec<String>,
    #[serde(skip)]
    started: Instant,
}

/// A value that an alarm watches.
#[derive(Debug, Clone)]
pub(crate) struct Measurement {
    pub(crate) at: Instant,
    pub(crate) metric: Metric,
    pub(crate) value: f64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Metric {
    pub(crate) namespace: &'static str,
    pub(crate) name: &'static str,
    /// The function or the route; `None` for a metric of the whole API or of all functions.
    pub(crate) source: Option<String>,
}

/// A process of a function, with at most one invocation at a time.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    recent: Arc<Recent>,
    function: &'static str,
    number: u64,
}

impl Recent {
    pub(crate) fn register_process(recent: &Arc<Self>, function: &'static str) -> Process {
        let mut invocations = recent.lock();
        invocations.last_process += 1;
        Process {
            recent: Arc::clone(recent),
            function,
            number: invocations.last_process,
        }
    }

    /// Returns the invocations, the newest first.
    pub(crate) fn list(&self) -> Vec<Invocation> {
        self.lock().kept.iter().rev().cloned().collect()
    }

    pub(crate) fn measurements(&self) -> Vec<Measurement> {
        self.lock().measurements.iter().cloned().collect()
    }

    /// Records the metrics of a response as API Gateway does, in total and by route.
    pub(crate) fn add_response(&self, route: &str, status: StatusCode) {
        let failures = if status.is_server_error() { 1.0 } else { 0.0 };
        for source in [None, Some(route)] {
            self.measure("AWS/ApiGateway", "Count", source, 1.0);
            self.measure("AWS/ApiGateway", "5xx", source, failures);
        }
    }

    fn measure(
        &self,
        namespace: &'static str,
        name: &'static str,
        source: Option<&str>,
        value: f64,
    ) {
        let metric = Metric {
            namespace,
            name,
            source: source.map(str::to_owned),
        };
        let at = Instant::now();
        let mut invocations = self.lock();
        let all = &mut invocations.measurements;
        while all.len() == MAX_MEASUREMENTS
            || all
                .front()
                .is_some_and(|oldest| oldest.at.elapsed() > MAX_AGE)
        {
            all.pop_front();
        }
        all.push_back(Measurement { at, metric, value });
    }

    fn lock(&self) -> MutexGuard<'_, Invocations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Process {
    pub(crate) fn function(&self) -> &'static str {
        self.function
    }

    pub(crate) fn begin(&self, event: &Value) {
        let http = &event["requestContext"]["http"];
        let mut request = String::new();
        if let (Some(method), Some(path)) = (http["method"].as_str(), http["path"].as_str()) {
            let query = event["rawQueryString"].as_str().unwrap_or_default();
            let mark = if query.is_empty() { "" } else { "?" };
            request = format!("{method} {path}{mark}{query}");
        }
        let mut invocations = self.recent.lock();
        invocations.last_number += 1;
        let invocation = Invocation {
            number: invocations.last_number,
            function: self.function,
            process: self.number,
            began: Timestamp::now().to_string(),
            request,
            outcome: None,
            milliseconds: None,
            lines: Vec::new(),
            calls: Vec::new(),
            started: Instant::now(),
        };
        if invocations.kept.len() == MAX_INVOCATIONS {
            invocations.kept.pop_front();
        }
        invocations.kept.push_back(invocation);
    }

    pub(crate) fn end(&self, result: Result<&Value, String>) {
        if result.is_err() {
            self.recent
                .measure("AWS/Lambda", "Errors", Some(self.function), 1.0);
        }
        let outcome = match result {
            Ok(response) => match response["statusCode"].as_u64() {
                Some(status) => status.to_string(),
                None => "ok".to_owned(),
            },
            Err(failure) => failure,
        };
        self.change_last(|last| {
            last.outcome = Some(outcome);
            last.milliseconds = u64::try_from(last.started.elapsed().as_millis()).ok();
        });
    }

    /// Adds a log line to the last invocation of the process.
    pub(crate) fn add_line(&self, line: &str) {
        if EMITTED.iter().any(|name| line.contains(name))
            && let Ok(line) = serde_json::from_str::<Value>(line)
            // A line with this dimension counts calls by provider. Another line has their total.
            && line.get(PROVIDER_DIMENSION).is_none()
        {
            for name in EMITTED {
                if let Some(value) = line[name].as_f64() {
                    self.recent.measure(NAMESPACE, name, None, value);
                }
            }
        }
        self.change_last(|last| {
            if last.lines.len() < MAX_LINES {
                last.lines.push(line.to_owned());
            }
        });
    }

    /// Adds a table call to the last invocation of the process.
    pub(crate) fn add_call(&self, call: String) {
        self.change_last(|last| {
            if last.calls.len() < MAX_LINES {
                last.calls.push(call);
            }
        });
    }

    fn change_last(&self, change: impl FnOnce(&mut Invocation)) {
        let mut invocations = self.recent.lock();
        let mut newest_first = invocations.kept.iter_mut().rev();
        if let Some(last) = newest_first.find(|kept| kept.process == self.number) {
            change(last);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(path: &str, query: &str) -> Value {
        json!({
            "rawQueryString": query,
            "requestContext": {"http": {"method": "GET", "path": path}},
        })
    }

    #[test]
    fn each_process_adds_its_lines_to_its_own_invocation() {
        let recent = Arc::new(Recent::default());
        let first = Recent::register_process(&recent, "api");
        let second = Recent::register_process(&recent, "update");
        first.add_line("before every invocation");
        first.begin(&event("/prices", "symbols=BTC"));
        second.begin(&json!({}));
        first.add_line("of the request");
        second.add_line("of the update");
        first.end(Ok(&json!({"statusCode": 200})));
        second.end(Err("stopped".to_owned()));

        let list = recent.list();
        let [update, request] = &list[..] else {
            panic!("{list:?}");
        };
        assert_eq!(request.request, "GET /prices?symbols=BTC");
        assert_eq!(request.outcome.as_deref(), Some("200"));
        assert_eq!(request.lines, ["of the request"]);
        assert_eq!(update.request, "");
        assert_eq!(update.outcome.as_deref(), Some("stopped"));
        assert_eq!(update.lines, ["of the update"]);
    }

    #[test]
    fn the_oldest_invocations_and_the_last_lines_are_dropped() {
        let recent = Arc::new(Recent::default());
        let process = Recent::register_process(&recent, "api");
        for _ in 0..=MAX_INVOCATIONS {
            process.begin(&event("/", ""));
            (0..=MAX_LINES).for_each(|_| process.add_line("line"));
        }
        let list = recent.list();
        assert_eq!(
            (list.len(), list[0].lines.len()),
            (MAX_INVOCATIONS, MAX_LINES)
        );
        assert_eq!(list.last().unwrap().number, 2);
    }
}
