//! The view of a rollout: the traffic that CodeDeploy moves to a new version of the API, and the alarms
//! that can stop the rollout. This code only reports, and never moves traffic.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use aws_sdk_codedeploy::primitives::{DateTime, DateTimeFormat};
use infra::environment::{RolloutAlarms, TrafficShifting};
use infra::{Environment, Settings, names};
use serde::Serialize;

use super::events::ResourceEvent;
use crate::alarms::{self, Alarm};
use crate::alias::{self, LiveAlias};
use crate::aws::Aws;
use crate::codedeploy::{self, SHIFTED_FUNCTION};
use crate::progress::Progress;
use crate::report::Report;

/// The time between two polls. CodeDeploy moves traffic at most once a minute, and alarms evaluate
/// whole minutes.
const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// Time limit of one call of a poll. The limit is short, because no event of the stack is shown meanwhile.
const CALL_LIMIT: Duration = Duration::from_secs(10);

/// The traffic of the API during one deploy.
pub(crate) struct Traffic<'a> {
    aws: &'a Aws,
    environment: Environment,
    /// The version that served before; `None` if the alias could not be read.
    before: Option<String>,
    /// The names of the alarms that can stop the rollout.
    alarms: Vec<String>,
    last_shown: Option<State>,
    raised_alarms: BTreeSet<String>,
    /// The time of the last poll; `None` while no traffic moves.
    last_poll: Option<Instant>,
    has_warned: bool,
}

/// The share of a function's traffic that its new version serves.
#[derive(Serialize)]
#[serde(tag = "event", rename = "traffic")]
pub(crate) struct TrafficEvent<'a> {
    function: &'a str,
    version: &'a str,
    /// The new version's share of the requests, 0 to 100.
    percent: u8,
    /// The alarms that can return the traffic to the previous version.
    alarms: &'a [AlarmState],
}

/// The result of one poll.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    share: NewVersionShare,
    alarms: Vec<AlarmState>,
}

/// An alarm and its state. The time and the reason of the state are left out, because they may change even if
/// the state does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct AlarmState {
    /// The full name of the alarm, such as `crypto-watch-api-errors-prod`.
    name: String,
    /// `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    state: String,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NewVersionShare { version, percent } = &self.share;
        write!(f, "traffic: {percent} % on version {version}")?;
        for (index, AlarmState { name, state }) in self.alarms.iter().enumerate() {
            let before = if index == 0 { "; alarms: " } else { ", " };
            write!(f, "{before}{name} {state}")?;
        }
        Ok(())
    }
}

impl<'a> Traffic<'a> {
    /// Reads the version that serves before the deploy. Returns `None` if the environment moves all traffic at
    /// once, because there is nothing to show then.
    pub(crate) async fn before_deploying(aws: &'a Aws, settings: &Settings) -> Option<Self> {
        if settings.traffic_shifting == TrafficShifting::None {
            return None;
        }
        let mut traffic = Traffic {
            aws,
            environment: settings.environment,
            before: None,
            alarms: match settings.rollout_alarms {
                RolloutAlarms::RollBack => names::rollout_alarms(settings.environment).into(),
                RolloutAlarms::Ignore => Vec::new(),
            },
            last_shown: None,
            raised_alarms: BTreeSet::new(),
            last_poll: None,
            has_warned: false,
        };
        // Before the first deploy, there is no alias.
        let alias = in_time(traffic.alias()).await.ok();
        traffic.before = alias.map(|alias| alias.version);
        Some(traffic)
    }

    /// Reads the alias and the alarms, and reports a change. Reads them only while the stack updates an alias,
    /// and once more afterwards.
    pub(crate) async fn poll(
        &mut self,
        events: &[ResourceEvent],
        progress: &mut Progress,
        report: &Report,
    ) -> anyhow::Result<()> {
        let moving = is_moving(events);
        let is_due = match (moving, self.last_poll) {
            (true, Some(last)) => last.elapsed() >= POLL_INTERVAL,
            (true, None) => true,
            (false, last) => last.is_some(),
        };
        if !is_due {
            return Ok(());
        }
        self.last_poll = moving.then(Instant::now);
        let share = match in_time(self.share()).await {
            Ok(Some(share)) => share,
            Ok(None) => return Ok(()),
            Err(error) => return self.warn_once(&error, progress, report),
        };
        let alarms = match in_time(self.alarm_states()).await {
            Ok(alarms) => alarms,
            Err(error) => {
                self.warn_once(&error, progress, report)?;
                Vec::new()
            }
        };
        let state = State { share, alarms };
        if self.last_shown.as_ref() == Some(&state) {
            return Ok(());
        }
        progress.note(state.to_string());
        progress.print(|| {
            report.emit(&TrafficEvent {
                function: SHIFTED_FUNCTION.name(),
                version: &state.share.version,
                percent: state.share.percent,
                alarms: &state.alarms,
            })
        })?;
        self.last_shown = Some(state);
        Ok(())
    }

    fn warn_once(
        &mut self,
        error: &anyhow::Error,
        progress: &Progress,
        report: &Report,
    ) -> anyhow::Result<()> {
        if std::mem::replace(&mut self.has_warned, true) {
            return Ok(());
        }
        let message = format!("the traffic cannot be shown: {error:#}; the deploy continues");
        progress.print(|| report.warn(&message))
    }

    /// Returns the alarms that were in state `ALARM` at any time while traffic moved.
    pub(crate) fn raised_alarms(&self) -> Vec<&str> {
        self.raised_alarms.iter().map(String::as_str).collect()
    }

    /// Finds the CodeDeploy deployment of the operation with these events, if the pre-traffic check has stopped
    /// the deployment.
    pub(crate) async fn find_deployment_stopped_by_check(
        &self,
        events: &[ResourceEvent],
        report: &Report,
    ) -> anyhow::Result<Option<String>> {
        let Some(since) = start_if_alias_failed(events) else {
            return Ok(None);
        };
        let stopped = codedeploy::find_stopped_by_check(self.aws, self.environment, since);
        match in_time(stopped).await {
            Ok(stopped) => Ok(stopped),
            Err(error) => {
                report.warn(&format!(
                    "could not find out if the pre-traffic check has failed: {error:#}"
                ))?;
                Ok(None)
            }
        }
    }

    async fn share(&self) -> anyhow::Result<Option<NewVersionShare>> {
        let alias = self.alias().await?;
        let seen = self.last_shown.as_ref().map(|state| &*state.share.version);
        Ok(new_version_share(self.before.as_deref(), seen, &alias))
    }

    async fn alias(&self) -> anyhow::Result<LiveAlias> {
        let function = names::function(SHIFTED_FUNCTION, self.environment);
        alias::read(&self.aws.lambda_configuration(), &function).await
    }

    async fn alarm_states(&mut self) -> anyhow::Result<Vec<AlarmState>> {
        let alarms = alarms::read_named(self.aws, self.alarms.clone()).await?;
        let in_alarm = alarms.iter().filter(|alarm| alarm.is_in_alarm());
        self.raised_alarms
            .extend(in_alarm.map(|alarm| alarm.name.clone()));
        let without_times = |Alarm { name, state, .. }| AlarmState { name, state };
        Ok(alarms.into_iter().map(without_times).collect())
    }
}

/// Returns the time of the operation's first event, if the operation's update of an alias has failed.
fn start_if_alias_failed(events: &[ResourceEvent]) -> Option<DateTime> {
    let alias_failed = events.iter().any(|event| {
        event.resource_type == "AWS::Lambda::Alias" && event.status == "UPDATE_FAILED"
    });
    let first = events.first().filter(|_| alias_failed)?;
    DateTime::from_str(&first.time, DateTimeFormat::DateTime).ok()
}

async fn in_time<T>(call: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::time::timeout(CALL_LIMIT, call)
        .await
        .context("no answer in time")?
}

/// The new version and its share of the traffic, rounded.
#[derive(Debug, Clone, PartialEq, Eq)]
struct NewVersionShare {
    version: String,
    percent: u8,
}

/// Finds the new version and its share. `before` is the version that served before the update of the stack.
/// `seen` is the new version, if an earlier call has found it. Returns `None` before traffic moves, and if the
/// new version is not known.
///
/// While traffic moves, the alias points at the previous version and gives the new version a weight. At the
/// end, the alias points at the new version.
fn new_version_share(
    before: Option<&str>,
    seen: Option<&str>,
    alias: &LiveAlias,
) -> Option<NewVersionShare> {
    let (version, percent) = match alias.weights.first() {
        Some(weight) => (weight.version.as_str(), rounded(weight.percent)),
        None if seen == Some(&alias.version) => (alias.version.as_str(), 100),
        None if before.is_some_and(|before| before != alias.version) => {
            (alias.version.as_str(), 100)
        }
        // The traffic has returned to the previous version.
        None => (seen?, 0),
    };
    let version = version.to_owned();
    Some(NewVersionShare { version, percent })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value is clamped to 0 to 100"
)]
fn rounded(percent: f64) -> u8 {
    percent.round().clamp(0.0, 100.0) as u8
}

/// Returns true if the last event of any alias says that its update is in progress.
fn is_moving(events: &[ResourceEvent]) -> bool {
    let aliases = events
        .iter()
        .filter(|event| event.resource_type == "AWS::Lambda::Alias");
    let mut last = HashMap::new();
    for alias in aliases {
        last.insert(&alias.logical_id, alias.status.as_str());
    }
    last.values().any(|status| *status == "UPDATE_IN_PROGRESS")
}
