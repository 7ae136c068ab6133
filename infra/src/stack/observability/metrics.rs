//! The metrics that the alarms and the dashboard share.

use cfn::resources::apigatewayv2::{Api, DEFAULT_STAGE};
use cfn::resources::cloudwatch::{Dimension, MetricStat, Period, Statistic};
use cfn::resources::dynamodb::Table;
use cfn::resources::lambda::Function;
use cfn::resources::sqs::Queue;
use cfn::sub;
use cfn::template::Handle;
use contract::{LIVE_ALIAS, items, metrics};

use crate::Settings;

/// The resources that are watched.
pub(crate) struct Watched<'a> {
    pub(crate) api: &'a Handle<Api>,
    pub(crate) api_function: &'a Handle<Function>,
    pub(crate) update_function: &'a Handle<Function>,
    pub(crate) table: &'a Handle<Table>,
    pub(crate) dead_letters: &'a Handle<Queue>,
}

pub(super) const MINUTE: Period = Period::minutes(1);

/// The latency at the 99th percentile above which there is an alarm.
pub(super) const LATENCY_LIMIT_MILLISECONDS: u32 = 1_000;

/// A metric of a function by its alias, so that what is invoked beside it (an
/// older version, by hand) does not count.
pub(super) fn function(name: &str, function: &Handle<Function>, period: Period) -> MetricStat {
    MetricStat {
        namespace: "AWS/Lambda".to_owned(),
        metric_name: name.to_owned(),
        dimensions: vec![
            Dimension {
                name: "FunctionName",
                value: function.reference().into_text(),
            },
            Dimension {
                name: "Resource",
                value: sub![&function.reference(), ":", LIVE_ALIAS],
            },
        ],
        period,
        statistic: Statistic::SUM,
    }
}

/// A metric of the HTTP API, over all routes.
pub(super) fn api(name: &str, api: &Handle<Api>, statistic: Statistic) -> MetricStat {
    MetricStat {
        namespace: "AWS/ApiGateway".to_owned(),
        metric_name: name.to_owned(),
        dimensions: vec![Dimension {
            name: "ApiId",
            value: api.reference().into_text(),
        }],
        period: MINUTE,
        statistic,
    }
}

/// A metric of one route of the HTTP API, which exists only where the stage's settings of
/// the route enable detailed metrics.
///
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html>
pub(super) fn route(name: &str, handle: &Handle<Api>, route_key: &'static str) -> MetricStat {
    let (method, path) = route_key.split_once(' ').unwrap_or((route_key, ""));
    let mut metric = api(name, handle, Statistic::SUM);
    metric.dimensions.extend(
        [
            ("Method", method),
            ("Resource", path),
            ("Stage", DEFAULT_STAGE),
        ]
        .map(|(name, value)| Dimension {
            name,
            value: value.into(),
        }),
    );
    metric
}

/// A metric of the table itself.
pub(super) fn table(name: &str, table: &Handle<Table>) -> MetricStat {
    MetricStat {
        namespace: "AWS/DynamoDB".to_owned(),
        metric_name: name.to_owned(),
        dimensions: vec![Dimension {
            name: "TableName",
            value: table.reference().into_text(),
        }],
        period: MINUTE,
        statistic: Statistic::SUM,
    }
}

/// A metric of the table's index, which is not part of the table's own.
pub(super) fn index(name: &str, handle: &Handle<Table>) -> MetricStat {
    let mut metric = table(name, handle);
    metric.dimensions.push(Dimension {
        name: "GlobalSecondaryIndexName",
        value: items::GSI1.into(),
    });
    metric
}

/// How much a log group takes in, which is what CloudWatch Logs charges for.
pub(super) fn logs(group: String, period: Period) -> MetricStat {
    MetricStat {
        namespace: "AWS/Logs".to_owned(),
        metric_name: "IncomingBytes".to_owned(),
        dimensions: vec![Dimension {
            name: "LogGroupName",
            value: group.into(),
        }],
        period,
        statistic: Statistic::SUM,
    }
}

/// A metric of the dead letters.
pub(super) fn queue(name: &str, queue: &Handle<Queue>, period: Period) -> MetricStat {
    MetricStat {
        namespace: "AWS/SQS".to_owned(),
        metric_name: name.to_owned(),
        dimensions: vec![Dimension {
            name: "QueueName",
            value: queue.queue_name().into_text(),
        }],
        period,
        statistic: Statistic::SUM,
    }
}

/// A metric that our functions write.
pub(super) fn own(
    name: &str,
    settings: &Settings,
    period: Period,
    statistic: Statistic,
) -> MetricStat {
    MetricStat {
        namespace: metrics::NAMESPACE.to_owned(),
        metric_name: name.to_owned(),
        dimensions: vec![Dimension {
            name: metrics::ENVIRONMENT_DIMENSION,
            value: settings.environment.name().into(),
        }],
        period,
        statistic,
    }
}
