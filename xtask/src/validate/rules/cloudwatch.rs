//! Alarms and dashboards: they must use metrics that exist.

use std::collections::BTreeSet;

use cfn::template::substitution;
use contract::{metrics, routes};
use serde_json::Value;

use super::super::template::{Checked, Resource};

/// The metrics of AWS that the alarms and dashboards may use, by namespace. CloudWatch accepts an alarm
/// on a metric that does not exist.
///
/// HTTP APIs: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html>
const AWS_METRICS: [(&str, &str); 5] = [
    (
        "AWS/ApiGateway",
        "4xx 5xx Count DataProcessed IntegrationLatency Latency",
    ),
    (
        "AWS/DynamoDB",
        "ConsumedReadCapacityUnits ConsumedWriteCapacityUnits ReadThrottleEvents SystemErrors \
         ThrottledRequests UserErrors WriteThrottleEvents",
    ),
    ("AWS/Logs", "IncomingBytes"),
    (
        "AWS/Lambda",
        "ConcurrentExecutions Duration Errors Invocations Throttles",
    ),
    (
        "AWS/SQS",
        "ApproximateAgeOfOldestMessage ApproximateNumberOfMessagesVisible NumberOfMessagesSent",
    ),
];

/// The metrics that the functions emit.
const OUR_METRICS: [&str; 11] = [
    metrics::LATENCY,
    metrics::NO_PRICE_RESPONSES,
    metrics::PRICE_AGE,
    metrics::PROBE_FAILURES,
    metrics::PROVIDER_CALLS,
    metrics::PROVIDER_FAILURES,
    metrics::RATES_STORED,
    metrics::RATE_AGE,
    metrics::REQUESTS,
    metrics::SYMBOLS_SKIPPED,
    metrics::SYMBOLS_STORED,
];

fn exists(namespace: &str, name: &str) -> bool {
    let mut of_aws = AWS_METRICS.iter().filter(|(known, _)| *known == namespace);
    namespace == metrics::NAMESPACE && OUR_METRICS.contains(&name)
        || of_aws.any(|(_, names)| names.split(' ').any(|known| known == name))
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
    let measured: Vec<&Value> = stats.chain(single).collect();
    for metric in &measured {
        let text = |name: &str| metric[name].as_str().unwrap_or_default();
        let (namespace, name) = (text("Namespace"), text("MetricName"));
        checked.require(
            exists(namespace, name),
            "alarm-metric",
            alarm.id,
            format_args!("the metric {namespace} {name} does not exist"),
        );
        checked.require(
            metric["Dimensions"]
                .as_array()
                .is_some_and(|all| !all.is_empty()),
            "alarm-dimensions",
            alarm.id,
            format_args!("{namespace} {name} without dimensions is another metric"),
        );
    }
    metric_math(checked, alarm, &queries);
    route_metrics(checked, alarm, &measured);
    // Metric math compares data points of one period.
    let periods: BTreeSet<_> = queries
        .iter()
        .filter_map(|query| query.pointer("/MetricStat/Period")?.as_u64())
        .collect();
    let number = |pointer: &str| alarm.at(pointer).as_u64();
    let evaluated = number("/EvaluationPeriods");
    checked.require(
        periods.len() <= 1 && evaluated >= Some(1) && number("/DatapointsToAlarm") <= evaluated,
        "alarm-periods",
        alarm.id,
        "the metrics must have one period, and DatapointsToAlarm must not exceed EvaluationPeriods",
    );
}

/// Checks that an alarm on failed responses subtracts those of `/health`: anyone can call this route,
/// and it fails by design. Also checks that the stage emits the metrics of each route.
fn route_metrics(checked: &mut Checked<'_>, alarm: Resource<'_>, measured: &[&Value]) {
    let of_api = || {
        measured
            .iter()
            .filter(|metric| metric["Namespace"] == "AWS/ApiGateway")
    };
    for route in of_api().filter_map(|metric| route(metric)) {
        let is_emitted = checked.any("AWS::ApiGatewayV2::Stage", |stage| {
            stage.at("/RouteSettings")[&route]["DetailedMetricsEnabled"] == true
        });
        checked.require(
            is_emitted,
            "alarm-health",
            alarm.id,
            format_args!("the stage must enable detailed metrics for {route}"),
        );
    }
    let failed = || of_api().filter(|metric| metric["MetricName"] == "5xx");
    if failed().all(|metric| route(metric).is_some()) {
        return;
    }
    for health in routes::HEALTH {
        checked.require(
            failed().any(|metric| route(metric).as_deref() == Some(health)),
            "alarm-health",
            alarm.id,
            format_args!("the alarm must subtract the responses of {health}"),
        );
    }
}

/// Returns the route key of a metric of API Gateway, or `None` for a metric of the whole API.
fn route(metric: &Value) -> Option<String> {
    let dimension = |name: &str| {
        let mut dimensions = metric["Dimensions"].as_array()?.iter();
        dimensions.find(|dimension| dimension["Name"] == name)?["Value"].as_str()
    };
    Some(format!(
        "{} {}",
        dimension("Method")?,
        dimension("Resource")?
    ))
}

/// Checks that exactly one query returns data, and that expressions use existing queries.
fn metric_math(checked: &mut Checked<'_>, alarm: Resource<'_>, queries: &[&Value]) {
    let returned = queries.iter().filter(|query| query["ReturnData"] != false);
    checked.require(
        queries.is_empty() || returned.count() == 1,
        "alarm-math",
        alarm.id,
        "exactly one query must return data",
    );
    for query in queries {
        let expression = query["Expression"].as_str().unwrap_or_default();
        // Ids begin with a small letter, and functions have capital letters.
        let ids = expression
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
        for id in ids {
            checked.require(
                queries.iter().any(|query| query["Id"] == id),
                "alarm-math",
                alarm.id,
                format_args!("the expression uses {id}, which is not the id of a query"),
            );
        }
    }
}

fn dashboard(checked: &mut Checked<'_>, dashboard: Resource<'_>) {
    let body = substitution(dashboard.at("/DashboardBody")).unwrap_or_default();
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    let widgets = body["widgets"].as_array().map_or(&[][..], Vec::as_slice);
    checked.require(
        !widgets.is_empty(),
        "dashboard-body",
        dashboard.id,
        "the body must be JSON with widgets",
    );
    for widget in widgets {
        let number = |name: &str| widget[name].as_u64().unwrap_or(u64::MAX / 2);
        let title = widget["properties"]["title"].as_str().unwrap_or_default();
        checked.require(
            number("x") + number("width") <= 24 && !title.is_empty(),
            "dashboard-body",
            dashboard.id,
            format_args!("the widget {title:?} must have a title and fit into 24 columns"),
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
                exists(namespace, name),
                "dashboard-metric",
                dashboard.id,
                format_args!("the metric {namespace:?} {name:?} does not exist"),
            );
        }
    }
}

/// Returns the namespace and the metric of `SEARCH('{namespace,dimensions} MetricName="name" ..`,
/// or empty texts for any other expression.
fn searched(expression: &str) -> (&str, &str) {
    let between = |start: &str, end: char| {
        let (_, rest) = expression.split_once(start)?;
        rest.split(end).next()
    };
    let namespace = between("SEARCH('{", ',').unwrap_or_default();
    (namespace, between("MetricName=\"", '"').unwrap_or_default())
}
