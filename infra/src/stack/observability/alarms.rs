//! The alarms. Each has a section in docs/runbook.md, whose table of conditions is written
//! from their descriptions.

use cfn::logical_id;
use cfn::resources::apigatewayv2::Api;
use cfn::resources::cloudwatch::{
    Alarm, AlarmMetric, ComparisonOperator, EvaluationPeriods, MetricExpression, MetricInput,
    Metrics, Percentile, Period, Statistic, TreatMissingData,
};
use cfn::resources::lambda::Function;
use cfn::template::{Handle, Template};
use contract::metrics as ours;
use contract::routes::{GET_HEALTH, HEAD_HEALTH};

use super::metrics::{self, Watched};
use crate::constructs::alarm::{self, AlarmProps};
use crate::environment::Probe;
use crate::{Settings, names};
use metrics::MINUTE;

const ONE: EvaluationPeriods = EvaluationPeriods::new(1);
const TWO: EvaluationPeriods = EvaluationPeriods::new(2);
const THREE: EvaluationPeriods = EvaluationPeriods::new(3);
const FIVE: EvaluationPeriods = EvaluationPeriods::new(5);
const SIX: EvaluationPeriods = EvaluationPeriods::new(6);

const FIVE_MINUTES: Period = Period::minutes(5);
const TEN_MINUTES: Period = Period::minutes(10);
const FIFTEEN_MINUTES: Period = Period::minutes(15);

/// Requests in a minute below which no share of failures raises an alarm: one failure in
/// a quiet minute is no incident.
const MINIMUM_REQUESTS: u32 = 10;

/// The percentage of failing requests above which there is an alarm.
pub(super) const FAILING_PERCENT: u32 = 5;

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
    let [errors, throttles, responses_5xx] = names::ROLLOUT_ALARMS;
    let alarms = [
        AlarmProps {
            id: logical_id!("ApiErrorsAlarm"),
            name: errors,
            measure: "failed invocations of the API function".to_owned(),
            note: "",
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
            measure: "throttled invocations of the API function".to_owned(),
            note: "",
            metric: AlarmMetric::Single(metrics::function("Throttles", function, MINUTE)),
            comparison: GreaterThanThreshold,
            threshold: 10,
            periods: ONE,
            datapoints: None,
            missing_data: NotBreaching,
        },
        AlarmProps {
            id: logical_id!("Api5xxAlarm"),
            name: responses_5xx,
            measure: format!("% of at least {MINIMUM_REQUESTS} requests answered with 5xx"),
            note: "Requests of /health and responses with NO_PRICE do not count.",
            metric: AlarmMetric::Math(failing_share(settings, api)),
            comparison: GreaterThanThreshold,
            threshold: FAILING_PERCENT,
            // The metrics of a minute arrive one by one. While those of /health are
            // missing, its failures count, and two of three minutes allow for that.
            periods: THREE,
            datapoints: Some(TWO),
            missing_data: NotBreaching,
        },
    ];
    alarms
        .map(|props| alarm::add(template, settings, props))
        .into()
}

/// Adds the alarms that page people and do not judge a rollout.
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
            note: "",
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
            measure: "throttled reads and writes of the table and its index".to_owned(),
            note: "",
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
            measure: "failed runs of the update function".to_owned(),
            note: "",
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
            measure: "seconds of age of the newest price".to_owned(),
            note: "",
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
            // Every run emits the age, failed ones too: silence means no run at all.
            missing_data: Breaching,
        },
    ];
    alarms
        .map(|props| alarm::add(template, settings, props))
        .into()
}

/// Adds the alarm of the probe, which pages people; `None` where there is no probe.
pub(super) fn probe(template: &mut Template, settings: &Settings) -> Option<Handle<Alarm>> {
    if settings.probe == Probe::Off {
        return None;
    }
    let props = AlarmProps {
        id: logical_id!("ProbeFailuresAlarm"),
        name: "probe-failures",
        measure: "failed runs of the probe of the public URL".to_owned(),
        note: "",
        metric: AlarmMetric::Single(metrics::own(
            ours::PROBE_FAILURES,
            settings,
            MINUTE,
            Statistic::MAXIMUM,
        )),
        comparison: GreaterThanThreshold,
        threshold: 0,
        periods: THREE,
        datapoints: None,
        // Every run emits 0 or 1: silence means that the probe cannot run.
        missing_data: Breaching,
    };
    Some(alarm::add(template, settings, props))
}

/// Adds the alarms that do not page people. A provider that refuses calls is ordinary
/// while another one serves, and the next run does all that a given-up run would have
/// done; where neither holds, `update-errors` and `price-age` page.
pub(super) fn silent(
    template: &mut Template,
    settings: &Settings,
    watched: &Watched<'_>,
) -> Vec<Handle<Alarm>> {
    let alarms = [
        AlarmProps {
            id: logical_id!("DeadLettersAlarm"),
            name: "dead-letters",
            measure: "updates given up and sent to the dead-letter queue".to_owned(),
            note: "",
            // Arrivals, and not the queue's length: the alarm clears without
            // intervention, and the queue keeps its messages.
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
        AlarmProps {
            id: logical_id!("ProviderFailuresAlarm"),
            name: "provider-failures",
            measure: "% of the calls to price providers failed".to_owned(),
            note: "",
            metric: provider_failures(settings),
            comparison: GreaterThanThreshold,
            threshold: 50,
            periods: ONE,
            datapoints: None,
            missing_data: NotBreaching,
        },
    ];
    alarms
        .map(|props| alarm::add(template, settings, props))
        .into()
}

/// The percentage of requests that failed, out of those that count.
///
/// The gateway's own 5xx are among them. `/health` is subtracted by the metrics of its
/// routes, because anyone can call it and it fails by design while a provider is down.
/// So is a response for which there is no price yet. Arithmetic takes a missing value
/// for 0, also that of a metric that has never had one:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>.
pub(super) fn failing_share(settings: &Settings, api: &Handle<Api>) -> Metrics {
    let of_api = |name| metrics::api(name, api, Statistic::SUM);
    let of_route = |name, route| metrics::route(name, api, route);
    let no_price = metrics::own(ours::NO_PRICE_RESPONSES, settings, MINUTE, Statistic::SUM);
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
    let own = |name| metrics::own(name, settings, TEN_MINUTES, Statistic::SUM);
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
