//! Metrics as lines of the log, in CloudWatch's embedded metric format: no request
//! waits for a call to CloudWatch.

use std::io::Write as _;

use contract::metrics::{ENVIRONMENT_DIMENSION, NAMESPACE, PROVIDER_DIMENSION};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::Value;

use crate::timestamp::unix_millis;

/// The unit of a metric, by CloudWatch's name:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum Unit {
    /// How many.
    Count,
    /// Thousandths of a second.
    Milliseconds,
    /// Seconds.
    Seconds,
}

/// A dimension's name and its value.
type Dimension = (&'static str, &'static str);

/// One line in CloudWatch's embedded metric format: metrics, and properties
/// beside them that only the log keeps.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
#[derive(Debug, Clone)]
pub struct MetricLine {
    /// Those of every metric.
    dimensions: Vec<Dimension>,
    metrics: Vec<Metric>,
    breakdowns: Vec<Breakdown>,
    /// The values of the metrics, and the properties.
    members: Vec<(&'static str, Value)>,
}

/// A metric as a line declares it.
#[derive(Debug, Clone, Copy, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    name: &'static str,
    unit: Unit,
}

/// Some of a line's metrics by further dimensions.
#[derive(Debug, Clone)]
struct Breakdown {
    metrics: Vec<&'static str>,
    dimensions: Vec<Dimension>,
}

impl MetricLine {
    /// A line without metrics, of an environment.
    pub fn new(environment: &'static str) -> Self {
        Self {
            dimensions: vec![(ENVIRONMENT_DIMENSION, environment)],
            metrics: Vec::new(),
            breakdowns: Vec::new(),
            members: Vec::new(),
        }
    }

    /// The line's metrics are about one price provider. Each name is one more
    /// metric to pay for, so it has to come from a short list.
    #[must_use]
    pub fn of_provider(mut self, provider: &'static str) -> Self {
        self.dimensions.push((PROVIDER_DIMENSION, provider));
        self
    }

    /// Adds a metric. A value that is no finite number is left out: CloudWatch
    /// would drop the whole line.
    #[must_use]
    pub fn metric(mut self, name: &'static str, unit: Unit, value: f64) -> Self {
        if value.is_finite() {
            self.metrics.push(Metric { name, unit });
            self.members.push((name, value.into()));
        }
        self
    }

    /// Counts metrics of this line by further dimensions, too. Each combination
    /// of values is one more metric to pay for; texts that are part of the
    /// program come from a short list, and none comes from a request.
    #[must_use]
    pub fn also_by(mut self, dimensions: &[Dimension], metrics: &[&'static str]) -> Self {
        self.breakdowns.push(Breakdown {
            metrics: metrics.to_vec(),
            dimensions: dimensions.to_vec(),
        });
        self
    }

    /// Adds a property, which is logged and not counted.
    #[must_use]
    pub fn property(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.members.push((name, value.into()));
        self
    }

    /// The line, with the metrics' time in milliseconds since 1970.
    pub fn at(&self, timestamp_ms: u64) -> impl Serialize {
        Stamped {
            line: self,
            timestamp_ms,
        }
    }

    /// Writes the line to stdout.
    pub fn write(&self) {
        // Texts and numbers: nothing in it can fail to be written.
        let mut line = serde_json::to_vec(&self.at(unix_millis())).unwrap_or_default();
        line.push(b'\n');
        // In one piece, so that no other line gets into it. A closed stdout is
        // no reason to fail a request.
        #[expect(clippy::disallowed_methods, reason = "Lambda's log, in JSON")]
        let _ = std::io::stdout().lock().write_all(&line);
    }
}

/// A line and its time. Written without a [`Value`] of the whole in between: a
/// request leaves one line, and a tree of it was an eighth of what a request cost.
struct Stamped<'a> {
    line: &'a MetricLine,
    timestamp_ms: u64,
}

/// The member of a line that tells CloudWatch what to count.
#[derive(serde::Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    timestamp: u64,
    cloud_watch_metrics: Vec<Directive<'a>>,
}

/// Metrics, and a set of dimensions to count them by.
#[derive(serde::Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive<'a> {
    namespace: &'static str,
    dimensions: [Vec<&'static str>; 1],
    metrics: Vec<&'a Metric>,
}

impl Stamped<'_> {
    fn metadata(&self) -> Metadata<'_> {
        let line = self.line;
        let all = self.directive(&[], |_| true);
        let some = line.breakdowns.iter().map(|breakdown| {
            self.directive(&breakdown.dimensions, |name| {
                breakdown.metrics.contains(&name)
            })
        });
        Metadata {
            timestamp: self.timestamp_ms,
            cloud_watch_metrics: std::iter::once(all).chain(some).collect(),
        }
    }

    fn directive(&self, further: &[Dimension], is_meant: impl Fn(&str) -> bool) -> Directive<'_> {
        let names = self.line.dimensions.iter().chain(further);
        let metrics = self.line.metrics.iter();
        Directive {
            namespace: NAMESPACE,
            dimensions: [names.map(|(name, _)| *name).collect()],
            metrics: metrics.filter(|metric| is_meant(metric.name)).collect(),
        }
    }

    /// Every dimension once, however many breakdowns have it.
    fn dimensions(&self) -> Vec<Dimension> {
        let mut all = self.line.dimensions.clone();
        for dimension in self.line.breakdowns.iter().flat_map(|by| &by.dimensions) {
            if !all.contains(dimension) {
                all.push(*dimension);
            }
        }
        all
    }
}

impl Serialize for Stamped<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut line = serializer.serialize_map(None)?;
        line.serialize_entry("_aws", &self.metadata())?;
        for (name, value) in self.dimensions() {
            line.serialize_entry(name, value)?;
        }
        for (name, value) in &self.line.members {
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
    fn a_line_declares_its_metrics_and_carries_its_properties() {
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
    fn some_metrics_are_counted_by_further_dimensions_too() {
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
    fn a_value_that_is_no_number_is_left_out() {
        let line = MetricLine::new("dev").metric("PriceAge", Unit::Seconds, f64::NAN);
        assert!(json_of(&line, 0).get("PriceAge").is_none());
    }
}
