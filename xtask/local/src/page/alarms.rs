//! The states that some alarms of prod would have over this stack's events. CloudWatch evaluates
//! aligned periods and late metrics; here, the periods end now.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use infra::{Artifacts, Environment, stack};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::recent::{Measure, Measurement};

/// An alarm of the template.
pub(super) struct Alarm {
    name: String,
    description: String,
    /// The values to watch; `None` if the local stack does not have them.
    watched: Option<Watched>,
}

struct Watched {
    measure: Measure,
    period: Duration,
    periods: u32,
    /// The number of periods that must breach.
    breaching: usize,
    threshold: f64,
    includes_threshold: bool,
    /// Whether a period without a value breaches.
    missing_breaches: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    alarm_name: String,
    alarm_description: String,
    comparison_operator: String,
    threshold: f64,
    /// Seconds; absent from an alarm on metric math.
    period: Option<u64>,
    evaluation_periods: u32,
    datapoints_to_alarm: Option<usize>,
    treat_missing_data: String,
}

/// Reads the alarms of prod, because dev has none.
pub(super) fn of_prod() -> anyhow::Result<Vec<Alarm>> {
    let settings = Environment::Prod.settings();
    let rendered = stack::service(&settings, &Artifacts::placeholder()).render()?;
    let resources = rendered.as_value()["Resources"].as_object();
    let resources = resources.context("the template has no Resources")?;
    let alarms = resources
        .values()
        .filter(|resource| resource["Type"] == "AWS::CloudWatch::Alarm");
    let read = alarms.map(|resource| {
        let properties = Properties::deserialize(&resource["Properties"]);
        properties
            .context("reading an alarm of prod")
            .map(Alarm::new)
    });
    read.collect()
}

impl Alarm {
    fn new(properties: Properties) -> Self {
        let is = |name: &str| properties.alarm_name.contains(name);
        let measures = [
            ("api-errors", Measure::ApiErrors),
            ("update-errors", Measure::UpdateErrors),
            ("price-age", Measure::PriceAge),
        ];
        let measure = measures.into_iter().find(|(name, _)| is(name));
        let watched = measure
            .zip(properties.period)
            .map(|((_, measure), period)| Watched {
                measure,
                period: Duration::from_secs(period),
                periods: properties.evaluation_periods,
                breaching: properties
                    .datapoints_to_alarm
                    .unwrap_or(properties.evaluation_periods as usize),
                threshold: properties.threshold,
                includes_threshold: properties.comparison_operator
                    == "GreaterThanOrEqualToThreshold",
                missing_breaches: properties.treat_missing_data == "breaching",
            });
        Self {
            name: properties.alarm_name,
            description: properties.alarm_description,
            watched,
        }
    }

    /// Returns the alarm with its state for the page; the state is null without values.
    pub(super) fn show(&self, measurements: &[Measurement], now: Instant) -> Value {
        let state = self.watched.as_ref().map(|watched| {
            if watched.is_breached(measurements, now) {
                "ALARM"
            } else {
                "OK"
            }
        });
        json!({"name": self.name, "description": self.description, "state": state})
    }
}

impl Watched {
    fn is_breached(&self, measurements: &[Measurement], now: Instant) -> bool {
        let breaching = (0..self.periods).filter(|period| {
            let ages = self.period * *period..self.period * (*period + 1);
            let values = measurements.iter().filter(|measurement| {
                let age = now.saturating_duration_since(measurement.at);
                measurement.measure == self.measure && ages.contains(&age)
            });
            let mut values = values.map(|measurement| measurement.value).peekable();
            if values.peek().is_none() {
                return self.missing_breaches;
            }
            let value = match self.measure {
                Measure::PriceAge => values.fold(0.0, f64::max),
                Measure::ApiErrors | Measure::UpdateErrors => values.sum(),
            };
            value > self.threshold || (self.includes_threshold && value >= self.threshold)
        });
        breaching.count() >= self.breaching
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failed_updates_in_a_quarter_of_an_hour_are_an_alarm() {
        let alarms = of_prod().unwrap();
        let alarm = alarms
            .iter()
            .find(|alarm| alarm.name.contains("update-errors"));
        let begun = Instant::now();
        let now = begun + Duration::from_hours(1);
        let failures = |minutes: &[u64]| -> Vec<_> {
            let measurement = |minutes: &u64| Measurement {
                at: now.checked_sub(Duration::from_mins(*minutes)).unwrap(),
                measure: Measure::UpdateErrors,
                value: 1.0,
            };
            minutes.iter().map(measurement).collect()
        };
        let state = |minutes: &[u64]| alarm.unwrap().show(&failures(minutes), now)["state"].take();
        assert_eq!(state(&[]), "OK");
        assert_eq!(state(&[1, 6, 11]), "ALARM");
        assert_eq!(state(&[1, 6, 16]), "OK");
    }

    #[test]
    fn a_price_age_that_no_run_measures_any_more_is_an_alarm() {
        let alarms = of_prod().unwrap();
        let alarm = alarms.iter().find(|alarm| alarm.name.contains("price-age"));
        let now = Instant::now() + Duration::from_hours(1);
        let state = |minutes, age| {
            let measurement = Measurement {
                at: now.checked_sub(Duration::from_mins(minutes)).unwrap(),
                measure: Measure::PriceAge,
                value: age,
            };
            alarm.unwrap().show(&[measurement], now)["state"].take()
        };
        assert_eq!(state(1, 30.0), "OK");
        assert_eq!(state(14, 30.0), "OK");
        assert_eq!(state(16, 30.0), "ALARM");
        assert_eq!(state(1, 901.0), "ALARM");
    }

    #[test]
    fn an_alarm_on_metrics_that_only_aws_has_has_no_state() {
        for alarm in of_prod().unwrap() {
            let state = alarm.show(&[], Instant::now())["state"].take();
            let is_evaluated = ["api-errors", "update-errors", "price-age"]
                .iter()
                .any(|name| alarm.name.contains(name));
            assert_eq!(state.is_string(), is_evaluated, "{}", alarm.name);
        }
    }
}
