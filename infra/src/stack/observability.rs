//! The alarms that watch the API, and the topic that they tell.

use contract::LIVE_ALIAS;

use crate::constructs::alarm::{self, AlarmProps};
use crate::resources::apigatewayv2::Api;
use crate::resources::cloudwatch::{
    Alarm, AlarmMetric, Dimension, EvaluationPeriods, MetricExpression, MetricInput, MetricStat,
    Metrics, Period, Statistic,
};
use crate::resources::lambda::Function;
use crate::resources::sns::Topic;
use crate::template::{Handle, Template};
use crate::{Settings, logical_id, names, sub};

const MINUTE: Period = Period::minutes(1);

/// Adds the topic and the alarms. CodeDeploy watches the same ones.
pub(super) fn alarms(
    template: &mut Template,
    settings: &Settings,
    function: &Handle<Function>,
    api: &Handle<Api>,
) -> Vec<Handle<Alarm>> {
    // The topic is not encrypted: with the AWS managed key `alias/aws/sns`
    // CloudWatch cannot publish to it, silently, and an alarm's text holds
    // nothing that needs a customer's key.
    let topic = template.add(
        logical_id!("AlarmTopic"),
        Topic {
            topic_name: names::of(settings.environment, "alarms"),
            tags: settings.tags().list(),
        },
    );
    [
        AlarmProps {
            id: logical_id!("ApiErrorsAlarm"),
            name: "api-errors",
            description: "The API function failed more than 5 times a minute, two minutes in a row.",
            metric: AlarmMetric::Single(function_metric("Errors", function)),
            greater_than: 5,
            periods: const { EvaluationPeriods::new(2) },
        },
        AlarmProps {
            id: logical_id!("ApiThrottlesAlarm"),
            name: "api-throttles",
            description: "Lambda refused to run the API function more than 10 times in a minute.",
            metric: AlarmMetric::Single(function_metric("Throttles", function)),
            greater_than: 10,
            periods: const { EvaluationPeriods::new(1) },
        },
        AlarmProps {
            id: logical_id!("Api5xxAlarm"),
            name: "api-5xx",
            description: "More than 10 % of at least 20 requests a minute were answered with 5xx, two minutes in a row.",
            metric: AlarmMetric::Math(Metrics {
                inputs: vec![
                    MetricInput {
                        id: "errors",
                        metric: api_metric("5xx", api),
                    },
                    MetricInput {
                        id: "requests",
                        metric: api_metric("Count", api),
                    },
                ],
                // One failed probe in a quiet minute is no incident.
                expression: MetricExpression {
                    id: "rate",
                    label: "5xx, percent of requests",
                    expression: "IF(requests >= 20, 100 * errors / requests, 0)".to_owned(),
                },
            }),
            greater_than: 10,
            periods: const { EvaluationPeriods::new(2) },
        },
    ]
    .map(|props| alarm::add(template, settings, &topic, props))
    .into()
}

/// A metric of the function by its alias, so that what is invoked beside it
/// (an older version, by hand) does not count.
fn function_metric(metric_name: &str, function: &Handle<Function>) -> MetricStat {
    MetricStat {
        namespace: "AWS/Lambda".to_owned(),
        metric_name: metric_name.to_owned(),
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
        period: MINUTE,
        statistic: Statistic::Sum,
    }
}

fn api_metric(metric_name: &str, api: &Handle<Api>) -> MetricStat {
    MetricStat {
        namespace: "AWS/ApiGateway".to_owned(),
        metric_name: metric_name.to_owned(),
        dimensions: vec![Dimension {
            name: "ApiId",
            value: api.reference().into_text(),
        }],
        period: MINUTE,
        statistic: Statistic::Sum,
    }
}
