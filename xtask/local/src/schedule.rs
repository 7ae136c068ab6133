//! The schedule: the update now, and then at every turn.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use shared::timestamp::Timestamp;
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval};
use xtask::output;

use crate::lambda::Function;

/// A schedule that invokes a function.
pub(crate) struct Schedule {
    pub(crate) function: Arc<Function>,
    /// From the start of one run to the start of the next.
    pub(crate) every: Duration,
    /// The event, as JSON text with Scheduler's context attributes in it.
    pub(crate) input: String,
}

impl Schedule {
    /// Runs for ever. A run that takes longer than its turn makes the next one
    /// wait; one that fails is told of, and the next comes on time.
    ///
    /// `first` hears when the first run has ended, well or not.
    pub(crate) async fn run(self, first: oneshot::Sender<()>) {
        let mut first = Some(first);
        let mut turns = interval(self.every);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            turns.tick().await;
            let result = match event(&self.input, Timestamp::now()) {
                Ok(event) => self
                    .function
                    .invoke(event)
                    .await
                    .map(drop)
                    .map_err(anyhow::Error::from),
                Err(error) => Err(error),
            };
            if let Err(error) = result {
                output::progress(format_args!(
                    "error: the scheduled update failed: {error:#}; the next one is due within {}",
                    humantime::format_duration(self.every)
                ));
            }
            if let Some(first) = first.take() {
                // Nobody may be waiting any more.
                let _ = first.send(());
            }
        }
    }
}

/// The event of one run: the template's text with Scheduler's context
/// attributes filled in
/// (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html>).
pub(crate) fn event(input: &str, at: Timestamp) -> anyhow::Result<Value> {
    let text = input
        .replace("<aws.scheduler.scheduled-time>", &at.to_string())
        .replace("<aws.scheduler.attempt-number>", "1")
        .replace(
            "<aws.scheduler.execution-id>",
            &format!("{:016x}", fastrand::u64(..)),
        );
    serde_json::from_str(&text).context("the schedule's Input is no JSON")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn scheduled_events_carry_the_time_and_the_attempt() {
        let at = Timestamp::parse("2026-01-15T10:30:00Z").unwrap();
        let input =
            r#"{"at":"<aws.scheduler.scheduled-time>","try":"<aws.scheduler.attempt-number>"}"#;
        let expected = json!({"at": "2026-01-15T10:30:00Z", "try": "1"});
        assert_eq!(event(input, at).unwrap(), expected);
        assert!(event("no JSON", at).is_err());
    }
}
