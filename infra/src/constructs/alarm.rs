//! An alarm whose description states its condition and refers to the runbook.

use cfn::resources::cloudwatch::{
    Alarm, AlarmMetric, ComparisonOperator, EvaluationPeriods, TreatMissingData,
};
use cfn::template::{Handle, LogicalId, Template};

use crate::{Settings, names};

/// The properties in which one alarm differs from another.
#[derive(Debug)]
pub(crate) struct AlarmProps {
    pub(crate) id: LogicalId,
    /// The middle part of the alarm's name, and the heading of its section in the runbook.
    pub(crate) name: &'static str,
    /// The words of the description after the threshold, such as `% of the calls failed`. They
    /// repeat no number of another field.
    pub(crate) measure: String,
    /// A second sentence of the description.
    pub(crate) note: Option<&'static str>,
    pub(crate) metric: AlarmMetric,
    pub(crate) comparison: ComparisonOperator,
    pub(crate) threshold: u32,
    pub(crate) data_points: DataPoints,
    pub(crate) missing_data: TreatMissingData,
}

/// The data points of an alarm in the form "M out of N".
///
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html>
#[derive(Debug, Clone, Copy)]
pub(crate) struct DataPoints {
    breaching: EvaluationPeriods,
    evaluated: EvaluationPeriods,
}

impl DataPoints {
    /// Creates the condition that `breaching` of the last `evaluated` data points breach.
    ///
    /// # Panics
    /// If `breaching` is greater than `evaluated`. In a constant, that is a compile error.
    pub(crate) const fn new(breaching: u32, evaluated: u32) -> Self {
        assert!(
            breaching <= evaluated,
            "more periods breach than are evaluated"
        );
        DataPoints {
            breaching: EvaluationPeriods::new(breaching),
            evaluated: EvaluationPeriods::new(evaluated),
        }
    }

    /// Returns the end of the description's first sentence, such as `in 2 of 3 minutes` or `in
    /// each of 2 periods of 5 minutes`.
    fn describe(self, period_seconds: u32) -> String {
        let minutes = period_seconds / 60;
        let unit = match minutes {
            1 => "minutes".to_owned(),
            minutes => format!("periods of {minutes} minutes"),
        };
        match (self.breaching.get(), self.evaluated.get()) {
            (1, 1) if minutes == 1 => "in 1 minute".to_owned(),
            (1, 1) => format!("in {minutes} minutes"),
            (breaching, all) if breaching == all => format!("in each of {all} {unit}"),
            (breaching, all) => format!("in {breaching} of {all} {unit}"),
        }
    }
}

/// The text in an alarm's description between the condition and the heading of its section in
/// the runbook.
pub const RUNBOOK: &str = " Runbook: docs/runbook.md#";

impl AlarmProps {
    fn description(&self) -> String {
        let comparison = match self.comparison {
            ComparisonOperator::GreaterThanThreshold => "More than",
            ComparisonOperator::GreaterThanOrEqualToThreshold => "At least",
        };
        let period = self.metric.period().seconds();
        let mut text = format!(
            "{comparison} {} {}, {}.",
            self.threshold,
            self.measure,
            self.data_points.describe(period)
        );
        let missing_data = match self.missing_data {
            TreatMissingData::Breaching => Some("Missing data counts as breaching."),
            TreatMissingData::NotBreaching => None,
        };
        for sentence in [self.note, missing_data].into_iter().flatten() {
            text.push(' ');
            text.push_str(sentence);
        }
        format!("{text}{RUNBOOK}{}", self.name)
    }
}

/// Adds the alarm without actions, because only the composite alarm pages the operator.
pub(crate) fn add(
    template: &mut Template,
    settings: &Settings,
    props: AlarmProps,
) -> Handle<Alarm> {
    let description = props.description();
    let DataPoints {
        breaching,
        evaluated,
    } = props.data_points;
    template.add(
        props.id,
        Alarm {
            alarm_name: names::resource(settings.environment, props.name),
            alarm_description: description,
            metric: props.metric,
            comparison_operator: props.comparison,
            threshold: props.threshold,
            evaluation_periods: evaluated,
            datapoints_to_alarm: (breaching < evaluated).then_some(breaching),
            treat_missing_data: props.missing_data,
            alarm_actions: Vec::new(),
            ok_actions: Vec::new(),
            tags: settings.tags().list(),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::DataPoints;

    #[test]
    fn data_points_are_described_in_words() {
        for ((period, breaching, evaluated), expected) in [
            ((60, 1, 1), "in 1 minute"),
            ((900, 1, 1), "in 15 minutes"),
            ((60, 2, 2), "in each of 2 minutes"),
            ((60, 2, 3), "in 2 of 3 minutes"),
            ((300, 3, 3), "in each of 3 periods of 5 minutes"),
            ((300, 1, 6), "in 1 of 6 periods of 5 minutes"),
        ] {
            let data_points = DataPoints::new(breaching, evaluated);
            assert_eq!(data_points.describe(period), expected);
        }
    }
}
