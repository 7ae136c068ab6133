//! The `AWS::CloudWatch` resource types.

use serde::{Serialize, Serializer};
use serde_json::{Value as Json, json};

use super::macros::{arns, kinds, resource, types};
use super::sns::TopicArn;
use super::tags::Tag;
use crate::bounded;
use crate::template::{Expression, Handle, Text, Value};

types! { Alarm, CompositeAlarm, Dashboard }

kinds! { AlarmName, DashboardName }
arns! { AlarmArn }

bounded! {
    /// A number of periods.
    EvaluationPeriods: 1..=1_440
}

/// The period of a metric in whole minutes, up to a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Period(u32);

impl Period {
    /// # Panics
    /// If the period is out of bounds. In a constant, that is a compile error.
    pub const fn minutes(minutes: u32) -> Self {
        assert!(
            1 <= minutes && minutes <= 1_440,
            "a period is 1 to 1,440 minutes"
        );
        Period(minutes * 60)
    }

    pub const fn seconds(self) -> u32 {
        self.0
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Alarm {
    /// Unique in the account and Region. A change replaces the alarm.
    pub alarm_name: String,
    /// At most 1,024 characters.
    pub alarm_description: String,
    #[serde(flatten)]
    pub metric: AlarmMetric,
    pub comparison_operator: ComparisonOperator,
    /// The threshold, in the metric's unit.
    pub threshold: u32,
    /// The number of most recent data points that CloudWatch evaluates.
    pub evaluation_periods: EvaluationPeriods,
    /// The number of evaluated data points that must breach; all of them if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datapoints_to_alarm: Option<EvaluationPeriods>,
    pub treat_missing_data: TreatMissingData,
    /// The topics that CloudWatch notifies of the state `ALARM`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alarm_actions: Vec<Value<TopicArn>>,
    /// The topics that CloudWatch notifies of the state `OK`.
    #[serde(rename = "OKActions", skip_serializing_if = "Vec::is_empty")]
    pub ok_actions: Vec<Value<TopicArn>>,
    pub tags: Vec<Tag>,
}
resource! {
    Alarm = "AWS::CloudWatch::Alarm",
    Ref = AlarmName,
    name = { property: "AlarmName", max_length: 255, is_ref: true },
    tags = List,
    create_only = ["AlarmName"],
    arn = "Arn" as AlarmArn,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CompositeAlarm {
    /// Unique in the account and Region. A change replaces the alarm.
    pub alarm_name: String,
    /// At most 1,024 characters.
    pub alarm_description: String,
    pub alarm_rule: AlarmRule,
    /// The topic that CloudWatch notifies of the state `ALARM`.
    pub alarm_actions: [Value<TopicArn>; 1],
    /// The topic that CloudWatch notifies of the state `OK`.
    #[serde(rename = "OKActions")]
    pub ok_actions: [Value<TopicArn>; 1],
    pub tags: Vec<Tag>,
}
resource! {
    CompositeAlarm = "AWS::CloudWatch::CompositeAlarm",
    Ref = AlarmName,
    name = { property: "AlarmName", max_length: 255, is_ref: true },
    tags = List,
    create_only = ["AlarmName"],
    arn = "Arn" as AlarmArn,
}

/// The rule expression of a composite alarm; at most 10,240 characters.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct AlarmRule(Value<Text>);

impl AlarmRule {
    /// Creates a rule that is true while any of the alarms is in the state `ALARM`. Without
    /// alarms, the rule is never true.
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
    /// Unique in the account. A change replaces the dashboard.
    pub dashboard_name: String,
    /// The widgets as JSON text.
    pub dashboard_body: Value<Text>,
    pub tags: Vec<Tag>,
}
resource! {
    Dashboard = "AWS::CloudWatch::Dashboard",
    Ref = DashboardName,
    name = { property: "DashboardName", max_length: 255, is_ref: true },
    tags = List,
    create_only = ["DashboardName"],
}

/// The metric of an alarm: a single metric or a metric math expression.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum AlarmMetric {
    Single(MetricStat),
    Math(Metrics),
}

impl AlarmMetric {
    /// Returns the period of the evaluated data points.
    pub fn period(&self) -> Period {
        match self {
            AlarmMetric::Single(metric) => metric.period,
            AlarmMetric::Math(metrics) => metrics.period(),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MetricStat {
    /// The namespace, such as `AWS/Lambda`.
    pub namespace: String,
    pub metric_name: String,
    pub dimensions: Vec<Dimension>,
    pub period: Period,
    #[serde(flatten)]
    pub statistic: Statistic,
}

/// Metric math: metrics and an expression that combines them.
#[derive(Debug)]
pub struct Metrics {
    pub inputs: Vec<MetricInput>,
    /// The expression whose value is compared with the threshold.
    pub expression: MetricExpression,
}

impl Metrics {
    /// Returns the period of the inputs. A rule of `cargo xtask validate` checks that all
    /// inputs have the same period.
    fn period(&self) -> Period {
        let periods = self.inputs.iter().map(|input| input.metric.period);
        periods.max().unwrap_or(Period::minutes(1))
    }
}

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut queries: Vec<_> = self.inputs.iter().map(MetricInput::query).collect();
        queries.push(json!(self.expression));
        json!({ "Metrics": queries }).serialize(serializer)
    }
}

/// A metric in a metric math expression.
#[derive(Debug)]
pub struct MetricInput {
    /// The name of the metric in the expression; begins with a lower-case letter.
    pub id: &'static str,
    pub metric: MetricStat,
}

impl MetricInput {
    fn query(&self) -> Json {
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
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MetricExpression {
    pub id: &'static str,
    pub label: &'static str,
    pub expression: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Dimension {
    pub name: &'static str,
    pub value: Value<Text>,
}

/// The statistic that aggregates the values of a period. An alarm has the property `Statistic`
/// or, for a percentile, the property `ExtendedStatistic`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    Sum,
    Maximum,
    P50,
    P99,
}

impl Statistic {
    /// Returns the name in metric math and dashboards.
    pub const fn name(self) -> &'static str {
        match self {
            Statistic::Sum => "Sum",
            Statistic::Maximum => "Maximum",
            Statistic::P50 => "p50",
            Statistic::P99 => "p99",
        }
    }
}

impl Serialize for Statistic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let property = match self {
            Statistic::Sum | Statistic::Maximum => "Statistic",
            Statistic::P50 | Statistic::P99 => "ExtendedStatistic",
        };
        json!({ property: self.name() }).serialize(serializer)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum ComparisonOperator {
    GreaterThanThreshold,
    GreaterThanOrEqualToThreshold,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum TreatMissingData {
    Breaching,
    NotBreaching,
}
