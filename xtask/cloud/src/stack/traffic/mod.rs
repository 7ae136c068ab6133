//! How far CodeDeploy has moved the API's traffic to a new version, and the
//! alarms that can send it back. What is seen here is shown and decides nothing.

mod hook;
mod shift;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use infra::environment::TrafficShifting;
use infra::{Environment, Settings, names};
use serde::Serialize;
use shift::{Shift, is_moving, shift};

use super::events::ResourceEvent;
use crate::alias::{self, Live};
use crate::aws::Aws;
use crate::aws_error::explain;
use crate::progress::Progress;
use crate::report::{Event, Report};
use crate::shift::SHIFTED;

/// Traffic moves a step a minute; alarms look at whole minutes.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// How long the stack's own events wait for a look.
const LOOK_LIMIT: Duration = Duration::from_secs(10);

/// Watches one deployment's traffic.
pub(crate) struct Traffic<'a> {
    aws: &'a Aws,
    environment: Environment,
    /// The version that served before; unknown where it could not be read.
    before: Option<String>,
    /// The alarms of the deployment group, once they are known.
    alarms: Option<Vec<String>>,
    shown: Option<State>,
    was_up: BTreeSet<String>,
    /// While traffic moves.
    last_look: Option<Instant>,
    has_warned: bool,
}

/// The share of a function's traffic that its new version serves.
#[derive(Serialize)]
#[serde(tag = "event", rename = "traffic")]
struct TrafficEvent<'a> {
    function: &'a str,
    version: &'a str,
    percent: u8,
    /// The alarms that can return the traffic to the previous version.
    alarms: &'a [AlarmState],
}

impl Event for TrafficEvent<'_> {}

/// What is seen in one look.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    shift: Shift,
    alarms: Vec<AlarmState>,
}

/// An alarm and how it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct AlarmState {
    name: String,
    /// `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    state: String,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shift { version, percent } = &self.shift;
        write!(f, "traffic: {percent} % on version {version}")?;
        for (index, AlarmState { name, state }) in self.alarms.iter().enumerate() {
            let before = if index == 0 { "; alarms: " } else { ", " };
            write!(f, "{before}{name} {state}")?;
        }
        Ok(())
    }
}

impl<'a> Traffic<'a> {
    /// Notes the version that serves before anything changes. `None` where the
    /// alias moves at once, and there is nothing to watch.
    pub(crate) async fn before_deploying(aws: &'a Aws, settings: &Settings) -> Option<Self> {
        if settings.traffic_shifting == TrafficShifting::None {
            return None;
        }
        let mut traffic = Traffic {
            aws,
            environment: settings.environment,
            before: None,
            alarms: None,
            shown: None,
            was_up: BTreeSet::new(),
            last_look: None,
            has_warned: false,
        };
        // There is no alias before the first deploy.
        let alias = in_time(traffic.alias()).await.ok();
        traffic.before = alias.map(|alias| alias.version);
        Some(traffic)
    }

    /// Looks where the traffic is, while an alias is being updated and once
    /// after that, and says so when something is different.
    pub(crate) async fn look(
        &mut self,
        events: &[ResourceEvent],
        progress: &mut Progress,
        report: &Report,
    ) -> anyhow::Result<()> {
        let moving = is_moving(events);
        let is_due = match (moving, self.last_look) {
            (true, Some(last)) => last.elapsed() >= LOOK_INTERVAL,
            (true, None) => true,
            (false, last) => last.is_some(),
        };
        if !is_due {
            return Ok(());
        }
        self.last_look = moving.then(Instant::now);
        let shift = match in_time(self.shift()).await {
            Ok(Some(shift)) => shift,
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
        let state = State { shift, alarms };
        if self.shown.as_ref() == Some(&state) {
            return Ok(());
        }
        self.show(state, progress, report)
    }

    fn show(
        &mut self,
        state: State,
        progress: &mut Progress,
        report: &Report,
    ) -> anyhow::Result<()> {
        let up = state.alarms.iter().filter(|alarm| alarm.state == "ALARM");
        self.was_up.extend(up.map(|alarm| alarm.name.clone()));
        progress.note(state.to_string());
        progress.print(|| {
            report.emit(&TrafficEvent {
                function: SHIFTED.name(),
                version: &state.shift.version,
                percent: state.shift.percent,
                alarms: &state.alarms,
            })
        })?;
        self.shown = Some(state);
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
        let message =
            format!("how the traffic moves cannot be seen in full: {error:#}; the deploy goes on");
        progress.print(|| report.warn(&message))
    }

    /// The alarms that were up at any time while traffic moved.
    pub(crate) fn alarms_that_were_up(&self) -> Vec<&str> {
        self.was_up.iter().map(String::as_str).collect()
    }

    /// The deployment that its pre-traffic check has ended, of those that the
    /// operation with these events has made.
    pub(crate) async fn refused_by_its_check(
        &self,
        events: &[ResourceEvent],
        report: &Report,
    ) -> anyhow::Result<Option<String>> {
        let Some(since) = hook::began_before_a_failed_alias(events) else {
            return Ok(None);
        };
        let codedeploy = self.aws.codedeploy();
        match in_time(hook::refused(&codedeploy, self.environment, since)).await {
            Ok(refused) => Ok(refused),
            Err(error) => {
                report.warn(&format!(
                    "whether the pre-traffic check has failed is not known: {error:#}"
                ))?;
                Ok(None)
            }
        }
    }

    async fn shift(&self) -> anyhow::Result<Option<Shift>> {
        let alias = self.alias().await?;
        let seen = self.shown.as_ref().map(|state| &*state.shift.version);
        Ok(shift(self.before.as_deref(), seen, &alias))
    }

    async fn alias(&self) -> anyhow::Result<Live> {
        let function = names::function(SHIFTED, self.environment);
        alias::read(&self.aws.lambda_configuration(), &function).await
    }

    /// The deployment group is what says which alarms count.
    async fn alarm_states(&mut self) -> anyhow::Result<Vec<AlarmState>> {
        let names = match &self.alarms {
            Some(names) => names.clone(),
            None => self.alarms_of_the_group().await?,
        };
        self.alarms = Some(names.clone());
        if names.is_empty() {
            // Without names, the answer would be all alarms of the account.
            return Ok(Vec::new());
        }
        let mut states = Vec::new();
        let mut pages = self
            .aws
            .cloudwatch()
            .describe_alarms()
            .set_alarm_names(Some(names))
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| explain("read the alarms' states", &error))?;
            states.extend(
                page.metric_alarms
                    .unwrap_or_default()
                    .into_iter()
                    .map(|alarm| AlarmState {
                        name: alarm.alarm_name.unwrap_or_default(),
                        state: alarm
                            .state_value
                            .map(|state| state.as_str().to_owned())
                            .unwrap_or_default(),
                    }),
            );
        }
        states.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(states)
    }

    async fn alarms_of_the_group(&self) -> anyhow::Result<Vec<String>> {
        let application = names::stack(self.environment);
        let group = self
            .aws
            .codedeploy()
            .get_deployment_group()
            .application_name(&application)
            .deployment_group_name(names::deployment_group(SHIFTED, self.environment))
            .send()
            .await
            .map_err(|error| explain("read CodeDeploy's deployment group", &error))?;
        let configuration = group
            .deployment_group_info
            .and_then(|group| group.alarm_configuration)
            .filter(|configuration| configuration.enabled)
            .and_then(|configuration| configuration.alarms);
        Ok(configuration
            .unwrap_or_default()
            .into_iter()
            .filter_map(|alarm| alarm.name)
            .collect())
    }
}

async fn in_time<T>(look: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::time::timeout(LOOK_LIMIT, look)
        .await
        .context("no answer in time")?
}
