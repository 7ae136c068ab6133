//! The metrics of the alarms and the dashboard.

use cfn::resources::apigatewayv2::{Api, DEFAULT_STAGE};
use cfn::resources::cloudwatch::{Dimension, MetricStat, Period, Statistic};
use cfn::resources::dynamodb::Table;
use cfn::resources::lambda::Function;
use cfn::resources::sqs::Queue;
use cfn::sub;
use cfn::template::{Handle, Text, Value};
use contract::{LIVE_ALIAS, items, metrics};

use crate::Settings;

/// The resources that the alarms and the dashboard watch.
pub(crate) struct Watched<'a> {
    pub(crate) api: &'a Handle<Api>,
    pub(crate) api_function: &'a Handle<Function>,
    pub(crate) update_function: &'a Handle<Function>,
    pub(crate) table: &'a Handle<Table>,
    pub(crate) dead_letters: &'a Handle<Queue>,
}

pub(super) const MINUTE: Period = Period::minutes(1);

/// The threshold of the latency alarm, at the 99th percentile.
pub(super) const LATENCY_LIMIT_MILLISECONDS: u32 = 1_000;

/// Returns a metric, as the sum of a minute.
fn metric<const N: usize>(
    namespace: &str,
    name: &str,
    dimensions: [(&'static str, Value<Text>); N],
) -> MetricStat {
    MetricStat {
        namespace: namespace.to_owned(),
        metric_name: name.to_owned(),
        dimensions: dimensions
            .map(|(name, value)| Dimension { name, value })
            .into(),
        period: MINUTE,
        statistic: Statistic::Sum,
    }
}

/// Returns a metric of a function's alias. Invocations that name a version do not count.
pub(super) fn function(name: &str, function: &Handle<Function>, period: Period) -> MetricStat {
    let alias = sub![&function.reference(), ":", LIVE_ALIAS];
    let dimensions = [
        ("FunctionName", function.reference().into_text()),
        ("Resource", alias),
    ];
    MetricStat {
        period,
        ..metric("AWS/Lambda", name, dimensions)
    }
}

/// Returns a metric of the HTTP API with all its routes.
pub(super) fn api(name: &str, api: &Handle<Api>, statistic: Statistic) -> MetricStat {
    let dimensions = [("ApiId", api.reference().into_text())];
    MetricStat {
        statistic,
        ..metric("AWS/ApiGateway", name, dimensions)
    }
}

/// Returns a metric of a route. The metric exists only if the route's settings in the stage
/// enable detailed metrics.
///
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html>
pub(super) fn route(name: &str, api: &Handle<Api>, route_key: &'static str) -> MetricStat {
    let (method, path) = route_key.split_once(' ').unwrap_or((route_key, ""));
    let dimensions = [
        ("ApiId", api.reference().into_text()),
        ("Method", method.into()),
        ("Resource", path.into()),
        ("Stage", DEFAULT_STAGE.into()),
    ];
    metric("AWS/ApiGateway", name, dimensions)
}

/// Returns a metric of the table without its index.
pub(super) fn table(name: &str, table: &Handle<Table>) -> MetricStat {
    let dimensions = [("TableName", table.reference().into_text())];
    metric("AWS/DynamoDB", name, dimensions)
}

/// Returns a metric of the table's index.
pub(super) fn index(name: &str, table: &Handle<Table>) -> MetricStat {
    let dimensions = [
        ("TableName", table.reference().into_text()),
        ("GlobalSecondaryIndexName", items::GSI1.into()),
    ];
    metric("AWS/DynamoDB", name, dimensions)
}

/// Returns the ingested bytes of a log group, for which CloudWatch Logs charges.
pub(super) fn logs(group: String, period: Period) -> MetricStat {
    MetricStat {
        period,
        ..metric(
            "AWS/Logs",
            "IncomingBytes",
            [("LogGroupName", group.into())],
        )
    }
}

/// Returns a metric of the dead-letter queue.
pub(super) fn queue(name: &str, queue: &Handle<Queue>, period: Period) -> MetricStat {
    let dimensions = [("QueueName", queue.queue_name().into_text())];
    MetricStat {
        period,
        ..metric("AWS/SQS", name, dimensions)
    }
}

/// Returns a metric that the functions emit.
pub(super) fn own(
    name: &str,
    settings: &Settings,
    period: Period,
    statistic: Statistic,
) -> MetricStat {
    let environment = settings.environment.name().into();
    MetricStat {
        period,
        statistic,
        ..metric(
            metrics::NAMESPACE,
            name,
            [(metrics::ENVIRONMENT_DIMENSION, environment)],
        )
    }
}
