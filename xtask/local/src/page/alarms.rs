//! Evaluates the alarms of prod over the metrics of the local stack. The result is approximate: here, the
//! last period ends now. CloudWatch aligns periods to the clock and waits for late metrics.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use cfn::template::targets;
use contract::metrics::NAMESPACE;
use infra::{Artifacts, Environment, stack};
use serde::Deserialize;
use serde_json::{Value, json};

use super::metric_math;
use crate::recent::{EMITTED, Measurement, Metric};

pub(super) struct Alarm {
    name: String,
    description: String,
    /// `None` if the local stack lacks a metric of the alarm.
    watched: Option<Watched>,
}

/// The condition of an alarm.
struct Watched {
    metrics: Vec<WatchedMetric>,
    expression: String,
    period: Duration,
    periods: u32,
    /// The number of breaching periods that raise the alarm.
    breaching: usize,
    threshold: f64,
    includes_threshold: bool,
    /// Whether a period without a value breaches.
    missing_breaches: bool,
}

struct WatchedMetric {
    /// The id in the expression.
    id: String,
    metric: Metric,
    /// Whether the statistic is the maximum; otherwise it is the sum.
    is_maximum: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    alarm_name: String,
    alarm_description: String,
    comparison_operator: String,
    threshold: f64,
    /// Seconds. An alarm on metric math has neither `Period` nor `Statistic`.
    period: Option<u64>,
    statistic: Option<String>,
    #[serde(default)]
    metrics: Vec<Query>,
    evaluation_periods: u32,
    datapoints_to_alarm: Option<usize>,
    treat_missing_data: String,
}

/// A metric or an expression of an alarm on metric math.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Query {
    id: String,
    metric_stat: Option<MetricStat>,
    expression: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetricStat {
    metric: Value,
    period: u64,
    stat: String,
}

/// Reads the alarms of prod, because dev has none.
pub(super) fn read_prod() -> anyhow::Result<Vec<Alarm>> {
    let settings = Environment::Prod.settings();
    let rendered = stack::service(&settings, &Artifacts::placeholder()).render()?;
    let resources = rendered.as_value()["Resources"].as_object();
    let resources = resources.context("the template has no Resources")?;
    let alarms = resources
        .values()
        .filter(|resource| resource["Type"] == "AWS::CloudWatch::Alarm");
    alarms
        .map(|resource| Alarm::read(&resource["Properties"]).context("reading an alarm of prod"))
        .collect()
}

impl Alarm {
    fn read(resource: &Value) -> anyhow::Result<Self> {
        let mut properties = Properties::deserialize(resource)?;
        // Converts an alarm on one metric to an alarm on metric math.
        if let Some((period, stat)) = properties.period.zip(properties.statistic.take()) {
            properties.metrics = vec![Query {
                id: "value".to_owned(),
                metric_stat: Some(MetricStat {
                    metric: resource.clone(),
                    period,
                    stat,
                }),
                expression: Some("value".to_owned()),
            }];
        }
        let watched = Watched::new(&properties);
        if let Some(watched) = &watched {
            // Reports an expression that cannot be evaluated, so that `show` cannot fail.
            watched.is_breached(&[], Instant::now())?;
        }
        Ok(Self {
            name: properties.alarm_name,
            description: properties.alarm_description,
            watched,
        })
    }

    /// Returns the alarm with its state for the page. The state is null if the local stack lacks a
    /// metric of the alarm.
    pub(super) fn show(&self, measurements: &[Measurement], now: Instant) -> Value {
        let is_breached = |watched: &Watched| watched.is_breached(measurements, now);
        let is_breached = self.watched.as_ref().map(is_breached).and_then(Result::ok);
        let state = is_breached.map(|is_breached| if is_breached { "ALARM" } else { "OK" });
        json!({"name": self.name, "description": self.description, "state": state})
    }
}

impl Watched {
    /// Returns `None` if the local stack lacks a metric.
    fn new(properties: &Properties) -> Option<Self> {
        let stats = properties.metrics.iter();
        let stats = stats.filter_map(|query| Some((&query.id, query.metric_stat.as_ref()?)));
        let metrics = stats.clone().map(|(id, stat)| {
            Some(WatchedMetric {
                id: id.clone(),
                metric: read_metric(&stat.metric)?,
                is_maximum: stat.stat == "Maximum",
            })
        });
        let mut expressions = properties.metrics.iter();
        let evaluated = properties.evaluation_periods;
        Some(Watched {
            metrics: metrics.collect::<Option<_>>()?,
            expression: expressions.find_map(|query| query.expression.clone())?,
            period: Duration::from_secs(stats.map(|(_, stat)| stat.period).max()?),
            periods: evaluated,
            breaching: properties.datapoints_to_alarm.unwrap_or(evaluated as usize),
            threshold: properties.threshold,
            includes_threshold: properties.comparison_operator == "GreaterThanOrEqualToThreshold",
            missing_breaches: properties.treat_missing_data == "breaching",
        })
    }

    fn is_breached(&self, measurements: &[Measurement], now: Instant) -> anyhow::Result<bool> {
        let mut breaching = 0;
        for period in 0..self.periods {
            let ages = self.period * period..self.period * (period + 1);
            let value = |id: &str| {
                let watched = self.metrics.iter().find(|watched| watched.id == id)?;
                let values = measurements.iter().filter(|measurement| {
                    let age = now.saturating_duration_since(measurement.at);
                    measurement.metric == watched.metric && ages.contains(&age)
                });
                let combine = if watched.is_maximum {
                    f64::max
                } else {
                    |sum, value| sum + value
                };
                values.map(|measurement| measurement.value).reduce(combine)
            };
            let value = metric_math::evaluate(&self.expression, &value);
            let is_breaching = match value.map_err(anyhow::Error::msg)? {
                None => self.missing_breaches,
                Some(value) => {
                    value > self.threshold || (self.includes_threshold && value >= self.threshold)
                }
            };
            breaching += usize::from(is_breaching);
        }
        Ok(breaching >= self.breaching)
    }
}

/// Returns `None` if the local stack lacks the metric.
fn read_metric(metric: &Value) -> Option<Metric> {
    let dimension = |name: &str| {
        let dimensions = metric["Dimensions"].as_array()?;
        let named = dimensions
            .iter()
            .find(|dimension| dimension["Name"] == name);
        Some(&named?["Value"])
    };
    let name = metric["MetricName"].as_str()?;
    let find = |names: &[&'static str]| names.iter().copied().find(|known| *known == name);
    Some(match metric["Namespace"].as_str()? {
        "AWS/Lambda" => Metric {
            namespace: "AWS/Lambda",
            name: find(&["Errors"])?,
            // The logical id of the function `api` is `ApiFunction`.
            source: targets(dimension("FunctionName")?)
                .next()
                .map(|id| id.trim_end_matches("Function").to_lowercase()),
        },
        "AWS/ApiGateway" => {
            Metric {
                namespace: "AWS/ApiGateway",
                name: find(&["Count", "5xx"])?,
                source: dimension("Method").zip(dimension("Resource")).and_then(
                    |(method, path)| Some(format!("{} {}", method.as_str()?, path.as_str()?)),
                ),
            }
        }
        NAMESPACE => Metric {
            namespace: NAMESPACE,
            name: find(&EMITTED)?,
            source: None,
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the state of an alarm after these values. A value is the namespace and the name of a
    /// metric, its function or route, the value's age in minutes, and the value.
    fn state(
        alarm: &str,
        values: &[(&'static str, &'static str, Option<&str>, u64, f64)],
    ) -> Value {
        let now = Instant::now() + Duration::from_hours(1);
        let values = values
            .iter()
            .map(|(namespace, name, source, minutes, value)| Measurement {
                at: now.checked_sub(Duration::from_mins(*minutes)).unwrap(),
                metric: Metric {
                    namespace,
                    name,
                    source: source.map(str::to_owned),
                },
                value: *value,
            });
        let alarms = read_prod().unwrap();
        let name = format!("crypto-watch-{alarm}-prod");
        let alarm = alarms.iter().find(|alarm| alarm.name == name);
        alarm.unwrap().show(&values.collect::<Vec<_>>(), now)["state"].take()
    }

    #[test]
    fn three_failed_updates_in_15_minutes_raise_the_alarm() {
        let failed = |minutes| ("AWS/Lambda", "Errors", Some("update"), minutes, 1.0);
        assert_eq!(state("update-errors", &[]), "OK");
        assert_eq!(state("update-errors", &[1, 6, 11].map(failed)), "ALARM");
        assert_eq!(state("update-errors", &[1, 6, 16].map(failed)), "OK");
        assert_eq!(state("api-errors", &[1, 6, 11].map(failed)), "OK");
    }

    #[test]
    fn a_price_age_that_is_high_or_no_longer_measured_raises_the_alarm() {
        let after = |minutes, age_seconds| {
            let value = (NAMESPACE, "PriceAge", None, minutes, age_seconds);
            state("price-age", &[value])
        };
        assert_eq!(after(1, 30.0), "OK");
        assert_eq!(after(14, 30.0), "OK");
        assert_eq!(after(16, 30.0), "ALARM");
        assert_eq!(after(1, 901.0), "ALARM");
    }

    #[test]
    fn failures_of_more_than_half_of_the_provider_calls_raise_the_alarm() {
        let after = |failures| {
            let calls = (NAMESPACE, "ProviderCalls", None, 1, 8.0);
            let failures = (NAMESPACE, "ProviderFailures", None, 1, failures);
            state("provider-failures", &[calls, failures])
        };
        assert_eq!(after(4.0), "OK");
        assert_eq!(after(5.0), "ALARM");
    }

    #[test]
    fn failed_requests_raise_the_alarm_except_those_of_the_health_route() {
        let after = |route: &'static str| {
            let minute = |minutes| {
                [None, Some(route)].map(|source| {
                    let twenty = |name| ("AWS/ApiGateway", name, source, minutes, 20.0);
                    [twenty("Count"), twenty("5xx")]
                })
            };
            let values = [1, 2].map(|minutes| minute(minutes).concat());
            state("api-5xx", &values.concat())
        };
        assert_eq!(after("GET /prices"), "ALARM");
        assert_eq!(after("GET /health"), "OK");
    }

    #[test]
    fn an_alarm_on_a_metric_that_the_local_stack_lacks_has_no_state() {
        let evaluated = [
            "api-errors",
            "api-5xx",
            "update-errors",
            "price-age",
            "provider-failures",
        ];
        let evaluated = evaluated.map(|name| format!("crypto-watch-{name}-prod"));
        for alarm in read_prod().unwrap() {
            let state = alarm.show(&[], Instant::now())["state"].take();
            let is_evaluated = evaluated.contains(&alarm.name);
            assert_eq!(state.is_string(), is_evaluated, "{}", alarm.name);
        }
    }
}
