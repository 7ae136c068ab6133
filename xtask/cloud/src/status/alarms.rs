//! The alarms of an environment and how they are.

use aws_sdk_cloudwatch::primitives::{DateTime, DateTimeFormat};
use aws_sdk_cloudwatch::types::{AlarmType, StateValue};
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

impl Alarm {
    fn new(
        name: Option<String>,
        state: Option<StateValue>,
        since: Option<DateTime>,
        reason: Option<String>,
    ) -> Self {
        Alarm {
            name: name.unwrap_or_default(),
            state: state.map_or_else(|| "UNKNOWN".to_owned(), |state| state.as_str().to_owned()),
            since: since.and_then(|time| {
                let seconds = DateTime::from_secs(time.secs());
                seconds.fmt(DateTimeFormat::DateTime).ok()
            }),
            reason: reason.filter(|reason| !reason.is_empty()),
        }
    }

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
        alarms.extend(
            page.composite_alarms
                .unwrap_or_default()
                .into_iter()
                .map(|alarm| {
                    Alarm::new(
                        alarm.alarm_name,
                        alarm.state_value,
                        alarm.state_updated_timestamp,
                        alarm.state_reason,
                    )
                }),
        );
        alarms.extend(
            page.metric_alarms
                .unwrap_or_default()
                .into_iter()
                .map(|alarm| {
                    Alarm::new(
                        alarm.alarm_name,
                        alarm.state_value,
                        alarm.state_updated_timestamp,
                        alarm.state_reason,
                    )
                }),
        );
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
            Alarm::new(
                Some(name.to_owned()),
                Some(StateValue::from(state)),
                None,
                None,
            )
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
