//! The probe: requests the public URL as a client does, and counts failures.

use std::time::Duration;

use contract::metrics::PROBE_FAILURES;
use futures_util::future::join;
use shared::api_key::RawApiKey;
use shared::check::{Check, Verdict};
use shared::store::VerifyStore;
use shared::telemetry::{MetricLine, Unit};
use shared::timestamp::Timestamp;
use tokio::time::Instant;

use crate::api::Api;
use crate::checks::{DELETE_LIMIT, attempt, no_response, with_key};
use crate::public_api::REQUEST_LIMIT;
use crate::report::Report;

/// Time limit of the creation of the key.
const KEY_LIMIT: Duration = Duration::from_secs(5);
/// Seconds from one run to the next.
const PERIOD_SECONDS: u64 = 60;

/// Every run ends before the next run and before the function's timeout, so that the run always writes
/// its metric. The alarm counts a missing metric as a failure.
const _: () = {
    let run = KEY_LIMIT.as_secs() + REQUEST_LIMIT.as_secs() + DELETE_LIMIT.as_secs();
    assert!(run < PERIOD_SECONDS && run < contract::VERIFY_TIMEOUT_SECONDS as u64);
};

pub struct Probe<A, S> {
    pub environment: &'static str,
    pub api: A,
    /// The table, in which a run creates its key.
    pub store: S,
}

impl<A: Api, S: VerifyStore> Probe<A, S> {
    /// Runs the probe once and writes its metric. Failed checks are not repeated, because the alarm
    /// needs several failed runs.
    pub async fn run(&self) -> Report {
        let report = Report::of_run(self.check()).await;
        self.line(&report, Timestamp::now()).write();
        report
    }

    async fn check(&self) -> Report {
        let keyed = with_key(&self.store, Instant::now() + KEY_LIMIT, async |key| {
            self.request(Check::Prices, Some(key)).await
        });
        let (health, keyed) = join(self.request(Check::Health, None), keyed).await;
        let mut report = Report::default();
        report.add(Check::Health, health);
        report.add_keyed(Check::Prices, keyed);
        report
    }

    async fn request(&self, check: Check, key: Option<&RawApiKey>) -> Verdict {
        let until = Instant::now() + REQUEST_LIMIT;
        let verdict = attempt(&self.api, check, key, "probe", until).await;
        verdict.unwrap_or_else(no_response)
    }

    /// Makes the log line of a run, with its metric and its findings.
    fn line(&self, report: &Report, now: Timestamp) -> MetricLine {
        let (failures, level, message) = if report.has_passed() {
            (0.0, "INFO", "the probe passed")
        } else {
            (1.0, "ERROR", "the probe failed")
        };
        MetricLine::new(self.environment)
            .metric(PROBE_FAILURES, Unit::Count, failures)
            .property("timestamp", now.to_string())
            .property("level", level)
            .property("message", message)
            .property("failed", report.failed.join("; "))
            .property("errors", report.errors.join("; "))
            .property("warnings", report.warnings.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::testing::{Behaviour, Keys, NO_TABLE, OLD_PRICES, REFUSED, ScriptedApi, answer};

    fn probe(behaviour: Behaviour) -> Probe<ScriptedApi, Keys> {
        Probe {
            environment: "prod",
            api: ScriptedApi::new(behaviour, "probe"),
            store: Keys::default(),
        }
    }

    fn failures(probe: &Probe<ScriptedApi, Keys>, report: &Report) -> Value {
        let line = probe.line(report, Timestamp::now());
        let line = serde_json::to_value(line.at(0)).unwrap();
        assert_eq!(line["Environment"], "prod");
        line["ProbeFailures"].clone()
    }

    #[tokio::test]
    async fn a_working_api_passes_with_one_request_for_each_check_and_a_new_key() {
        let probe = probe(Behaviour::Works);
        let report = probe.run().await;
        assert_eq!(report, Report::default());
        assert_eq!(failures(&probe, &report), 0.0);
        probe.store.assert_one_used(&probe.api);
        assert_eq!(probe.api.requests.into_inner(), 2);
    }

    #[tokio::test]
    async fn an_outage_of_the_provider_is_a_warning() {
        for (check, body) in [
            (Check::Health, OLD_PRICES),
            (Check::Prices, r#"{"code":"NO_PRICE"}"#),
        ] {
            let probe = probe(Behaviour::Except(check, Ok(answer(503, body))));
            let report = probe.run().await;
            assert_eq!((report.has_passed(), report.warnings.len()), (true, 1));
            assert_eq!(failures(&probe, &report), 0.0);
        }
    }

    #[tokio::test]
    async fn an_outage_of_the_api_its_table_or_its_limiter_is_a_failure() {
        for (check, status, body) in [
            (Check::Health, 503, NO_TABLE),
            (Check::Health, 500, r#"{"message":"Internal Server Error"}"#),
            (Check::Prices, 401, r#"{"code":"UNAUTHORIZED"}"#),
            (Check::Prices, 503, r#"{"code":"SERVICE_UNAVAILABLE"}"#),
            (Check::Prices, 429, r#"{"message":"Too Many Requests"}"#),
        ] {
            let probe = probe(Behaviour::Except(check, Ok(answer(status, body))));
            let report = probe.run().await;
            assert_eq!(report.failed.len(), 1, "{report:?}");
            assert_eq!(failures(&probe, &report), 1.0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn every_run_ends_in_time_with_its_metric() {
        let begun = Instant::now();
        let hanging = probe(Behaviour::Hangs);
        let report = hanging.run().await;
        assert_eq!(report.failed.len(), 2);
        assert_eq!(failures(&hanging, &report), 1.0);
        assert_eq!(begun.elapsed(), REQUEST_LIMIT);

        let panicking = probe(Behaviour::Panics);
        let report = panicking.run().await;
        let defect = "the check has a defect, which the log names";
        assert_eq!(report, Report::of_error(defect));
        assert_eq!(failures(&panicking, &report), 1.0);

        let mut keyless = probe(Behaviour::Works);
        keyless.store = Keys::refusing(u32::MAX);
        let report = keyless.run().await;
        let error = format!("could not create an API key: {REFUSED}");
        assert_eq!(report.errors, [error]);
        assert_eq!(failures(&keyless, &report), 1.0);
    }
}
