//! The alarms that would undo a deploy as soon as it moves traffic.

use aws_sdk_cloudwatch::types::StateValue;
use infra::environment::TrafficShifting;
use infra::{Environment, names};
use xtask::failure::Failure;

use crate::aws::Aws;
use crate::aws_error::explain;
use crate::report::Report;

/// Looks whether one of the alarms that stop a rollout is up already.
///
/// # Errors
///
/// When one is, and is not to be ignored.
pub(crate) async fn check(
    aws: &Aws,
    environment: Environment,
    ignore: bool,
    report: &Report,
) -> anyhow::Result<()> {
    if environment.settings().traffic_shifting == TrafficShifting::None {
        return Ok(());
    }
    let up = match up(aws, environment).await {
        Ok(up) => up,
        // CodeDeploy looks at them again, and does not go on without.
        Err(failure) => return report.warn(&failure.to_string()),
    };
    if up.is_empty() {
        return Ok(());
    }
    let up = up.join(", ");
    if ignore {
        return report.warn(&format!("alarms are up, and are ignored: {up}"));
    }
    Err(Failure::new(format!(
        "nothing was deployed: alarms are up, and CodeDeploy would roll it back at once: {up}"
    ))
    .hint("docs/runbook.md says what each means; where this deploy is the remedy, --ignore-alarms has it go through")
    .into())
}

async fn up(aws: &Aws, environment: Environment) -> Result<Vec<String>, Failure> {
    let answer = aws
        .cloudwatch()
        .describe_alarms()
        .set_alarm_names(Some(names::rollout_alarms(environment).into()))
        .state_value(StateValue::Alarm)
        .send()
        .await
        .map_err(|error| explain("see whether alarms are up", &error))?;
    let alarms = answer.metric_alarms.unwrap_or_default();
    Ok(alarms
        .into_iter()
        // An emulator may not know the filter.
        .filter(|alarm| alarm.state_value == Some(StateValue::Alarm))
        .filter_map(|alarm| alarm.alarm_name)
        .collect())
}
