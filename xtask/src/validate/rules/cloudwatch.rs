//! Alarms and a dashboard on metrics that exist.

use std::collections::BTreeSet;

use cfn::template::substitution;
use contract::{metrics, routes};
use serde_json::Value;

use super::super::template::{Checked, Resource};

/// The metrics that somebody emits; one that nobody does never raises an alarm.
///
/// HTTP APIs: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html>
fn is_emitted(namespace: &str, name: &str) -> bool {
    match namespace {
        "AWS/ApiGateway" => [
            "4xx",
            "5xx",
            "Count",
            "DataProcessed",
            "IntegrationLatency",
            "Latency",
        ]
        .contains(&name),
        "AWS/DynamoDB" => [
            "ConsumedReadCapacityUnits",
            "ConsumedWriteCapacityUnits",
            "ReadThrottleEvents",
            "SystemErrors",
            "ThrottledRequests",
            "UserErrors",
            "WriteThrottleEvents",
        ]
        .contains(&name),
        "AWS/Logs" => name == "IncomingBytes",
        "AWS/Lambda" => [
            "ConcurrentExecutions",
            "Duration",
            "Errors",
            "Invocations",
            "Throttles",
        ]
        .contains(&name),
        "AWS/SQS" => [
            "ApproximateAgeOfOldestMessage",
            "ApproximateNumberOfMessagesVisible",
            "NumberOfMessagesSent",
        ]
        .contains(&name),
        metrics::NAMESPACE => [
            metrics::LATENCY,
            metrics::NO_PRICE_RESPONSES,
            metrics::PRICE_AGE,
            metrics::PROBE_FAILURES,
            metrics::PROVIDER_CALLS,
            metrics::PROVIDER_FAILURES,
            metrics::REQUESTS,
            metrics::SYMBOLS_SKIPPED,
            metrics::SYMBOLS_STORED,
        ]
        .contains(&name),
        _ => false,
    }
}

pub(super) fn check(checked: &mut Checked<'_>) {
    for alarm in checked.of_type("AWS::CloudWatch::Alarm") {
        self::alarm(checked, alarm);
    }
    for dashboard in checked.of_type("AWS::CloudWatch::Dashboard") {
        self::dashboard(checked, dashboard);
    }
}

fn alarm(checked: &mut Checked<'_>, alarm: Resource<'_>) {
    let properties = &alarm.body["Properties"];
    let queries: Vec<&Value> = alarm.items("/Metrics").collect();
    let single = (!properties["MetricName"].is_null()).then_some(properties);
    let stats = queries
        .iter()
        .filter_map(|query| query.pointer("/MetricStat/Metric"));
    for metric in stats.chain(single) {
        let text = |name: &str| metric[name].as_str().unwrap_or_default();
        let (namespace, name) = (text("Namespace"), text("MetricName"));
        checked.require(
            is_emitted(namespace, name),
            "alarm-metric",
            alarm.id,
            format_args!("nobody emits {namespace} {name}"),
        );
        let dimensions = metric["Dimensions"].as_array().map_or(0, Vec::len);
        checked.require(
            dimensions > 0,
            "alarm-dimensions",
            alarm.id,
            format_args!("{namespace} {name} without dimensions is another metric"),
        );
    }
    if !queries.is_empty() {
        metric_math(checked, alarm, &queries);
    }
    route_metrics(checked, alarm, &queries);
    one_period(checked, alarm, &queries);
    let to = |pointer: &str| alarm.at(pointer).as_u64();
    let periods = to("/EvaluationPeriods");
    checked.require(
        periods >= Some(1) && to("/DatapointsToAlarm") <= periods,
        "alarm-periods",
        alarm.id,
        "it can never see as many data points as it wants",
    );
}

/// An alarm on failing responses leaves out those of `/health`, which anyone can call and
/// which fails by design; and a metric of a route exists only where the stage enables it.
fn route_metrics(checked: &mut Checked<'_>, alarm: Resource<'_>, queries: &[&Value]) {
    let properties = &alarm.body["Properties"];
    let metrics: Vec<&Value> = queries
        .iter()
        .filter_map(|query| query.pointer("/MetricStat/Metric"))
        .chain(std::iter::once(properties))
        .filter(|metric| metric["Namespace"] == "AWS/ApiGateway")
        .collect();
    let enabled = |route: &str| {
        checked.of_type("AWS::ApiGatewayV2::Stage").any(|stage| {
            stage.at("/RouteSettings")[route]["DetailedMetricsEnabled"].as_bool() == Some(true)
        })
    };
    let mut problems = Vec::new();
    for metric in &metrics {
        if let Some(route) = route(metric)
            && !enabled(&route)
        {
            problems.push(format!("the stage has no detailed metrics of {route}"));
        }
    }
    let of_5xx = || {
        metrics
            .iter()
            .filter(|metric| metric["MetricName"] == "5xx")
    };
    if of_5xx().any(|metric| route(metric).is_none()) {
        for health in routes::HEALTH {
            if !of_5xx().any(|metric| route(metric).as_deref() == Some(health)) {
                problems.push(format!("it has to leave out the responses of {health}"));
            }
        }
    }
    for problem in problems {
        checked.note("alarm-health", alarm.id, problem);
    }
}

/// The route key of a metric of API Gateway; none of a metric of the whole API.
fn route(metric: &Value) -> Option<String> {
    let dimension = |name: &str| {
        let dimensions = metric["Dimensions"].as_array()?;
        let found = dimensions
            .iter()
            .find(|dimension| dimension["Name"] == name)?;
        found["Value"].as_str()
    };
    Some(format!(
        "{} {}",
        dimension("Method")?,
        dimension("Resource")?
    ))
}

/// Metric math compares data points of one period.
fn one_period(checked: &mut Checked<'_>, alarm: Resource<'_>, queries: &[&Value]) {
    let periods: BTreeSet<u64> = queries
        .iter()
        .filter_map(|query| query.pointer("/MetricStat/Period")?.as_u64())
        .collect();
    checked.require(
        periods.len() <= 1,
        "alarm-periods",
        alarm.id,
        "its metrics have several periods",
    );
}

/// One query is the alarm's, and an expression names queries that are there.
fn metric_math(checked: &mut Checked<'_>, alarm: Resource<'_>, queries: &[&Value]) {
    let returned = queries
        .iter()
        .filter(|query| query["ReturnData"].as_bool() != Some(false));
    checked.require(
        returned.count() == 1,
        "alarm-math",
        alarm.id,
        "exactly one query has to return the data that the alarm watches",
    );
    let ids: BTreeSet<&str> = queries
        .iter()
        .filter_map(|query| query["Id"].as_str())
        .collect();
    for query in queries {
        let expression = query["Expression"].as_str().unwrap_or_default();
        // Ids begin with a small letter, functions are written in capitals.
        let names = expression
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
        for name in names {
            checked.require(
                ids.contains(name),
                "alarm-math",
                alarm.id,
                format_args!("the expression names {name}, which is no query of the alarm"),
            );
        }
    }
}

fn dashboard(checked: &mut Checked<'_>, dashboard: Resource<'_>) {
    let body = substitution(dashboard.at("/DashboardBody"))
        .and_then(|body| serde_json::from_str::<Value>(&body).ok());
    let widgets = body.as_ref().and_then(|body| body["widgets"].as_array());
    let Some(widgets) = widgets.filter(|widgets| !widgets.is_empty()) else {
        checked.note("dashboard-body", dashboard.id, "it is no JSON with widgets");
        return;
    };
    for widget in widgets {
        let number = |name: &str| widget[name].as_u64().unwrap_or(u64::MAX / 2);
        let title = widget["properties"]["title"].as_str().unwrap_or_default();
        checked.require(
            number("x") + number("width") <= 24 && !title.is_empty(),
            "dashboard-body",
            dashboard.id,
            format_args!("the widget {title:?} does not fit into 24 columns, or has no title"),
        );
        let rows = widget["properties"]["metrics"].as_array();
        for row in rows.into_iter().flatten() {
            let text = |at: usize| row[at].as_str().unwrap_or_default();
            let (namespace, name) = match row[0]["expression"].as_str() {
                Some(search) if search.starts_with("SEARCH(") => searched(search),
                // Metric math over other rows.
                Some(_) => continue,
                None => (text(0), text(1)),
            };
            checked.require(
                is_emitted(namespace, name),
                "dashboard-metric",
                dashboard.id,
                format_args!("nobody emits {namespace:?} {name:?}"),
            );
        }
    }
}

/// The namespace and the metric that `SEARCH('{namespace,dimensions} MetricName="name" ..` is
/// for; empty where it is no such search.
fn searched(expression: &str) -> (&str, &str) {
    let between = |start: &str, end: char| {
        let (_, rest) = expression.split_once(start)?;
        rest.split(end).next()
    };
    let namespace = between("SEARCH('{", ',').unwrap_or_default();
    (namespace, between("MetricName=\"", '"').unwrap_or_default())
}
