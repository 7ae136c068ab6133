//! The alarms of an environment and how they are.

use aws_sdk_cloudwatch::primitives::{DateTime, DateTimeFormat};
use aws_sdk_cloudwatch::types::{AlarmType, CompositeAlarm, MetricAlarm, StateValue};
use infra::{Environment, names};
use serde::Serialize;

use crate::aws::Aws;
use crate::aws_error::explain;

/// An alarm's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Alarm {
    pub(super) name: String,
    /// `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    pub(super) state: String,
    /// RFC 3339.
    pub(super) since: Option<String>,
    pub(super) reason: Option<String>,
}

/// The SDK has a type for each kind of alarm, with the same fields for this.
macro_rules! from_each_kind {
    ($($kind:ty),+) => {
        $(impl From<$kind> for Alarm {
            fn from(alarm: $kind) -> Self {
                let state = alarm.state_value.as_ref().map_or("UNKNOWN", StateValue::as_str);
                Alarm {
                    name: alarm.alarm_name.unwrap_or_default(),
                    state: state.to_owned(),
                    since: alarm.state_updated_timestamp.and_then(|time| {
                        let seconds = DateTime::from_secs(time.secs());
                        seconds.fmt(DateTimeFormat::DateTime).ok()
                    }),
                    reason: alarm.state_reason.filter(|reason| !reason.is_empty()),
                }
            }
        })+
    };
}

from_each_kind!(CompositeAlarm, MetricAlarm);

impl Alarm {
    pub(super) fn is_ok(&self) -> bool {
        self.state == "OK"
    }
}

/// Reads every alarm that has a name of the environment. There are none where
/// the settings ask for none, which needs no permission to be known.
pub(super) async fn read(aws: &Aws, environment: Environment) -> anyhow::Result<Vec<Alarm>> {
    let mut alarms = Vec::new();
    if !environment.settings().alarms {
        return Ok(alarms);
    }
    let mut pages = aws
        .cloudwatch()
        .describe_alarms()
        .alarm_name_prefix(format!("{}-", names::PROJECT))
        // Without this, the composite alarm is left out.
        .alarm_types(AlarmType::CompositeAlarm)
        .alarm_types(AlarmType::MetricAlarm)
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| explain("read the alarms", &error))?;
        let composite = page.composite_alarms.unwrap_or_default();
        let metric = page.metric_alarms.unwrap_or_default();
        alarms.extend(composite.into_iter().map(Alarm::from));
        alarms.extend(metric.into_iter().map(Alarm::from));
    }
    // Every name of ours ends in the environment's.
    let suffix = format!("-{environment}");
    alarms.retain(|alarm| alarm.name.ends_with(&suffix));
    sort(&mut alarms);
    Ok(alarms)
}

/// What is up comes first, then what cannot be judged, then what is well.
fn sort(alarms: &mut [Alarm]) {
    let rank = |alarm: &Alarm| match alarm.state.as_str() {
        "ALARM" => 0,
        "OK" => 2,
        _ => 1,
    };
    alarms.sort_by(|a, b| (rank(a), &a.name).cmp(&(rank(b), &b.name)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ok_comes_first() {
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
