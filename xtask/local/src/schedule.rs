//! EventBridge Scheduler: runs the update at once and then at a fixed rate.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use shared::timestamp::Timestamp;
use tokio::sync::{Notify, oneshot};
use tokio::time::{MissedTickBehavior, interval};
use xtask::output;

use crate::lambda::Function;

pub(crate) struct Schedule {
    pub(crate) function: Arc<Function>,
    /// The time from the start of one run to the start of the next run.
    pub(crate) every: Duration,
    /// The event as JSON text, with placeholders for Scheduler's context attributes.
    pub(crate) input: String,
    /// Starts a run at once. The next run follows after a whole interval.
    pub(crate) run_now: Arc<Notify>,
}

impl Schedule {
    /// Runs forever. A run that takes longer than the interval delays the next run. A failed run is
    /// reported on stderr. `first_run_ended` gets a message when the first run ends.
    pub(crate) async fn run(self, first_run_ended: oneshot::Sender<()>) {
        let mut first_run_ended = Some(first_run_ended);
        let mut ticks = interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.run_now.notified() => ticks.reset(),
            }
            if let Err(error) = self.run_once().await {
                output::progress(format_args!(
                    "error: the scheduled update failed: {error:#}; the next one starts within {}",
                    humantime::format_duration(self.every)
                ));
            }
            if let Some(ended) = first_run_ended.take() {
                // Fails if the receiver has stopped waiting.
                let _ = ended.send(());
            }
        }
    }

    async fn run_once(&self) -> anyhow::Result<()> {
        let event = event(&self.input, Timestamp::now())?;
        self.function.invoke(event).await?;
        Ok(())
    }
}

/// Returns the event of one run: the template's input with Scheduler's context attributes
/// filled in
/// (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html>).
pub(crate) fn event(input: &str, at: Timestamp) -> anyhow::Result<Value> {
    let text = input
        .replace("<aws.scheduler.scheduled-time>", &at.to_string())
        .replace("<aws.scheduler.attempt-number>", "1");
    anyhow::ensure!(
        !text.contains("<aws.scheduler."),
        "the local stack does not know every context attribute in the schedule's Input {input}"
    );
    serde_json::from_str(&text).context("the schedule's Input is not JSON")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn scheduled_events_contain_the_time_and_the_attempt() {
        let at = Timestamp::parse("2026-01-15T10:30:00Z").unwrap();
        let input =
            r#"{"at":"<aws.scheduler.scheduled-time>","try":"<aws.scheduler.attempt-number>"}"#;
        let expected = json!({"at": "2026-01-15T10:30:00Z", "try": "1"});
        assert_eq!(event(input, at).unwrap(), expected);
        assert!(event("no JSON", at).is_err());
        let unknown = event(r#"{"id":"<aws.scheduler.execution-id>"}"#, at).unwrap_err();
        assert!(unknown.to_string().contains("execution-id"), "{unknown}");
    }
}
