//! The alarms. Each has a section in docs/runbook.md, which a test looks for.

use contract::metrics as ours;

use super::{Watched, metrics};
use crate::constructs::alarm::{self, AlarmProps};
use crate::resources::apigatewayv2::Api;
use crate::resources::cloudwatch::{
    Alarm, AlarmMetric, ComparisonOperator, EvaluationPeriods, MetricExpression, MetricInput,
    MetricStat, Metrics, Percentile, Period, Statistic, TreatMissingData,
};
use crate::resources::lambda::Function;
use crate::template::{Handle, Template};
use crate::{Settings, logical_id, names};
use metrics::MINUTE;

const ONE: EvaluationPeriods = EvaluationPeriods::new(1);
const TWO: EvaluationPeriods = EvaluationPeriods::new(2);
const THREE: EvaluationPeriods = EvaluationPeriods::new(3);
const FIVE: EvaluationPeriods = EvaluationPeriods::new(5);
const SIX: EvaluationPeriods = EvaluationPeriods::new(6);

use ComparisonOperator::{GreaterThanOrEqualToThreshold, GreaterThanThreshold};
// No requests, no errors.
use TreatMissingData::{Breaching, NotBreaching};

/// Adds the alarms that stop a rollout, which watch the API.
pub(crate) fn rollout(
    template: &mut Template,
    settings: &Settings,
    function: &Handle<Function>,
    api: &Handle<Api>,
) -> Vec<Handle<Alarm>> {
    let [errors, throttles, answers_5xx] = names::ROLLOUT_ALARMS;
    let alarms = [
        AlarmProps {
            id: logical_id!("ApiErrorsAlarm"),
            name: errors,
            description: "The API function failed more than 5 times a minute, two minutes in a row.",
            metric: AlarmMetric::Single(metrics::function("Errors", function, MINUTE)),
            comparison: GreaterThanThreshold,
            threshold: 5,
            periods: TWO,
            datapoints: None,
            missing_data: NotBreaching,
        },
        AlarmProps {
            id: logical_id!("ApiThrottlesAlarm"),
            name: throttles,
            description: "Lambda refused to run the API function more than 10 times in a minute.",
            metric: AlarmMetric::Single(metrics::function("Throttles", function, MINUTE)),
            comparison: GreaterThanThreshold,
            threshold: 10,
            periods: ONE,
            datapoints: None,
            missing_data: NotBreaching,
        },
        AlarmProps {
            id: logical_id!("Api5xxAlarm"),
            name: answers_5xx,
            description: "More than 10 % of at least 20 requests a minute were answered with 5xx, two minutes in a row.",
            // One failed probe in a quiet minute is no incident.
            metric: share(
                ("errors", metrics::api("5xx", api, Statistic::SUM)),
                ("requests", metrics::api("Count", api, Statistic::SUM)),
                "IF(requests >= 20, 100 * errors / requests, 0)",
            ),
            comparison: GreaterThanThreshold,
            threshold: 10,
            periods: TWO,
            datapoints: None,
            missing_data: NotBreaching,
        },
    ];
    alarms
        .map(|props| alarm::add(template, settings, props))
        .into()
}

/// Adds the alarms that have nothing to say about a rollout.
pub(super) fn further(
    template: &mut Template,
    settings: &Settings,
    watched: &Watched<'_>,
) -> Vec<Handle<Alarm>> {
    const FIVE_MINUTES: Period = Period::minutes(5);
    const FIFTEEN_MINUTES: Period = Period::minutes(15);

    let alarms = [
        AlarmProps {
            id: logical_id!("ApiLatencyAlarm"),
            name: "api-latency",
            description: "One request in a hundred took longer than a second, in 3 of 5 minutes.",
            metric: AlarmMetric::Single(metrics::api(
                "Latency",
                watched.api,
                Statistic::Percentile(Percentile::P99),
            )),
            comparison: GreaterThanThreshold,
            threshold: metrics::LATENCY_LIMIT_MILLISECONDS,
            periods: FIVE,
            datapoints: Some(THREE),
            missing_data: NotBreaching,
        },
        AlarmProps {
            id: logical_id!("TableThrottlesAlarm"),
            name: "table-throttles",
            description: "DynamoDB throttled reads or writes of the table or of its index.",
            metric: table_throttles(watched),
            comparison: GreaterThanThreshold,
            threshold: 0,
            // The newest minute has no data yet, and FILL makes that a 0: one
            // period alone would see nothing else.
            periods: FIVE,
            datapoints: Some(ONE),
            missing_data: NotBreaching,
        },
        AlarmProps {
            id: logical_id!("UpdateErrorsAlarm"),
            name: "update-errors",
            description: "The update function failed 3 times or more in 15 minutes.",
            metric: AlarmMetric::Single(metrics::function(
                "Errors",
                watched.update_function,
                FIFTEEN_MINUTES,
            )),
            comparison: GreaterThanOrEqualToThreshold,
            threshold: 3,
            periods: ONE,
            datapoints: None,
            missing_data: NotBreaching,
        },
        AlarmProps {
            id: logical_id!("PriceAgeAlarm"),
            name: "price-age",
            description: "The newest price has been older than 15 minutes for 15 minutes, or nobody says how old it is.",
            metric: AlarmMetric::Single(metrics::own(
                ours::PRICE_AGE,
                settings,
                FIVE_MINUTES,
                Statistic::MAXIMUM,
            )),
            comparison: GreaterThanThreshold,
            threshold: contract::MAX_PRICE_AGE_SECONDS,
            periods: THREE,
            datapoints: None,
            // Every run says the age, failed ones too: silence is no run at all.
            missing_data: Breaching,
        },
        AlarmProps {
            id: logical_id!("DeadLettersAlarm"),
            name: "dead-letters",
            description: "Updates were given up and are in the dead-letter queue.",
            // Arrivals, and not what is in the queue: the alarm clears by
            // itself, and the queue may keep what people want to look at.
            metric: AlarmMetric::Single(metrics::queue(
                "NumberOfMessagesSent",
                watched.dead_letters,
                FIVE_MINUTES,
            )),
            comparison: GreaterThanThreshold,
            threshold: 0,
            // The metrics of a queue that was quiet come up to 15 minutes late,
            // behind newer zeros.
            periods: SIX,
            datapoints: Some(ONE),
            missing_data: NotBreaching,
        },
    ];
    alarms
        .map(|props| alarm::add(template, settings, props))
        .into()
}

/// Adds the alarm that calls nobody: a provider that turns us away is an
/// ordinary thing while another one serves, and where none does, `update-errors`
/// and `price-age` call.
pub(super) fn provider(template: &mut Template, settings: &Settings) -> Handle<Alarm> {
    const TEN_MINUTES: Period = Period::minutes(10);

    let props = AlarmProps {
        id: logical_id!("ProviderFailuresAlarm"),
        name: "provider-failures",
        description: "More than half of the calls to the price provider failed, over 10 minutes.",
        metric: share(
            (
                "failures",
                metrics::own(
                    ours::PROVIDER_FAILURES,
                    settings,
                    TEN_MINUTES,
                    Statistic::SUM,
                ),
            ),
            (
                "calls",
                metrics::own(ours::PROVIDER_CALLS, settings, TEN_MINUTES, Statistic::SUM),
            ),
            "IF(calls > 0, 100 * failures / calls, 0)",
        ),
        comparison: GreaterThanThreshold,
        threshold: 50,
        periods: ONE,
        datapoints: None,
        missing_data: NotBreaching,
    };
    alarm::add(template, settings, props)
}

/// A percentage of one metric in another.
fn share(
    part: (&'static str, MetricStat),
    whole: (&'static str, MetricStat),
    expression: &str,
) -> AlarmMetric {
    AlarmMetric::Math(Metrics {
        inputs: [part, whole]
            .map(|(id, metric)| MetricInput { id, metric })
            .into(),
        expression: MetricExpression {
            id: "share",
            label: "percent",
            expression: expression.to_owned(),
        },
    })
}

fn table_throttles(watched: &Watched<'_>) -> AlarmMetric {
    AlarmMetric::Math(Metrics {
        inputs: vec![
            MetricInput {
                id: "tableReads",
                metric: metrics::table("ReadThrottleEvents", watched.table),
            },
            MetricInput {
                id: "tableWrites",
                metric: metrics::table("WriteThrottleEvents", watched.table),
            },
            MetricInput {
                id: "indexReads",
                metric: metrics::index("ReadThrottleEvents", watched.table),
            },
            MetricInput {
                id: "indexWrites",
                metric: metrics::index("WriteThrottleEvents", watched.table),
            },
        ],
        // Alarms on DynamoDB's metrics ignore missing data, so without FILL
        // this one would never be over.
        expression: MetricExpression {
            id: "throttled",
            label: "throttled requests",
            expression:
                "FILL(tableReads, 0) + FILL(tableWrites, 0) + FILL(indexReads, 0) + FILL(indexWrites, 0)"
                    .to_owned(),
        },
    })
}
