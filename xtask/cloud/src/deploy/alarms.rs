//! The alarms that would undo a deploy as soon as it moves traffic.

use infra::environment::TrafficShifting;
use infra::{Environment, names};
use xtask::failure::Failure;

use crate::alarms::{self, Alarm};
use crate::aws::Aws;
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
    match verdict(&up, ignore)? {
        Some(warning) => report.warn(&warning),
        None => Ok(()),
    }
}

/// What the alarms that are up mean for a deploy: nothing, a warning or its end.
fn verdict(up: &[String], ignore: bool) -> Result<Option<String>, Failure> {
    if up.is_empty() {
        return Ok(None);
    }
    let up = up.join(", ");
    if ignore {
        return Ok(Some(format!("alarms are up, and are ignored: {up}")));
    }
    Err(Failure::new(format!(
        "nothing was deployed: alarms are up, and CodeDeploy would roll it back at once: {up}"
    ))
    .hint("docs/runbook.md says what each means; where this deploy is the remedy, --ignore-alarms has it go through"))
}

async fn up(aws: &Aws, environment: Environment) -> Result<Vec<String>, Failure> {
    let names = names::rollout_alarms(environment);
    let alarms = alarms::read_named(aws, names.into()).await?;
    let up = alarms.into_iter().filter(Alarm::is_in_alarm);
    Ok(up.map(|alarm| alarm.name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_that_is_up_ends_a_deploy_unless_it_is_ignored_by_name() {
        let up = ["crypto-watch-api-errors-prod".to_owned()];
        let refused = verdict(&up, false).err().map(|failure| failure.to_string());
        assert!(refused.is_some_and(|words| words.ends_with("crypto-watch-api-errors-prod")));
        let warned = verdict(&up, true).ok().flatten();
        assert!(warned.is_some_and(|words| words.contains("ignored")));
        for ignore in [false, true] {
            assert_eq!(verdict(&[], ignore).ok(), Some(None));
        }
    }
}
