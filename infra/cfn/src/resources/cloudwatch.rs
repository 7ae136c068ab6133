//! The `AWS::CloudWatch` resource types.

use serde::{Serialize, Serializer};
use serde_json::json;

use super::macros::{arns, kinds, resource, types};
use super::sns::TopicArn;
use super::tags::Tag;
use crate::bounded;
use crate::template::{Expression, Handle, Text, Value};

types! { Alarm, CompositeAlarm, Dashboard }

kinds! { AlarmName, DashboardName }
arns! { AlarmArn }

bounded! {
    /// A number of data points.
    EvaluationPeriods: 1..=1_440
}

/// Seconds of one data point of a metric: whole minutes, up to a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Period(u32);

impl Period {
    /// So many minutes; use it in a constant or a `const` block.
    ///
    /// # Panics
    /// Outside of 1 to 1,440; in a constant that is a compile error.
    pub const fn minutes(minutes: u32) -> Self {
        assert!(
            1 <= minutes && minutes <= 1_440,
            "a period is from a minute to a day"
        );
        Period(minutes * 60)
    }

    /// The number of seconds.
    pub const fn seconds(self) -> u32 {
        self.0
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Alarm {
    /// Unique in the account and region; a change replaces the alarm.
    pub alarm_name: String,
    /// What it means; at most 1,024 characters.
    pub alarm_description: String,
    #[serde(flatten)]
    pub metric: AlarmMetric,
    /// The comparison of a data point with the threshold.
    pub comparison_operator: ComparisonOperator,
    /// The threshold, in the metric's unit.
    pub threshold: u32,
    /// The number of most recent data points that are evaluated.
    pub evaluation_periods: EvaluationPeriods,
    /// The number of data points among them that have to breach; all if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datapoints_to_alarm: Option<EvaluationPeriods>,
    /// The treatment of a data point that is missing.
    pub treat_missing_data: TreatMissingData,
    /// The topics that are notified of the state ALARM.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alarm_actions: Vec<Value<TopicArn>>,
    /// The topics that are notified of the state OK.
    #[serde(rename = "OKActions", skip_serializing_if = "Vec::is_empty")]
    pub ok_actions: Vec<Value<TopicArn>>,
    pub tags: Vec<Tag>,
}
resource! {
    Alarm = "AWS::CloudWatch::Alarm",
    Ref = AlarmName,
    name = returned_by_ref("AlarmName", 255),
    tags = List,
    create_only = ["AlarmName"],
    arn = "Arn" as AlarmArn,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CompositeAlarm {
    /// Unique in the account and region; a change replaces the alarm.
    pub alarm_name: String,
    /// What it means; at most 1,024 characters.
    pub alarm_description: String,
    pub alarm_rule: AlarmRule,
    /// The topic that is notified of the state ALARM.
    pub alarm_actions: [Value<TopicArn>; 1],
    /// The topic that is notified of the state OK.
    #[serde(rename = "OKActions")]
    pub ok_actions: [Value<TopicArn>; 1],
    pub tags: Vec<Tag>,
}
resource! {
    CompositeAlarm = "AWS::CloudWatch::CompositeAlarm",
    Ref = AlarmName,
    name = returned_by_ref("AlarmName", 255),
    tags = List,
    create_only = ["AlarmName"],
    arn = "Arn" as AlarmArn,
}

/// When a composite alarm is up, over other alarms; at most 10,240 characters.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct AlarmRule(Value<Text>);

impl AlarmRule {
    /// When any of these alarms is up; never, without any.
    pub fn any(alarms: &[Handle<Alarm>]) -> Self {
        if alarms.is_empty() {
            return AlarmRule(Value::literal("FALSE"));
        }
        let mut parts: Vec<Expression<'static>> = Vec::new();
        for (i, alarm) in alarms.iter().enumerate() {
            parts.push(if i == 0 { "ALARM(" } else { " OR ALARM(" }.into());
            parts.push((&alarm.reference()).into());
            parts.push(")".into());
        }
        AlarmRule(Value::sub(parts))
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Dashboard {
    /// Unique in the account; a change replaces the dashboard.
    pub dashboard_name: String,
    /// The widgets, as JSON text.
    pub dashboard_body: Value<Text>,
    pub tags: Vec<Tag>,
}
resource! {
    Dashboard = "AWS::CloudWatch::Dashboard",
    Ref = DashboardName,
    name = returned_by_ref("DashboardName", 255),
    tags = List,
    create_only = ["DashboardName"],
}

/// What an alarm watches: one metric, or metric math, never both.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum AlarmMetric {
    Single(MetricStat),
    Math(Metrics),
}

impl AlarmMetric {
    /// The period of the data points that the alarm compares.
    pub fn period(&self) -> Period {
        match self {
            AlarmMetric::Single(metric) => metric.period,
            AlarmMetric::Math(metrics) => metrics.period(),
        }
    }
}

/// One metric of an alarm, in the properties of the alarm itself.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MetricStat {
    /// The namespace, such as `AWS/Lambda`.
    pub namespace: String,
    pub metric_name: String,
    pub dimensions: Vec<Dimension>,
    /// The time over which a data point is aggregated.
    pub period: Period,
    #[serde(flatten)]
    pub statistic: Statistic,
}

/// Metric math: inputs, and one expression over them.
#[derive(Debug)]
pub struct Metrics {
    pub inputs: Vec<MetricInput>,
    /// The expression that is compared with the threshold.
    pub expression: MetricExpression,
}

impl Metrics {
    /// The period of its inputs, which is one for all: a rule checks that.
    fn period(&self) -> Period {
        let periods = self.inputs.iter().map(|input| input.metric.period);
        periods.max().unwrap_or(Period::minutes(1))
    }
}

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Property<'a> {
            metrics: Vec<Query<'a>>,
        }
        #[derive(Serialize)]
        #[serde(untagged)]
        enum Query<'a> {
            Input(&'a MetricInput),
            Expression(&'a MetricExpression),
        }
        let inputs = self.inputs.iter().map(Query::Input);
        let expression = std::iter::once(Query::Expression(&self.expression));
        Property {
            metrics: inputs.chain(expression).collect(),
        }
        .serialize(serializer)
    }
}

/// A metric that an expression names.
#[derive(Debug)]
pub struct MetricInput {
    /// The name in the expression, beginning with a lower-case letter.
    pub id: &'static str,
    pub metric: MetricStat,
}

impl Serialize for MetricInput {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let stat = &self.metric;
        json!({
            "Id": self.id,
            "ReturnData": false,
            "MetricStat": {
                "Metric": {
                    "Namespace": stat.namespace,
                    "MetricName": stat.metric_name,
                    "Dimensions": stat.dimensions,
                },
                "Period": stat.period,
                "Stat": stat.statistic.name(),
            },
        })
        .serialize(serializer)
    }
}

/// The expression of metric math.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MetricExpression {
    pub id: &'static str,
    pub label: &'static str,
    pub expression: String,
}

/// One dimension of a metric.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Dimension {
    pub name: &'static str,
    pub value: Value<Text>,
}

/// How a period's data becomes one number. An alarm has a property of its own
/// for percentiles, and takes one of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Statistic {
    #[serde(rename = "Statistic")]
    Plain(PlainStatistic),
    #[serde(rename = "ExtendedStatistic")]
    Percentile(Percentile),
}

impl Statistic {
    pub const SUM: Statistic = Statistic::Plain(PlainStatistic::Sum);
    pub const MAXIMUM: Statistic = Statistic::Plain(PlainStatistic::Maximum);

    /// As metric math and dashboards write it.
    pub const fn name(self) -> &'static str {
        match self {
            Statistic::Plain(PlainStatistic::Sum) => "Sum",
            Statistic::Plain(PlainStatistic::Maximum) => "Maximum",
            Statistic::Percentile(Percentile::P50) => "p50",
            Statistic::Percentile(Percentile::P99) => "p99",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum PlainStatistic {
    Sum,
    Maximum,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Percentile {
    P50,
    /// One in a hundred is slower.
    P99,
}

/// The comparison of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum ComparisonOperator {
    GreaterThanThreshold,
    GreaterThanOrEqualToThreshold,
}

/// What a period without data counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum TreatMissingData {
    Breaching,
    NotBreaching,
}
