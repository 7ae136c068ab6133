//! An alarm that says where its runbook is.

use crate::resources::cloudwatch::{
    Alarm, AlarmMetric, ComparisonOperator, EvaluationPeriods, TreatMissingData,
};
use crate::template::{Handle, LogicalId, Template};
use crate::{Settings, names};

/// What is different from one alarm to another.
#[derive(Debug)]
pub struct AlarmProps {
    /// The logical id.
    pub id: LogicalId,
    /// What stands between the project and the environment in its name, and
    /// the heading of its section in the runbook.
    pub name: &'static str,
    /// What it means.
    pub description: &'static str,
    /// What is watched.
    pub metric: AlarmMetric,
    /// How it is compared.
    pub comparison: ComparisonOperator,
    /// With what.
    pub threshold: u32,
    /// How many periods are looked at.
    pub periods: EvaluationPeriods,
    /// How many of them have to breach, if not all.
    pub datapoints: Option<EvaluationPeriods>,
    /// What a period without data counts as.
    pub missing_data: TreatMissingData,
}

/// Adds the alarm. It has no action of its own: the composite alarm over all of
/// them is the one that people are called by.
pub fn add(template: &mut Template, settings: &Settings, props: AlarmProps) -> Handle<Alarm> {
    template.add(
        props.id,
        Alarm {
            alarm_name: names::of(settings.environment, props.name),
            alarm_description: format!(
                "{} Runbook: docs/runbook.md#{}",
                props.description, props.name
            ),
            metric: props.metric,
            comparison_operator: props.comparison,
            threshold: props.threshold,
            evaluation_periods: props.periods,
            datapoints_to_alarm: props.datapoints,
            treat_missing_data: props.missing_data,
            alarm_actions: Vec::new(),
            ok_actions: Vec::new(),
            tags: settings.tags().list(),
        },
    )
}
