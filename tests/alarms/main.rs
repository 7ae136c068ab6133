//! Tests of the alarms with simulated traffic: the traffic that breaches an alarm, and the time until an
//! alarm stops the rollout of a broken version.

#![cfg(test)]

// The evaluator of metric math that the local page uses.
#[path = "../../xtask/local/src/page/metric_math.rs"]
mod metric_math;

use cfn::template::targets;
use contract::{metrics, routes};
use infra::{Artifacts, Environment};
use serde_json::Value;
use xtask::render;

const ALARM: &str = "AWS::CloudWatch::Alarm";

fn template(environment: Environment) -> Value {
    let named = render::service(environment, &Artifacts::placeholder()).unwrap();
    named.template.as_value().clone()
}

fn properties_of_type<'a>(template: &'a Value, kind: &str) -> Vec<(&'a str, &'a Value)> {
    let resources = template["Resources"].as_object().unwrap();
    resources
        .iter()
        .filter(|(_, resource)| resource["Type"] == kind)
        .map(|(id, resource)| (id.as_str(), &resource["Properties"]))
        .collect()
}

/// The requests in a minute, as API Gateway counts them.
#[derive(Default)]
struct Minute {
    /// The route key, the number of requests and the number of 5xx responses.
    requests: Vec<(&'static str, f64, f64)>,
    /// The number of `NO_PRICE` responses, which are also 5xx responses.
    no_price: f64,
}

impl Minute {
    /// Returns the value of a metric, or `None` without data. API Gateway emits the metrics of a
    /// route only if the stage enables them.
    fn metric(&self, template: &Value, metric: &Value) -> Option<f64> {
        let name = metric["MetricName"].as_str().unwrap();
        if metric["Namespace"] == metrics::NAMESPACE && name == metrics::NO_PRICE_RESPONSES {
            return (self.no_price > 0.0).then_some(self.no_price);
        }
        if metric["Namespace"] != "AWS/ApiGateway" {
            return None;
        }
        let dimension = |name: &str| {
            let dimensions = metric["Dimensions"].as_array().unwrap().iter();
            let mut named = dimensions.filter(|dimension| dimension["Name"] == name);
            named.next()?["Value"].as_str()
        };
        let route = dimension("Method").zip(dimension("Resource"));
        let route = route.map(|(method, path)| format!("{method} {path}"));
        if let Some(route) = &route {
            let (_, stage) = properties_of_type(template, "AWS::ApiGatewayV2::Stage")[0];
            assert_eq!(dimension("Stage"), stage["StageName"].as_str());
            if stage["RouteSettings"][route]["DetailedMetricsEnabled"] != true {
                return None;
            }
        }
        let counted: Vec<_> = self
            .requests
            .iter()
            .filter(|(key, ..)| route.as_deref().is_none_or(|route| route == *key))
            .collect();
        let sum = match name {
            "Count" => counted.iter().map(|(_, requests, _)| requests).sum(),
            "5xx" => counted.iter().map(|(.., failed)| failed).sum(),
            // Milliseconds, below the threshold.
            "Latency" => 5.0,
            other => panic!("no {other}"),
        };
        (!counted.is_empty()).then_some(sum)
    }
}

/// Returns true if the traffic of a minute is a breaching data point of an alarm.
fn breaches(template: &Value, alarm: &Value, minute: &Minute) -> bool {
    let value = match alarm["Metrics"].as_array() {
        None => minute.metric(template, alarm),
        Some(queries) => {
            let of_id = |id: &str| {
                let query = queries.iter().find(|query| query["Id"] == id).unwrap();
                minute.metric(template, &query["MetricStat"]["Metric"])
            };
            let expression = queries
                .iter()
                .find_map(|query| query["Expression"].as_str());
            metric_math::evaluate(expression.unwrap(), &of_id).unwrap()
        }
    };
    let threshold = alarm["Threshold"].as_f64().unwrap();
    match (value, alarm["ComparisonOperator"].as_str().unwrap()) {
        (None, _) => false,
        (Some(value), "GreaterThanThreshold") => value > threshold,
        (Some(value), "GreaterThanOrEqualToThreshold") => value >= threshold,
        (_, other) => panic!("no {other}"),
    }
}

/// Returns the alarms that the traffic of a minute breaches.
fn breached_alarms(template: &Value, minute: &Minute) -> Vec<String> {
    properties_of_type(template, ALARM)
        .into_iter()
        .filter(|(_, alarm)| breaches(template, alarm, minute))
        .map(|(id, _)| id.to_owned())
        .collect()
}

const PRICES: &str = routes::GET_PRICES;

#[test]
fn failing_health_requests_raise_no_alarm() {
    for environment in [Environment::Staging, Environment::Prod] {
        let template = template(environment);
        for health in [
            &[routes::GET_HEALTH][..],
            &[routes::HEAD_HEALTH],
            &routes::HEALTH,
        ] {
            for others in [0.0, 1.0, 20.0, 600.0] {
                let failing = health.iter().map(|route| (*route, 5_000.0, 5_000.0));
                let minute = Minute {
                    requests: failing.chain([(PRICES, others, 0.0)]).collect(),
                    no_price: 0.0,
                };
                assert_eq!(
                    breached_alarms(&template, &minute),
                    [""; 0],
                    "{health:?} {others}"
                );
            }
        }
    }
}

/// Proves that [`failing_health_requests_raise_no_alarm`] can fail.
#[test]
fn failing_health_requests_raise_the_alarm_if_their_metrics_are_disabled() {
    let requests = vec![(routes::HEAD_HEALTH, 5_000.0, 5_000.0)];
    let minute = Minute {
        requests,
        no_price: 0.0,
    };
    let mut template = template(Environment::Prod);
    template["Resources"]["ApiStage"]["Properties"]["RouteSettings"] = Value::Null;
    assert_eq!(breached_alarms(&template, &minute), ["Api5xxAlarm"]);
}

#[test]
fn health_requests_do_not_count_in_the_failure_rate_of_the_alarm() {
    let template = template(Environment::Prod);
    for health in [0.0, 5_000.0] {
        for (requests, failed, is_raised) in [
            (9.0, 9.0, false),
            (10.0, 1.0, true),
            (100.0, 5.0, false),
            (100.0, 6.0, true),
            (6_000.0, 600.0, true),
        ] {
            let minute = Minute {
                requests: vec![
                    (routes::GET_HEALTH, health, 0.0),
                    (PRICES, requests, failed),
                ],
                no_price: 0.0,
            };
            let expected: &[&str] = if is_raised { &["Api5xxAlarm"] } else { &[] };
            assert_eq!(
                breached_alarms(&template, &minute),
                expected,
                "{requests} {failed}"
            );
        }
    }
}

#[test]
fn responses_without_a_price_raise_no_alarm_and_hide_no_failure() {
    let template = template(Environment::Prod);
    let minute = |failed, no_price| Minute {
        requests: vec![(PRICES, 100.0, failed)],
        no_price,
    };
    assert_eq!(breached_alarms(&template, &minute(100.0, 100.0)), [""; 0]);
    assert_eq!(
        breached_alarms(&template, &minute(100.0, 90.0)),
        ["Api5xxAlarm"]
    );
}

/// Returns the first step of a canary deployment configuration: the share of the traffic, and
/// the seconds until all traffic shifts.
fn first_step(configuration: &str) -> Option<(f64, u32)> {
    let step = configuration.strip_prefix("CodeDeployDefault.LambdaCanary")?;
    let (percent, minutes) = step.strip_suffix("Minutes")?.split_once("Percent")?;
    let percent: f64 = percent.parse().unwrap();
    Some((percent / 100.0, minutes.parse::<u32>().unwrap() * 60))
}

/// The longest time from the end of a minute until CodeDeploy knows the alarm's state for that minute.
const METRICS_AND_EVALUATION_SECONDS: u32 = 120;

/// With 60 or more requests a minute, a version that responds with 5xx to every request is stopped
/// before all traffic shifts. The requests that reach the new version are random, so the test
/// checks the average and the probability.
#[test]
fn a_version_that_always_fails_is_stopped_with_a_tenth_of_the_traffic() {
    let template = template(Environment::Prod);
    let (_, group) = properties_of_type(&template, "AWS::CodeDeploy::DeploymentGroup")[0];
    let configuration = group["DeploymentConfigName"].as_str().unwrap();
    let (share, seconds) = first_step(configuration).unwrap();
    assert!(share <= 0.1, "{configuration}");
    assert_eq!(group["AlarmConfiguration"]["Enabled"], true);
    let watched = group["AlarmConfiguration"]["Alarms"].as_array().unwrap();
    assert!(
        watched
            .iter()
            .any(|alarm| targets(&alarm["Name"]).eq(["Api5xxAlarm"]))
    );

    let alarm = &template["Resources"]["Api5xxAlarm"]["Properties"];
    let number = |value: &Value| u32::try_from(value.as_u64().unwrap()).unwrap();
    let needed = number(&alarm["DatapointsToAlarm"]);
    let evaluated = number(&alarm["EvaluationPeriods"]);
    // The first minute is not full, because the shift of the traffic begins during that minute.
    let full_minutes = (seconds - METRICS_AND_EVALUATION_SECONDS) / 60 - 1;
    assert!(needed <= full_minutes, "{needed} of {full_minutes} minutes");

    for requests in [60_u32, 61, 75, 100, 600, 6_000] {
        let all = f64::from(requests);
        let breach = |failed: f64| {
            let minute = Minute {
                requests: vec![(PRICES, all, failed)],
                no_price: 0.0,
            };
            breaches(&template, alarm, &minute)
        };
        assert!(
            breach((share * all).floor()),
            "{requests} requests a minute"
        );
        let chance: f64 = (0..=requests)
            .filter(|failed| breach(f64::from(*failed)))
            .map(|failed| binomial(requests, failed, share))
            .sum();
        let stopped = chance_of_alarm(chance, needed, evaluated, full_minutes);
        assert!(stopped > 0.999, "{requests} requests a minute: {stopped}");
    }
}

#[test]
fn staging_shifts_all_traffic_at_once() {
    let template = template(Environment::Staging);
    let (_, group) = properties_of_type(&template, "AWS::CodeDeploy::DeploymentGroup")[0];
    let configuration = group["DeploymentConfigName"].as_str().unwrap();
    assert_eq!(configuration, "CodeDeployDefault.LambdaAllAtOnce");
    assert_eq!(first_step(configuration), None);
}

/// Returns the probability of exactly `hits` in `tries`, if `chance` is the probability of each hit.
fn binomial(tries: u32, hits: u32, chance: f64) -> f64 {
    let mut logarithm =
        f64::from(hits) * chance.ln() + f64::from(tries - hits) * (1.0 - chance).ln();
    for i in 0..hits {
        logarithm += f64::from(tries - i).ln() - f64::from(i + 1).ln();
    }
    logarithm.exp()
}

/// Returns the probability that, at some time within `minutes`, `needed` of `evaluated` successive
/// data points breach. `breach` is the probability that one data point breaches.
fn chance_of_alarm(breach: f64, needed: u32, evaluated: u32, minutes: u32) -> f64 {
    (0..1_u32 << minutes)
        .filter(|pattern| {
            (0..minutes).any(|start| {
                let window = (pattern >> start) & ((1 << evaluated) - 1);
                window.count_ones() >= needed
            })
        })
        .map(|pattern| {
            let hits = pattern.count_ones().cast_signed();
            let misses = minutes.cast_signed() - hits;
            breach.powi(hits) * (1.0 - breach).powi(misses)
        })
        .sum()
}
