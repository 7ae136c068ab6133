//! CloudWatch alarms and their states.

use aws_sdk_cloudwatch::operation::describe_alarms::builders::DescribeAlarmsFluentBuilder;
use aws_sdk_cloudwatch::types::{AlarmType, CompositeAlarm, MetricAlarm, StateValue};
use infra::{Environment, names};
use serde::Serialize;
use xtask::failure::Failure;

use crate::aws::Aws;
use crate::aws_error::Explained as _;
use crate::times;

/// An alarm and its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Alarm {
    /// The full name of the alarm, such as `crypto-watch-price-age-prod`.
    pub(crate) name: String,
    /// `OK`, `ALARM` or `INSUFFICIENT_DATA`; `UNKNOWN` if CloudWatch returns no state.
    pub(crate) state: String,
    /// The time of the last change of the state, RFC 3339.
    pub(crate) since: Option<String>,
    /// CloudWatch's reason for the state.
    pub(crate) reason: Option<String>,
}

/// Implements the same conversion for each of the SDK's alarm types, which have the same fields.
macro_rules! from_each_kind {
    ($($kind:ty),+) => {
        $(impl From<$kind> for Alarm {
            fn from(alarm: $kind) -> Self {
                let state = alarm.state_value.as_ref().map_or("UNKNOWN", StateValue::as_str);
                Alarm {
                    name: alarm.alarm_name.unwrap_or_default(),
                    state: state.to_owned(),
                    since: alarm.state_updated_timestamp.and_then(times::in_seconds),
                    reason: alarm.state_reason.filter(|reason| !reason.is_empty()),
                }
            }
        })+
    };
}

from_each_kind!(CompositeAlarm, MetricAlarm);

impl Alarm {
    pub(crate) fn is_ok(&self) -> bool {
        self.state == "OK"
    }

    pub(crate) fn is_in_alarm(&self) -> bool {
        self.state == "ALARM"
    }
}

/// Reads every alarm of an environment, those in state `ALARM` first and those in state `OK`
/// last. Makes no call for an environment without alarms.
pub(crate) async fn read_all(aws: &Aws, environment: Environment) -> Result<Vec<Alarm>, Failure> {
    if !environment.settings().alarms {
        return Ok(Vec::new());
    }
    let request = aws.cloudwatch().describe_alarms();
    let request = request
        .alarm_name_prefix(format!("{}-", names::PROJECT))
        // Without `alarm_types`, AWS leaves out composite alarms.
        .alarm_types(AlarmType::CompositeAlarm)
        .alarm_types(AlarmType::MetricAlarm);
    let mut alarms = read(request).await?;
    let suffix = format!("-{environment}");
    alarms.retain(|alarm| alarm.name.ends_with(&suffix));
    sort(&mut alarms);
    Ok(alarms)
}

/// Reads alarms by name, in the order of their names.
pub(crate) async fn read_named(aws: &Aws, names: Vec<String>) -> Result<Vec<Alarm>, Failure> {
    // Without a name, AWS would return every alarm of the account.
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let request = aws.cloudwatch().describe_alarms();
    let mut alarms = read(request.set_alarm_names(Some(names))).await?;
    alarms.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(alarms)
}

async fn read(request: DescribeAlarmsFluentBuilder) -> Result<Vec<Alarm>, Failure> {
    let pages = request.into_paginator().send().try_collect().await;
    let mut alarms = Vec::new();
    for page in pages.explained("read the alarms")? {
        let composite = page.composite_alarms.unwrap_or_default();
        let metric = page.metric_alarms.unwrap_or_default();
        alarms.extend(composite.into_iter().map(Alarm::from));
        alarms.extend(metric.into_iter().map(Alarm::from));
    }
    Ok(alarms)
}

fn sort(alarms: &mut [Alarm]) {
    let rank = |alarm: &Alarm| match (alarm.is_in_alarm(), alarm.is_ok()) {
        (true, _) => 0,
        (_, false) => 1,
        (_, true) => 2,
    };
    alarms.sort_by(|a, b| (rank(a), &a.name).cmp(&(rank(b), &b.name)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_that_are_not_ok_come_first() {
        let alarm = |name: &str, state| {
            let alarm = MetricAlarm::builder().alarm_name(name);
            Alarm::from(alarm.state_value(StateValue::from(state)).build())
        };
        let mut alarms = [
            alarm("a", "OK"),
            alarm("b", "INSUFFICIENT_DATA"),
            alarm("d", "ALARM"),
            alarm("c", "ALARM"),
        ];
        sort(&mut alarms);
        let names = alarms.map(|alarm| alarm.name);
        assert_eq!(names, ["c", "d", "b", "a"]);
    }
}
