//! The dashboard: the state at the top, then what clients see, then prices,
//! then what costs money.

use contract::metrics as ours;
use serde_json::{Value as Json, json};

use super::{Watched, metrics};
use crate::resources::cloudwatch::{Alarm, Dashboard, MetricStat, Percentile, Period, Statistic};
use crate::template::{Handle, Pseudo, Template, Text, Value, json_text};
use crate::{Settings, logical_id, names};
use metrics::MINUTE;

/// CloudWatch's grid is this wide.
const COLUMNS: usize = 24;
/// Graphs that stand side by side.
const GRAPHS_A_ROW: usize = 3;
const GRAPH_HEIGHT: usize = 6;
const ALARMS_HEIGHT: usize = 3;

/// A graph: a title, and metrics with their labels.
struct Graph {
    title: &'static str,
    lines: Vec<(&'static str, MetricStat)>,
}

/// Adds the dashboard.
pub(super) fn add(
    template: &mut Template,
    settings: &Settings,
    watched: &Watched<'_>,
    alarms: &[Handle<Alarm>],
) {
    let mut widgets = vec![alarm_states(alarms)];
    for (i, graph) in graphs(settings, watched).into_iter().enumerate() {
        widgets.push(graph.widget(i));
    }
    // Strings, numbers and references always have a JSON form.
    let body = json_text(&json!({ "widgets": widgets })).unwrap_or_else(|_| Value::literal("{}"));
    template.add(
        logical_id!("Dashboard"),
        Dashboard {
            dashboard_name: names::stack(settings.environment),
            dashboard_body: body,
            tags: settings.tags().list(),
        },
    );
}

/// Every alarm's state in one row, which is what one looks at first.
fn alarm_states(alarms: &[Handle<Alarm>]) -> Json {
    let arns: Vec<_> = alarms.iter().map(Handle::<Alarm>::arn).collect();
    json!({
        "type": "alarm",
        "x": 0,
        "y": 0,
        "width": COLUMNS,
        "height": ALARMS_HEIGHT,
        "properties": { "title": "Alarms", "alarms": arns },
    })
}

fn graphs(settings: &Settings, watched: &Watched<'_>) -> Vec<Graph> {
    const FIVE_MINUTES: Period = Period::minutes(5);
    let api = |name, statistic| metrics::api(name, watched.api, statistic);
    let own = |name, statistic| metrics::own(name, settings, FIVE_MINUTES, statistic);
    let function = |name, function| metrics::function(name, function, MINUTE);
    vec![
        Graph {
            title: "Requests",
            lines: vec![
                ("all", api("Count", Statistic::SUM)),
                ("4xx", api("4xx", Statistic::SUM)),
                ("5xx", api("5xx", Statistic::SUM)),
            ],
        },
        Graph {
            title: "Latency, milliseconds",
            lines: vec![
                (
                    "p50",
                    api("Latency", Statistic::Percentile(Percentile::P50)),
                ),
                (
                    "p99",
                    api("Latency", Statistic::Percentile(Percentile::P99)),
                ),
            ],
        },
        Graph {
            title: "Age of the newest price, seconds",
            lines: vec![("age", own(ours::PRICE_AGE, Statistic::MAXIMUM))],
        },
        Graph {
            title: "Price provider",
            lines: vec![
                ("calls", own(ours::PROVIDER_CALLS, Statistic::SUM)),
                ("failures", own(ours::PROVIDER_FAILURES, Statistic::SUM)),
            ],
        },
        Graph {
            title: "Prices of a run",
            lines: vec![
                ("stored", own(ours::SYMBOLS_STORED, Statistic::SUM)),
                ("skipped", own(ours::SYMBOLS_SKIPPED, Statistic::SUM)),
            ],
        },
        Graph {
            title: "Failures and throttles",
            lines: vec![
                ("API errors", function("Errors", watched.api_function)),
                ("API throttles", function("Throttles", watched.api_function)),
                ("update errors", function("Errors", watched.update_function)),
                (
                    "dead letters",
                    metrics::queue("NumberOfMessagesSent", watched.dead_letters, MINUTE),
                ),
                (
                    "table reads throttled",
                    metrics::table("ReadThrottleEvents", watched.table),
                ),
                (
                    "table writes throttled",
                    metrics::table("WriteThrottleEvents", watched.table),
                ),
            ],
        },
        Graph {
            title: "What costs: table, capacity units",
            lines: vec![
                (
                    "read",
                    metrics::table("ConsumedReadCapacityUnits", watched.table),
                ),
                (
                    "write",
                    metrics::table("ConsumedWriteCapacityUnits", watched.table),
                ),
            ],
        },
        Graph {
            title: "What costs: Lambda, milliseconds",
            lines: vec![
                ("API", function("Duration", watched.api_function)),
                ("update", function("Duration", watched.update_function)),
            ],
        },
        Graph {
            title: "What costs: Lambda, invocations",
            lines: vec![
                ("API", function("Invocations", watched.api_function)),
                ("update", function("Invocations", watched.update_function)),
            ],
        },
    ]
}

impl Graph {
    /// The graph at its place in the grid.
    fn widget(self, place: usize) -> Json {
        let width = COLUMNS / GRAPHS_A_ROW;
        let lines: Vec<Json> = self
            .lines
            .into_iter()
            .map(|(label, metric)| line(label, metric))
            .collect();
        json!({
            "type": "metric",
            "x": place % GRAPHS_A_ROW * width,
            "y": ALARMS_HEIGHT + place / GRAPHS_A_ROW * GRAPH_HEIGHT,
            "width": width,
            "height": GRAPH_HEIGHT,
            "properties": {
                "title": self.title,
                "region": Value::<Text>::from(Pseudo::Region),
                "view": "timeSeries",
                "yAxis": { "left": { "min": 0 } },
                "metrics": lines,
            },
        })
    }
}

/// A metric in the notation of dashboards: namespace, name, then dimensions.
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
