//! The dashboard: the states of the alarms, the current values, and a row of graphs each for
//! clients, prices and costs.

use cfn::logical_id;
use cfn::resources::cloudwatch::{
    Alarm, CompositeAlarm, Dashboard, MetricStat, Metrics, Period, Statistic,
};
use cfn::template::{Handle, Pseudo, Template, Text, Value, json_text};
use contract::{Function as Name, metrics as ours};
use serde_json::{Value as Json, json};

use super::alarms;
use super::metrics::{self, Watched};
use crate::environment::Probe;
use crate::{Settings, names};
use metrics::MINUTE;

/// The width of CloudWatch's grid.
const COLUMNS: usize = 24;
const GRAPH_HEIGHT: usize = 6;
const ALARMS_HEIGHT: usize = 3;
const CURRENT_VALUES_HEIGHT: usize = 3;

const FIVE_MINUTES: Period = Period::minutes(5);

struct Graph {
    title: &'static str,
    /// The metrics in the notation of dashboards.
    lines: Vec<Json>,
    /// The threshold of the alarm on the graph's metric.
    alarm_above: Option<u32>,
}

pub(super) fn add(
    template: &mut Template,
    settings: &Settings,
    watched: &Watched<'_>,
    service: &Handle<CompositeAlarm>,
    alarms: &[Handle<Alarm>],
) {
    let mut widgets = vec![
        alarm_states(service, alarms),
        current_values(settings, watched),
    ];
    let rows = [
        clients(settings, watched).into(),
        prices(settings).into(),
        costs(settings, watched).into(),
    ];
    for (row, graphs) in rows.into_iter().enumerate() {
        let graphs: Vec<Graph> = graphs;
        let width = COLUMNS / graphs.len();
        for (column, graph) in graphs.into_iter().enumerate() {
            widgets.push(graph.widget(row, column * width, width));
        }
    }
    let body = json_text(&Json::from_iter([("widgets", widgets)]));
    template.add(
        logical_id!("Dashboard"),
        Dashboard {
            dashboard_name: names::stack(settings.environment),
            dashboard_body: body,
            tags: settings.tags().list(),
        },
    );
}

/// Returns the widget with the states of the composite alarm and of all other alarms.
fn alarm_states(service: &Handle<CompositeAlarm>, alarms: &[Handle<Alarm>]) -> Json {
    let mut arns = vec![service.arn()];
    arns.extend(alarms.iter().map(Handle::<Alarm>::arn));
    json!({
        "type": "alarm",
        "x": 0,
        "y": 0,
        "width": COLUMNS,
        "height": ALARMS_HEIGHT,
        "properties": { "title": "Alarms (docs/runbook.md)", "alarms": arns },
    })
}

fn current_values(settings: &Settings, watched: &Watched<'_>) -> Json {
    let api = |name, statistic| metrics::api(name, watched.api, statistic);
    let own = |name, statistic| metrics::own(name, settings, FIVE_MINUTES, statistic);
    let dead_letters = metrics::queue("NumberOfMessagesSent", watched.dead_letters, FIVE_MINUTES);
    json!({
        "type": "metric",
        "x": 0,
        "y": ALARMS_HEIGHT,
        "width": COLUMNS,
        "height": CURRENT_VALUES_HEIGHT,
        "properties": {
            "title": "Current values",
            "region": Value::<Text>::from(Pseudo::Region),
            "view": "singleValue",
            "sparkline": true,
            "metrics": [
                line("requests a minute", api("Count", Statistic::Sum)),
                line("5xx a minute", api("5xx", Statistic::Sum)),
                line("p99 latency, ms", api("Latency", Statistic::P99)),
                line("price age, s", own(ours::PRICE_AGE, Statistic::Maximum)),
                line("rate age, s", own(ours::RATE_AGE, Statistic::Maximum)),
                line("provider failures", own(ours::PROVIDER_FAILURES, Statistic::Sum)),
                line("dead letters", dead_letters),
            ],
        },
    })
}

fn clients(settings: &Settings, watched: &Watched<'_>) -> [Graph; 4] {
    let api = |name, statistic| metrics::api(name, watched.api, statistic);
    [
        Graph {
            title: "Requests",
            lines: vec![
                line("all", api("Count", Statistic::Sum)),
                line("4xx", api("4xx", Statistic::Sum)),
                line("5xx", api("5xx", Statistic::Sum)),
            ],
            alarm_above: None,
        },
        Graph {
            title: "5xx responses without /health, percent",
            lines: math(alarms::failing_share(settings, watched.api)),
            alarm_above: Some(alarms::FAILING_PERCENT),
        },
        Graph {
            title: "Latency, milliseconds",
            lines: vec![
                line("p50", api("Latency", Statistic::P50)),
                line("p99", api("Latency", Statistic::P99)),
            ],
            alarm_above: Some(metrics::LATENCY_LIMIT_MILLISECONDS),
        },
        Graph {
            title: "Failures and throttles",
            lines: failures(settings, watched),
            alarm_above: None,
        },
    ]
}

fn failures(settings: &Settings, watched: &Watched<'_>) -> Vec<Json> {
    let function = |name, function| metrics::function(name, function, MINUTE);
    let table = |name| metrics::table(name, watched.table);
    let dead_letters = metrics::queue("NumberOfMessagesSent", watched.dead_letters, MINUTE);
    let mut lines = vec![
        line("API errors", function("Errors", watched.api_function)),
        line("API throttles", function("Throttles", watched.api_function)),
        line("update errors", function("Errors", watched.update_function)),
        line("dead letters", dead_letters),
        line("table reads throttled", table("ReadThrottleEvents")),
        line("table writes throttled", table("WriteThrottleEvents")),
    ];
    if settings.probe == Probe::EveryMinute {
        let probe = metrics::own(ours::PROBE_FAILURES, settings, MINUTE, Statistic::Maximum);
        lines.push(line("probe failures", probe));
    }
    lines
}

fn prices(settings: &Settings) -> [Graph; 4] {
    let own = |name, statistic| metrics::own(name, settings, FIVE_MINUTES, statistic);
    [
        Graph {
            title: "Age of the newest price, seconds",
            lines: vec![line("age", own(ours::PRICE_AGE, Statistic::Maximum))],
            alarm_above: Some(contract::MAX_PRICE_AGE_SECONDS),
        },
        Graph {
            title: "Age of the oldest rate, seconds",
            lines: vec![line("age", own(ours::RATE_AGE, Statistic::Maximum))],
            alarm_above: None,
        },
        Graph {
            title: "Provider calls and failures",
            lines: vec![
                line("all calls", own(ours::PROVIDER_CALLS, Statistic::Sum)),
                by_provider(ours::PROVIDER_FAILURES, settings),
            ],
            alarm_above: None,
        },
        Graph {
            title: "Stored prices by provider, and stored rates",
            lines: vec![
                by_provider(ours::SYMBOLS_STORED, settings),
                line("skipped", own(ours::SYMBOLS_SKIPPED, Statistic::Sum)),
                line("rates", own(ours::RATES_STORED, Statistic::Sum)),
            ],
            alarm_above: None,
        },
    ]
}

/// Returns the graphs of the usage that AWS charges for, except for the number of requests, which
/// `clients` has.
fn costs(settings: &Settings, watched: &Watched<'_>) -> [Graph; 3] {
    let environment = settings.environment;
    let function = |name, function| metrics::function(name, function, MINUTE);
    let table = |name| metrics::table(name, watched.table);
    let logs = |group| metrics::logs(group, FIVE_MINUTES);
    [
        Graph {
            title: "Table: request units",
            lines: vec![
                line("read", table("ConsumedReadCapacityUnits")),
                line("write", table("ConsumedWriteCapacityUnits")),
            ],
            alarm_above: None,
        },
        Graph {
            title: "Lambda: duration, milliseconds",
            lines: vec![
                line("API", function("Duration", watched.api_function)),
                line("update", function("Duration", watched.update_function)),
            ],
            alarm_above: None,
        },
        Graph {
            title: "Logs: ingested bytes",
            lines: vec![
                line("access", logs(names::access_log_group(environment))),
                line(
                    "API",
                    logs(names::function_log_group(Name::Api, environment)),
                ),
                line(
                    "update",
                    logs(names::function_log_group(Name::Update, environment)),
                ),
            ],
            alarm_above: None,
        },
    ]
}

impl Graph {
    /// Returns the graph as a widget at its place in the grid.
    fn widget(self, row: usize, column: usize, width: usize) -> Json {
        let mut properties = json!({
            "title": self.title,
            "region": Value::<Text>::from(Pseudo::Region),
            "view": "timeSeries",
            "yAxis": { "left": { "min": 0 } },
        });
        properties["metrics"] = self.lines.into();
        if let Some(value) = self.alarm_above {
            properties["annotations"] = json!({
                "horizontal": [{ "label": "alarm", "value": value, "fill": "above" }],
            });
        }
        let mut widget = json!({
            "type": "metric",
            "x": column,
            "y": ALARMS_HEIGHT + CURRENT_VALUES_HEIGHT + row * GRAPH_HEIGHT,
            "width": width,
            "height": GRAPH_HEIGHT,
        });
        widget["properties"] = properties;
        widget
    }
}

/// Returns a search expression that draws one line of the metric for each price provider, with the
/// sums of 300 seconds.
fn by_provider(metric: &str, settings: &Settings) -> Json {
    let (namespace, environment_dimension, provider_dimension) = (
        ours::NAMESPACE,
        ours::ENVIRONMENT_DIMENSION,
        ours::PROVIDER_DIMENSION,
    );
    let environment = settings.environment;
    let search = format!(
        "SEARCH('{{{namespace},{environment_dimension},{provider_dimension}}} MetricName=\"{metric}\" {environment_dimension}=\"{environment}\"', 'Sum', 300)"
    );
    json!([{ "expression": search }])
}

/// Returns metric math in the notation of dashboards: the invisible inputs and the expression.
fn math(metrics: Metrics) -> Vec<Json> {
    let mut lines = Vec::new();
    for input in metrics.inputs {
        let mut line = line(input.id, input.metric);
        if let Some(options) = line.as_array_mut().and_then(|line| line.last_mut()) {
            options["id"] = input.id.into();
            options["visible"] = false.into();
        }
        lines.push(line);
    }
    let expression = metrics.expression;
    lines.push(json!([{
        "expression": expression.expression,
        "label": expression.label,
        "id": expression.id,
    }]));
    lines
}

/// Returns a metric in the notation of dashboards: namespace, name, dimensions, options.
fn line(label: &str, metric: MetricStat) -> Json {
    let mut line = vec![json!(metric.namespace), json!(metric.metric_name)];
    for dimension in metric.dimensions {
        line.push(json!(dimension.name));
        line.push(json!(dimension.value));
    }
    line.push(json!({
        "label": label,
        "stat": metric.statistic.name(),
        "period": metric.period,
    }));
    line.into()
}
