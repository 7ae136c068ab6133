//! The alarms. Each alarm has a section in docs/runbook.md. The runbook's table of conditions
//! is generated from the descriptions of the alarms.

use cfn::logical_id;
use cfn::resources::apigatewayv2::Api;
use cfn::resources::cloudwatch::{
    Alarm, AlarmMetric, ComparisonOperator, MetricExpression, MetricInput, Metrics, Period,
    Statistic, TreatMissingData,
};
use cfn::resources::lambda::Function;
use cfn::template::{Handle, Template};
use contract::metrics as ours;
use contract::routes::{GET_HEALTH, HEAD_HEALTH};

use super::metrics::{self, Watched};
use crate::constructs::alarm::{self, AlarmProps, DataPoints};
use crate::environment::Probe;
use crate::{Settings, names};
use metrics::MINUTE;

const FIVE_MINUTES: Period = Period::minutes(5);
const TEN_MINUTES: Period = Period::minutes(10);
const FIFTEEN_MINUTES: Period = Period::minutes(15);

/// The minimum number of requests per minute for the 5xx alarm, because one failure in a quiet
/// minute is not an incident.
const MINIMUM_REQUESTS: u32 = 10;

/// The threshold of the 5xx alarm in percent of the requests.
pub(super) const FAILING_PERCENT: u32 = 5;

use ComparisonOperator::{GreaterThanOrEqualToThreshold, GreaterThanThreshold};
use TreatMissingData::{Breaching, NotBreaching};

/// Adds the alarms that stop a rollout. They also page the operator.
pub(crate) fn rollout(
    template: &mut Template,
    settings: &Settings,
    function: &Handle<Function>,
    api: &Handle<Api>,
) -> Vec<Handle<Alarm>> {
    let [errors, throttles, responses_5xx] = names::ROLLOUT_ALARMS;
    let alarms = [
        AlarmProps {
            id: logical_id!("ApiErrorsAlarm"),
            name: errors,
            measure: "failed invocations of the API function".to_owned(),
            note: None,
            metric: AlarmMetric::Single(metrics::function("Errors", function, MINUTE)),
            comparison: GreaterThanThreshold,
            threshold: 5,
            data_points: const { DataPoints::new(2, 2) },
            missing_data: NotBreaching,
        },
        AlarmProps {
            id: logical_id!("ApiThrottlesAlarm"),
            name: throttles,
            measure: "throttled invocations of the API function".to_owned(),
            note: None,
            metric: AlarmMetric::Single(metrics::function("Throttles", function, MINUTE)),
            comparison: GreaterThanThreshold,
            threshold: 10,
            data_points: const { DataPoints::new(1, 1) },
            missing_data: NotBreaching,
        },
        AlarmProps {
            id: logical_id!("Api5xxAlarm"),
            name: responses_5xx,
            measure: format!("% of at least {MINIMUM_REQUESTS} requests answered with 5xx"),
            note: Some("Requests of /health and responses with NO_PRICE do not count."),
            metric: AlarmMetric::Math(failing_share(settings, api)),
            comparison: GreaterThanThreshold,
            threshold: FAILING_PERCENT,
            // The metrics of a minute arrive one by one. Until the metrics of /health arrive, the
            // failures of /health count, so one minute can breach by mistake.
            data_points: const { DataPoints::new(2, 3) },
            missing_data: NotBreaching,
        },
    ];
    alarms
        .map(|props| alarm::add(template, settings, props))
        .into()
}

/// Adds the alarms that page the operator and do not stop a rollout.
pub(super) fn paging(
    template: &mut Template,
    settings: &Settings,
    watched: &Watched<'_>,
) -> Vec<Handle<Alarm>> {
    let alarms = [
        AlarmProps {
            id: logical_id!("ApiLatencyAlarm"),
            name: "api-latency",
            measure: "ms of latency at the 99th percentile of all requests".to_owned(),
            note: None,
            metric: AlarmMetric::Single(metrics::api("Latency", watched.api, Statistic::P99)),
            comparison: GreaterThanThreshold,
            threshold: metrics::LATENCY_LIMIT_MILLISECONDS,
            data_points: const { DataPoints::new(3, 5) },
            missing_data: NotBreaching,
        },
        AlarmProps {
            id: logical_id!("TableThrottlesAlarm"),
            name: "table-throttles",
            measure: "throttled reads and writes of the table and its index".to_owned(),
            note: None,
            metric: table_throttles(watched),
            comparison: GreaterThanThreshold,
            threshold: 0,
            // The newest minute has no data yet, and FILL turns the missing value into 0. With one
            // period, the alarm would see only this 0.
            data_points: const { DataPoints::new(1, 5) },
            missing_data: NotBreaching,
        },
        AlarmProps {
            id: logical_id!("UpdateErrorsAlarm"),
            name: "update-errors",
            measure: "failed runs of the update function".to_owned(),
            note: None,
            metric: AlarmMetric::Single(metrics::function(
                "Errors",
                watched.update_function,
                FIFTEEN_MINUTES,
            )),
            comparison: GreaterThanOrEqualToThreshold,
            threshold: 3,
            data_points: const { DataPoints::new(1, 1) },
            missing_data: NotBreaching,
        },
        AlarmProps {
            id: logical_id!("PriceAgeAlarm"),
            name: "price-age",
            measure: "seconds of age of the newest price".to_owned(),
            note: None,
            metric: AlarmMetric::Single(metrics::own(
                ours::PRICE_AGE,
                settings,
                FIVE_MINUTES,
                Statistic::Maximum,
            )),
            comparison: GreaterThanThreshold,
            threshold: contract::MAX_PRICE_AGE_SECONDS,
            data_points: const { DataPoints::new(3, 3) },
            // Every run of the update function emits the age, even a failed run. Missing data
            // means that no run took place.
            missing_data: Breaching,
        },
    ];
    alarms
        .map(|props| alarm::add(template, settings, props))
        .into()
}

/// Adds the alarm of the probe, which pages the operator. Returns `None` without a probe.
pub(super) fn probe(template: &mut Template, settings: &Settings) -> Option<Handle<Alarm>> {
    if settings.probe == Probe::Off {
        return None;
    }
    let props = AlarmProps {
        id: logical_id!("ProbeFailuresAlarm"),
        name: "probe-failures",
        measure: "failed runs of the probe of the public URL".to_owned(),
        note: None,
        metric: AlarmMetric::Single(metrics::own(
            ours::PROBE_FAILURES,
            settings,
            MINUTE,
            Statistic::Maximum,
        )),
        comparison: GreaterThanThreshold,
        threshold: 0,
        data_points: const { DataPoints::new(3, 3) },
        // Every run of the probe emits 0 or 1. Missing data means that the probe did not run.
        missing_data: Breaching,
    };
    Some(alarm::add(template, settings, props))
}

/// Adds the alarms that do not page the operator. If one price provider fails, the update function
/// asks the other provider. If a run fails, the next run stores the prices. If the failures go on,
/// the alarms `update-errors` and `price-age` page.
pub(super) fn silent(
    template: &mut Template,
    settings: &Settings,
    watched: &Watched<'_>,
) -> Vec<Handle<Alarm>> {
    let alarms = [
        AlarmProps {
            id: logical_id!("DeadLettersAlarm"),
            name: "dead-letters",
            measure: "failed update events sent to the dead-letter queue".to_owned(),
            note: None,
            // The alarm watches new messages and not the length of the queue, so that the alarm
            // clears although the queue keeps its messages.
            metric: AlarmMetric::Single(metrics::queue(
                "NumberOfMessagesSent",
                watched.dead_letters,
                FIVE_MINUTES,
            )),
            comparison: GreaterThanThreshold,
            threshold: 0,
            // After a queue was inactive, its first metrics arrive up to 15 minutes late. The
            // zeros of newer periods arrive earlier.
            data_points: const { DataPoints::new(1, 6) },
            missing_data: NotBreaching,
        },
        AlarmProps {
            id: logical_id!("ProviderFailuresAlarm"),
            name: "provider-failures",
            measure: "% of the calls to price providers failed".to_owned(),
            note: None,
            metric: provider_failures(settings),
            comparison: GreaterThanThreshold,
            threshold: 50,
            data_points: const { DataPoints::new(1, 1) },
            missing_data: NotBreaching,
        },
    ];
    alarms
        .map(|props| alarm::add(template, settings, props))
        .into()
}

/// Returns the percentage of requests with a 5xx response of the API or of the gateway itself.
///
/// Requests of `/health` are subtracted, because any client can send them, and they fail by design
/// if the prices are old. Responses with `NO_PRICE` are subtracted too. A missing value counts as
/// 0, even if the metric never had a value
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>).
pub(super) fn failing_share(settings: &Settings, api: &Handle<Api>) -> Metrics {
    let of_api = |name| metrics::api(name, api, Statistic::Sum);
    let of_route = |name, route| metrics::route(name, api, route);
    let no_price = metrics::own(ours::NO_PRICE_RESPONSES, settings, MINUTE, Statistic::Sum);
    let errors = "FILL(errors, 0) - FILL(getErrors, 0) - FILL(headErrors, 0) - FILL(noPrice, 0)";
    let requests = "FILL(requests, 0) - FILL(getRequests, 0) - FILL(headRequests, 0)";
    Metrics {
        inputs: [
            ("errors", of_api("5xx")),
            ("getErrors", of_route("5xx", GET_HEALTH)),
            ("headErrors", of_route("5xx", HEAD_HEALTH)),
            ("noPrice", no_price),
            ("requests", of_api("Count")),
            ("getRequests", of_route("Count", GET_HEALTH)),
            ("headRequests", of_route("Count", HEAD_HEALTH)),
        ]
        .map(|(id, metric)| MetricInput { id, metric })
        .into(),
        expression: MetricExpression {
            id: "share",
            label: "percent",
            expression: format!(
                "IF(({requests}) >= {MINIMUM_REQUESTS}, 100 * ({errors}) / ({requests}), 0)"
            ),
        },
    }
}

fn provider_failures(settings: &Settings) -> AlarmMetric {
    let own = |name| metrics::own(name, settings, TEN_MINUTES, Statistic::Sum);
    AlarmMetric::Math(Metrics {
        inputs: [
            ("failures", own(ours::PROVIDER_FAILURES)),
            ("calls", own(ours::PROVIDER_CALLS)),
        ]
        .map(|(id, metric)| MetricInput { id, metric })
        .into(),
        expression: MetricExpression {
            id: "share",
            label: "percent",
            expression: "IF(calls > 0, 100 * failures / calls, 0)".to_owned(),
        },
    })
}

fn table_throttles(watched: &Watched<'_>) -> AlarmMetric {
    let table = |name| metrics::table(name, watched.table);
    let index = |name| metrics::index(name, watched.table);
    AlarmMetric::Math(Metrics {
        inputs: [
            ("tableReads", table("ReadThrottleEvents")),
            ("tableWrites", table("WriteThrottleEvents")),
            ("indexReads", index("ReadThrottleEvents")),
            ("indexWrites", index("WriteThrottleEvents")),
        ]
        .map(|(id, metric)| MetricInput { id, metric })
        .into(),
        // Alarms on DynamoDB metrics ignore missing data. Without FILL, the alarm would
        // never return to the state OK.
        expression: MetricExpression {
            id: "throttled",
            label: "throttled requests",
            expression:
                "FILL(tableReads, 0) + FILL(tableWrites, 0) + FILL(indexReads, 0) + FILL(indexWrites, 0)"
                    .to_owned(),
        },
    })
}
