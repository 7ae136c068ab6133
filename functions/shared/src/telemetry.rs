//! Logs and metrics: one JSON object a line on stdout, which Lambda sends to
//! CloudWatch Logs. Metrics are lines in the embedded metric format, so that
//! no request waits for a call to CloudWatch.

use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use contract::metrics::{ENVIRONMENT_DIMENSION, NAMESPACE, PROVIDER_DIMENSION};
use serde_json::{Map, Value, json};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::settings::LogLevel;

/// The crates whose events follow `LOG_LEVEL`. Libraries only warn: what the
/// Lambda runtime and the HTTP client write beyond that holds whole events,
/// with the API keys in them.
const OUR_CRATES: [&str; 4] = ["api", "update", "verify", "shared"];

/// Sends events, and panics as events, to stdout as JSON. A second call
/// changes nothing.
pub fn init(level: LogLevel) {
    let (ours, libraries) = match level {
        LogLevel::Debug => (LevelFilter::DEBUG, LevelFilter::WARN),
        LogLevel::Info => (LevelFilter::INFO, LevelFilter::WARN),
        LogLevel::Error => (LevelFilter::ERROR, LevelFilter::ERROR),
    };
    let targets = Targets::new()
        .with_default(libraries)
        .with_targets(OUR_CRATES.map(|name| (name, ours)));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(std::io::stdout);
    if tracing_subscriber::registry()
        .with(targets)
        .with(lines)
        .try_init()
        .is_ok()
    {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string);
            let reason = panic.payload_as_str().unwrap_or("unknown");
            tracing::error!(place, reason, "panic");
        }));
    }
}

/// The unit of a metric, by CloudWatch's name:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// How many.
    Count,
    /// Thousandths of a second.
    Milliseconds,
    /// Seconds.
    Seconds,
}

impl Unit {
    const fn name(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::Seconds => "Seconds",
        }
    }
}

/// One line in CloudWatch's embedded metric format: metrics, and properties
/// beside them that only the log keeps.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
#[derive(Debug, Clone)]
pub struct MetricLine {
    environment: &'static str,
    provider: Option<&'static str>,
    metrics: Vec<(&'static str, Unit)>,
    breakdowns: Vec<Breakdown>,
    members: Map<String, Value>,
}

/// Some of a line's metrics by further dimensions.
#[derive(Debug, Clone)]
struct Breakdown {
    metrics: Vec<&'static str>,
    dimensions: Vec<(&'static str, &'static str)>,
}

impl MetricLine {
    /// A line without metrics, of an environment.
    pub fn new(environment: &'static str) -> Self {
        Self {
            environment,
            provider: None,
            metrics: Vec::new(),
            breakdowns: Vec::new(),
            members: Map::new(),
        }
    }

    /// The line's metrics are about one price provider. Each name is one more
    /// metric to pay for, so it has to come from a short list.
    #[must_use]
    pub fn of_provider(mut self, provider: &'static str) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Adds a metric. A value that is no finite number is left out: CloudWatch
    /// would drop the whole line.
    #[must_use]
    pub fn metric(mut self, name: &'static str, unit: Unit, value: f64) -> Self {
        if value.is_finite() {
            self.metrics.push((name, unit));
            self.members.insert(name.to_owned(), json!(value));
        }
        self
    }

    /// Counts metrics of this line by further dimensions, too. Each combination
    /// of values is one more metric to pay for; texts that are part of the
    /// program come from a short list, and none comes from a request.
    #[must_use]
    pub fn also_by(
        mut self,
        dimensions: &[(&'static str, &'static str)],
        metrics: &[&'static str],
    ) -> Self {
        self.breakdowns.push(Breakdown {
            metrics: metrics.to_vec(),
            dimensions: dimensions.to_vec(),
        });
        self
    }

    /// Adds a property, which is logged and not counted.
    #[must_use]
    pub fn property(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// The line's JSON, with the metrics' time in milliseconds since 1970.
    pub fn to_json(&self, timestamp_ms: u64) -> Value {
        let mut own = vec![(ENVIRONMENT_DIMENSION, self.environment)];
        own.extend(self.provider.map(|name| (PROVIDER_DIMENSION, name)));
        let directive = |further: &[(&str, &str)], is_meant: &dyn Fn(&str) -> bool| {
            let names = own.iter().chain(further).map(|(name, _)| *name);
            let metrics = self.metrics.iter().filter(|(name, _)| is_meant(name));
            let metrics = metrics.map(|(name, unit)| json!({"Name": name, "Unit": unit.name()}));
            json!({
                "Namespace": NAMESPACE,
                "Dimensions": [names.collect::<Vec<_>>()],
                "Metrics": metrics.collect::<Vec<_>>(),
            })
        };
        let mut directives = vec![directive(&[], &|_| true)];
        directives.extend(self.breakdowns.iter().map(|breakdown| {
            directive(&breakdown.dimensions, &|name| {
                breakdown.metrics.contains(&name)
            })
        }));
        let mut line = Map::new();
        line.insert(
            "_aws".to_owned(),
            json!({"Timestamp": timestamp_ms, "CloudWatchMetrics": directives}),
        );
        let further = self.breakdowns.iter().flat_map(|by| &by.dimensions);
        line.extend(
            own.iter()
                .chain(further)
                .map(|(name, value)| ((*name).to_owned(), json!(value))),
        );
        line.extend(self.members.clone());
        Value::Object(line)
    }

    /// Writes the line to stdout.
    pub fn write(&self) {
        let since_1970 = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let timestamp_ms = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
        let mut line = self.to_json(timestamp_ms).to_string();
        line.push('\n');
        // In one piece, so that no other line gets into it. A closed stdout is
        // no reason to fail a request.
        let _ = std::io::stdout().lock().write_all(line.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_declares_its_metrics_and_carries_its_properties() {
        let line = MetricLine::new("dev")
            .metric("Requests", Unit::Count, 1.0)
            .metric("Latency", Unit::Milliseconds, 2.5)
            .property("route", "GET /health");
        assert_eq!(
            line.to_json(1_768_473_000_123),
            json!({
                "_aws": {
                    "Timestamp": 1_768_473_000_123_u64,
                    "CloudWatchMetrics": [{
                        "Namespace": "CryptoWatch",
                        "Dimensions": [["Environment"]],
                        "Metrics": [
                            {"Name": "Requests", "Unit": "Count"},
                            {"Name": "Latency", "Unit": "Milliseconds"},
                        ],
                    }],
                },
                "Environment": "dev",
                "Requests": 1.0,
                "Latency": 2.5,
                "route": "GET /health",
            })
        );
    }

    #[test]
    fn a_line_about_a_provider_has_its_name_as_a_dimension() {
        let line = MetricLine::new("dev")
            .of_provider("coingecko")
            .metric("ProviderCalls", Unit::Count, 1.0)
            .to_json(0);
        assert_eq!(
            line["_aws"]["CloudWatchMetrics"][0]["Dimensions"],
            json!([["Environment", "Provider"]])
        );
        assert_eq!(line["Environment"], "dev");
        assert_eq!(line["Provider"], "coingecko");
    }

    #[test]
    fn some_metrics_are_counted_by_further_dimensions_too() {
        let line = MetricLine::new("dev")
            .metric("Requests", Unit::Count, 1.0)
            .metric("Latency", Unit::Milliseconds, 2.5)
            .also_by(
                &[("Route", "GET /health"), ("StatusClass", "2xx")],
                &["Requests"],
            )
            .to_json(0);
        let directives = &line["_aws"]["CloudWatchMetrics"];
        assert_eq!(directives[0]["Dimensions"], json!([["Environment"]]));
        assert_eq!(directives[0]["Metrics"].as_array().map(Vec::len), Some(2));
        assert_eq!(
            directives[1],
            json!({
                "Namespace": "CryptoWatch",
                "Dimensions": [["Environment", "Route", "StatusClass"]],
                "Metrics": [{"Name": "Requests", "Unit": "Count"}],
            })
        );
        assert_eq!(line["Route"], "GET /health");
        assert_eq!(line["StatusClass"], "2xx");
    }

    #[test]
    fn a_value_that_is_no_number_is_left_out() {
        let line = MetricLine::new("dev").metric("PriceAge", Unit::Seconds, f64::NAN);
        assert!(line.to_json(0).get("PriceAge").is_none());
    }
}
