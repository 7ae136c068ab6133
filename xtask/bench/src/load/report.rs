//! The few numbers that a run comes down to, and whether it was in order.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;
use xtask::bench::LoadArgs;
use xtask::failure::Failure;
use xtask::options::OutputFormat;
use xtask::output;

use super::LIMIT;
use super::clients::Tally;
use super::limit::{self, Minute};
use super::memory::{self, Process};
use super::usage::Usage;
use crate::machine::Machine;
use crate::measurement::quantile;
use crate::other_work::BusyElsewhere;

/// The p99 of the latency in milliseconds at which the service's own alarm goes up.
const MAX_P99: f64 = 1_000.0;

/// CPU time of a request in milliseconds. More would not fit into the 10 ms of Lambda's
/// time that docs/scale.md counts with: a function of 256 MB has 256/1769 of a core
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>).
const MAX_FUNCTION_CPU: f64 = 10.0 * 256.0 / 1_769.0;

/// The result of a run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    event: &'static str,
    outcome: &'static str,
    machine: Machine,
    /// The share of the machine's CPU time that went to others meanwhile, from 0 to 1.
    other_work: Option<f64>,
    clients: u32,
    keys: u32,
    seconds: f64,
    requests: usize,
    requests_per_second: f64,
    /// In milliseconds, as a client sees it.
    latency: Latency,
    statuses: BTreeMap<u16, u64>,
    failed: u64,
    failures: Vec<String>,
    /// CPU time of the function a request, in milliseconds.
    function_cpu: f64,
    /// How many requests a second one core of the function does.
    requests_per_core_second: f64,
    /// CPU time of the local gateway and the local table a request, in milliseconds.
    surroundings_cpu: f64,
    /// The processes of the functions, the update's among them.
    processes: Vec<Process>,
    limit: u32,
    minutes: Vec<Minute>,
}

#[derive(Debug, Serialize)]
struct Latency {
    median: f64,
    p99: f64,
    p999: f64,
    max: f64,
}

impl Report {
    /// Sums a run up; the usage was taken at its beginning, at its end, and evenly
    /// spaced in between.
    #[expect(
        clippy::cast_precision_loss,
        reason = "no run has 2^53 requests, and no process as many bytes"
    )]
    pub(super) fn new(
        args: &LoadArgs,
        tally: Tally,
        usage: &[Usage],
        other_work: Option<f64>,
    ) -> anyhow::Result<Self> {
        let Tally {
            mut times,
            statuses,
            failed,
            failures,
            told,
        } = tally;
        let (Some(before), Some(after)) = (usage.first(), usage.last()) else {
            anyhow::bail!("nobody looked at the processes");
        };
        let resident: Vec<_> = usage.iter().map(|usage| usage.resident.clone()).collect();
        times.sort_unstable();
        let requests = times.len();
        let seconds = args.duration.as_secs_f64();
        let a_request = |from: Duration, to: Duration| {
            to.saturating_sub(from).as_secs_f64() * 1e3 / requests.max(1) as f64
        };
        let function_cpu = a_request(before.functions, after.functions);
        let mut report = Self {
            event: "result",
            outcome: "passed",
            machine: Machine::this(),
            other_work,
            clients: args.clients,
            keys: args.keys,
            seconds,
            requests,
            requests_per_second: requests as f64 / seconds,
            latency: Latency {
                median: quantile(&times, 500),
                p99: quantile(&times, 990),
                p999: quantile(&times, 999),
                max: quantile(&times, 1_000),
            },
            statuses,
            failed,
            failures,
            function_cpu,
            requests_per_core_second: 1e3 / function_cpu,
            surroundings_cpu: a_request(before.surroundings, after.surroundings),
            processes: memory::processes(&resident),
            limit: LIMIT.get(),
            minutes: limit::minutes(&told, LIMIT.get()),
        };
        if report.fault().is_some() {
            report.outcome = "failed";
        }
        Ok(report)
    }

    /// What is not in order, if anything.
    fn fault(&self) -> Option<String> {
        if self.failed > 0 {
            let first = self.failures.first().map(String::as_str);
            return Some(format!(
                "{} requests failed, such as: {}",
                self.failed,
                first.unwrap_or_default()
            ));
        }
        if self.minutes.iter().all(|minute| minute.refused == 0) {
            return Some(format!(
                "the limit of {} was reached in no minute: nothing is known of it",
                self.limit
            ));
        }
        if let Some(minute) = self.minutes.iter().find(|minute| !minute.exact) {
            return Some(format!(
                "in the minute {} the limit of {} was not exact: {} passed, {} were refused",
                minute.begins, self.limit, minute.passed, minute.refused
            ));
        }
        if self.latency.p99 > MAX_P99 {
            return Some(format!(
                "the p99 of {:.0} ms is one at which the service's alarm goes up",
                self.latency.p99
            ));
        }
        if self.function_cpu > MAX_FUNCTION_CPU {
            return Some(format!(
                "a request takes {:.2} ms of CPU, and may take {MAX_FUNCTION_CPU:.2}",
                self.function_cpu
            ));
        }
        self.processes.iter().find_map(Process::fault)
    }

    /// Prints it; a run that was not in order is a failure.
    pub(super) fn print(&self, format: OutputFormat) -> anyhow::Result<()> {
        match format {
            OutputFormat::Json => output::json_line(self)?,
            OutputFormat::Text => output::text(&self.text())?,
        }
        match self.fault() {
            Some(fault) => Err(Failure::new(fault).into()),
            None => Ok(()),
        }
    }

    fn text(&self) -> String {
        let Latency {
            median,
            p99,
            p999,
            max,
        } = self.latency;
        let mut text = format!("{}{}\n\n", self.machine, BusyElsewhere(self.other_work));
        let mut row = |name: &str, value: String| {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "{name:<14}{value}");
        };
        row(
            "load",
            format!(
                "{} clients, {} keys, {} processes",
                self.clients,
                self.keys,
                self.processes.len()
            ),
        );
        row(
            "requests",
            format!(
                "{} in {:.0} s, {:.0} a second",
                self.requests, self.seconds, self.requests_per_second
            ),
        );
        row(
            "latency",
            format!(
                "median {median:.2} ms, p99 {p99:.2} of {MAX_P99:.0} ms, p99.9 {p999:.2} ms, max {max:.1} ms"
            ),
        );
        let statuses = self.statuses.iter();
        let statuses: Vec<_> = statuses
            .map(|(status, count)| format!("{count} of {status}"))
            .collect();
        row(
            "statuses",
            format!("{}, {} failed", statuses.join(", "), self.failed),
        );
        row(
            "function CPU",
            format!(
                "{:.3} of {MAX_FUNCTION_CPU:.2} ms a request: {:.0} requests a second of one core",
                self.function_cpu, self.requests_per_core_second
            ),
        );
        row(
            "stand-ins CPU",
            format!(
                "{:.3} ms a request, gateway and table",
                self.surroundings_cpu
            ),
        );
        for process in &self.processes {
            let verdict = if process.fault().is_none() {
                "flat"
            } else {
                "NOT FLAT"
            };
            let mebibytes = |memory: Option<f64>| {
                memory.map_or_else(|| "none".to_owned(), |memory| format!("{memory:.1} MiB"))
            };
            row(
                "memory",
                format!(
                    "process {}: {} in the second quarter, {} in the last: {verdict}",
                    process.id,
                    mebibytes(process.early),
                    mebibytes(process.late)
                ),
            );
        }
        for minute in &self.minutes {
            let verdict = if minute.exact { "exact" } else { "NOT EXACT" };
            row(
                "limit",
                format!(
                    "{}: {} of {} passed, {} refused: {verdict}",
                    minute.begins, minute.passed, self.limit, minute.refused
                ),
            );
        }
        text
    }
}
