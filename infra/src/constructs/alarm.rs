//! An alarm whose description states its own numbers and names its section of the runbook.

use cfn::resources::cloudwatch::{
    Alarm, AlarmMetric, ComparisonOperator, EvaluationPeriods, TreatMissingData,
};
use cfn::template::{Handle, LogicalId, Template};

use crate::{Settings, names};

/// The properties in which one alarm differs from another.
#[derive(Debug)]
pub struct AlarmProps {
    /// The logical id.
    pub id: LogicalId,
    /// The part of its name between the project and the environment, which is also the
    /// heading of its section in the runbook.
    pub name: &'static str,
    /// The measured quantity as it follows the threshold in the description, such as
    /// `% of the calls failed`. It has no number that another field has.
    pub measure: String,
    /// A further sentence of the description; may be empty.
    pub note: &'static str,
    /// The metric.
    pub metric: AlarmMetric,
    /// The comparison with the threshold.
    pub comparison: ComparisonOperator,
    /// The comparison threshold.
    pub threshold: u32,
    /// The number of data points that are evaluated.
    pub periods: EvaluationPeriods,
    /// The number of data points among them that have to breach; all if `None`.
    pub datapoints: Option<EvaluationPeriods>,
    /// The treatment of a missing data point.
    pub missing_data: TreatMissingData,
}

impl AlarmProps {
    fn description(&self) -> String {
        let periods = self.periods.get();
        let datapoints = self.datapoints.map_or(periods, EvaluationPeriods::get);
        let mut text = format!(
            "{} {}, {}.",
            threshold(self.comparison, self.threshold.into()),
            self.measure,
            window(
                self.metric.period().seconds().into(),
                datapoints.into(),
                periods.into()
            )
        );
        let missing = match self.missing_data {
            TreatMissingData::Breaching => MISSING_DATA_BREACHES,
            TreatMissingData::NotBreaching => "",
        };
        for sentence in [self.note, missing] {
            if !sentence.is_empty() {
                text.push(' ');
                text.push_str(sentence);
            }
        }
        format!("{text}{RUNBOOK}{}", self.name)
    }
}

/// The text between the condition in an alarm's description and the name of its section
/// in the runbook.
pub const RUNBOOK: &str = " Runbook: docs/runbook.md#";

/// The sentence about missing data in the description of an alarm for which it breaches.
const MISSING_DATA_BREACHES: &str = "Missing data counts as breaching.";

/// The comparison of an alarm as the beginning of its description.
fn threshold(comparison: ComparisonOperator, threshold: u64) -> String {
    let words = match comparison {
        ComparisonOperator::GreaterThanThreshold => "More than",
        ComparisonOperator::GreaterThanOrEqualToThreshold => "At least",
    };
    format!("{words} {threshold}")
}

/// The evaluated data points of an alarm as the end of its description's first sentence:
/// `in 2 of 3 minutes`, `in each of 2 periods of 5 minutes`.
fn window(period_seconds: u64, datapoints: u64, periods: u64) -> String {
    let minutes = period_seconds / 60;
    let unit = match minutes {
        1 => "minutes".to_owned(),
        minutes => format!("periods of {minutes} minutes"),
    };
    match (datapoints, periods) {
        (1, 1) if minutes == 1 => "in 1 minute".to_owned(),
        (1, 1) => format!("in {minutes} minutes"),
        (needed, all) if needed == all => format!("in each of {all} {unit}"),
        (needed, all) => format!("in {needed} of {all} {unit}"),
    }
}

/// Adds the alarm. It has no action of its own: only the composite alarm notifies people.
pub fn add(template: &mut Template, settings: &Settings, props: AlarmProps) -> Handle<Alarm> {
    let description = props.description();
    template.add(
        props.id,
        Alarm {
            alarm_name: names::of(settings.environment, props.name),
            alarm_description: description,
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

#[cfg(test)]
mod tests {
    use super::window;

    #[test]
    fn a_window_reads_like_a_sentence() {
        for ((period, datapoints, periods), expected) in [
            ((60, 1, 1), "in 1 minute"),
            ((900, 1, 1), "in 15 minutes"),
            ((60, 2, 2), "in each of 2 minutes"),
            ((60, 2, 3), "in 2 of 3 minutes"),
            ((300, 3, 3), "in each of 3 periods of 5 minutes"),
            ((300, 1, 6), "in 1 of 6 periods of 5 minutes"),
        ] {
            assert_eq!(window(period, datapoints, periods), expected);
        }
    }
}
