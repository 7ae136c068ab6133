//! An alarm that tells the topic when it is up and when it is over.

use crate::resources::cloudwatch::{
    Alarm, AlarmMetric, ComparisonOperator, EvaluationPeriods, TreatMissingData,
};
use crate::resources::sns::Topic;
use crate::template::{Handle, LogicalId, Template};
use crate::{Settings, names};

/// What is different from one alarm to another.
#[derive(Debug)]
pub struct AlarmProps {
    /// The logical id.
    pub id: LogicalId,
    /// What stands between the project and the environment in its name.
    pub name: &'static str,
    /// What it means and what to look at first.
    pub description: &'static str,
    /// What is watched.
    pub metric: AlarmMetric,
    /// More than this is a breach.
    pub greater_than: u32,
    /// How many periods in a row have to breach.
    pub periods: EvaluationPeriods,
}

/// Adds the alarm. A period without data is a good one: no requests, no errors.
pub fn add(
    template: &mut Template,
    settings: &Settings,
    topic: &Handle<Topic>,
    props: AlarmProps,
) -> Handle<Alarm> {
    template.add(
        props.id,
        Alarm {
            alarm_name: names::of(settings.environment, props.name),
            alarm_description: props.description.to_owned(),
            metric: props.metric,
            comparison_operator: ComparisonOperator::GreaterThanThreshold,
            threshold: props.greater_than,
            evaluation_periods: props.periods,
            datapoints_to_alarm: None,
            treat_missing_data: TreatMissingData::NotBreaching,
            alarm_actions: vec![topic.reference()],
            ok_actions: vec![topic.reference()],
            tags: settings.tags().list(),
        },
    )
}
