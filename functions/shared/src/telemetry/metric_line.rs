//! Metrics as log lines in CloudWatch's embedded metric format, so that no request waits for a
//! call to CloudWatch.

use std::io::Write as _;

use contract::metrics::{ENVIRONMENT_DIMENSION, NAMESPACE, PROVIDER_DIMENSION};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::Value;

use crate::timestamp::unix_millis;

/// The unit of a metric, with CloudWatch's name for it:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum Unit {
    Count,
    Milliseconds,
    Seconds,
}

/// The name and the value of a dimension.
type Dimension = (&'static str, &'static str);

/// One line in CloudWatch's embedded metric format: metrics, and properties that are only logged.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
#[derive(Debug, Clone)]
pub struct MetricLine {
    /// All metrics of the line.
    all: Directive,
    /// Subsets of these metrics, each with further dimensions.
    breakdowns: Vec<Directive>,
    /// The values of the dimensions, the metrics and the properties.
    members: Vec<(&'static str, Value)>,
}

/// Metrics with the same set of dimensions.
#[derive(Debug, Clone, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: &'static str,
    dimensions: [Vec<&'static str>; 1],
    metrics: Vec<Metric>,
}

#[derive(Debug, Clone, Copy, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    name: &'static str,
    unit: Unit,
}

/// The member `_aws` of a line, which tells CloudWatch the line's metrics.
#[derive(serde::Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    timestamp: u64,
    cloud_watch_metrics: Vec<&'a Directive>,
}

impl MetricLine {
    /// Creates a line without metrics.
    pub fn new(environment: &'static str) -> Self {
        Self {
            all: Directive {
                namespace: NAMESPACE,
                dimensions: [vec![ENVIRONMENT_DIMENSION]],
                metrics: Vec::new(),
            },
            breakdowns: Vec::new(),
            members: vec![(ENVIRONMENT_DIMENSION, environment.into())],
        }
    }

    /// Adds the price provider as a dimension of all metrics. Each name of a provider makes further
    /// metrics, which cost money, so the names must come from a short list.
    #[must_use]
    pub fn of_provider(mut self, provider: &'static str) -> Self {
        let [dimensions] = &mut self.all.dimensions;
        dimensions.push(PROVIDER_DIMENSION);
        self.property(PROVIDER_DIMENSION, provider)
    }

    /// Adds a metric. A value that is not a finite number is omitted, because CloudWatch would
    /// drop the whole line.
    #[must_use]
    pub fn metric(mut self, name: &'static str, unit: Unit, value: f64) -> Self {
        if !value.is_finite() {
            return self;
        }
        self.all.metrics.push(Metric { name, unit });
        self.property(name, value)
    }

    /// Repeats these metrics of the line with further dimensions. Each combination of values makes
    /// further metrics, which cost money. A value never comes from a request, because it is
    /// `'static`.
    #[must_use]
    pub fn also_by(mut self, dimensions: &[Dimension], metrics: &[&'static str]) -> Self {
        let mut breakdown = self.all.clone();
        let [names] = &mut breakdown.dimensions;
        names.extend(dimensions.iter().map(|(name, _)| *name));
        let is_selected = |metric: &Metric| metrics.contains(&metric.name);
        breakdown.metrics.retain(is_selected);
        self.breakdowns.push(breakdown);
        for (name, value) in dimensions {
            if !self.members.iter().any(|(known, _)| known == name) {
                self.members.push((name, (*value).into()));
            }
        }
        self
    }

    /// Adds a property, which is only logged.
    #[must_use]
    pub fn property(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.members.push((name, value.into()));
        self
    }

    /// Returns the serialisable line. Its time is in milliseconds since 1970.
    pub fn at(&self, timestamp_ms: u64) -> impl Serialize {
        Stamped {
            line: self,
            timestamp_ms,
        }
    }

    /// Writes the line to stdout.
    pub fn write(&self) {
        // The line contains only texts and numbers, so serialisation cannot fail.
        let mut line = serde_json::to_vec(&self.at(unix_millis())).unwrap_or_default();
        line.push(b'\n');
        // One write, so that lines of other threads cannot mix with this one. A closed stdout must
        // not fail a request.
        #[expect(clippy::disallowed_methods, reason = "Lambda's log, in JSON")]
        let _ = std::io::stdout().lock().write_all(&line);
    }
}

/// A line with its time. The line is serialised directly, because building a [`Value`] of it first
/// would be an eighth of the work of a request.
struct Stamped<'a> {
    line: &'a MetricLine,
    timestamp_ms: u64,
}

impl Serialize for Stamped<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let MetricLine {
            all,
            breakdowns,
            members,
        } = self.line;
        let metadata = Metadata {
            timestamp: self.timestamp_ms,
            cloud_watch_metrics: std::iter::once(all).chain(breakdowns).collect(),
        };
        let mut line = serializer.serialize_map(None)?;
        line.serialize_entry("_aws", &metadata)?;
        for (name, value) in members {
            line.serialize_entry(name, value)?;
        }
        line.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn json_of(line: &MetricLine, timestamp_ms: u64) -> Value {
        serde_json::to_value(line.at(timestamp_ms)).unwrap()
    }

    #[test]
    fn a_line_declares_its_metrics_and_contains_its_properties() {
        let line = MetricLine::new("dev")
            .metric("Requests", Unit::Count, 1.0)
            .metric("Latency", Unit::Milliseconds, 2.5)
            .property("route", "GET /health");
        assert_eq!(
            json_of(&line, 1_768_473_000_123),
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
        let line = MetricLine::new("dev").of_provider("coingecko").metric(
            "ProviderCalls",
            Unit::Count,
            1.0,
        );
        let line = json_of(&line, 0);
        assert_eq!(
            line["_aws"]["CloudWatchMetrics"][0]["Dimensions"],
            json!([["Environment", "Provider"]])
        );
        assert_eq!(line["Environment"], "dev");
        assert_eq!(line["Provider"], "coingecko");
    }

    #[test]
    fn some_metrics_are_repeated_with_further_dimensions() {
        let line = MetricLine::new("dev")
            .metric("Requests", Unit::Count, 1.0)
            .metric("Latency", Unit::Milliseconds, 2.5)
            .also_by(
                &[("Route", "GET /health"), ("StatusClass", "2xx")],
                &["Requests"],
            );
        let line = json_of(&line, 0);
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
    fn a_dimension_of_two_breakdowns_is_written_once() {
        let route = ("Route", "GET /health");
        let line = MetricLine::new("dev")
            .metric("Requests", Unit::Count, 1.0)
            .also_by(&[route, ("StatusClass", "2xx")], &["Requests"])
            .also_by(&[route], &["Requests"]);
        let text = serde_json::to_string(&line.at(0)).unwrap();
        assert_eq!(text.matches("\"Route\":").count(), 1, "{text}");
    }

    #[test]
    fn a_value_that_is_not_finite_is_omitted() {
        let line = MetricLine::new("dev").metric("PriceAge", Unit::Seconds, f64::NAN);
        assert!(json_of(&line, 0).get("PriceAge").is_none());
    }
}
