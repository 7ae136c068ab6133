//! The table for people and the lines for machines.

use std::fmt::{self, Write as _};
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use xtask::failure::Failure;
use xtask::options::OutputFormat;
use xtask::output;

use crate::machine::Machine;
use crate::measurement::{Measurement, Target};
use crate::other_work::BusyElsewhere;
use crate::table;

/// The last line of `--output json`, which `--compare` reads again.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Run {
    event: String,
    outcome: String,
    pub(crate) machine: Machine,
    /// The share of the machine's CPU time that went to others meanwhile, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    other_work: Option<f64>,
    pub(crate) measurements: Vec<Measurement>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    event: &'static str,
    #[serde(flatten)]
    measurement: &'a Measurement,
    /// The median as a multiple of the earlier run's.
    #[serde(skip_serializing_if = "Option::is_none")]
    times_earlier: Option<f64>,
}

impl Run {
    pub(crate) fn new(
        machine: Machine,
        other_work: Option<f64>,
        measurements: Vec<Measurement>,
    ) -> Self {
        Run {
            event: "result".to_owned(),
            outcome: "measured".to_owned(),
            machine,
            other_work,
            measurements,
        }
    }

    /// Reads the output of an earlier run.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("reading the earlier run {}", path.display()))?;
        let last = text.trim_end().lines().last().unwrap_or_default();
        let run: Run = serde_json::from_str(last).map_err(|error| {
            Failure::new(format!(
                "{} is no run to compare with: {error}",
                path.display()
            ))
            .hint("make one: cargo xtask bench --output json > FILE")
        })?;
        Ok(run)
    }

    /// Prints it.
    pub(crate) fn print(&self, earlier: Option<&Run>, format: OutputFormat) -> anyhow::Result<()> {
        if earlier.is_some_and(|earlier| !self.machine.compares_with(&earlier.machine)) {
            output::progress(
                "the earlier run is of another machine or compiler: compare the ratios within each",
            );
        }
        if format == OutputFormat::Text {
            output::text(&self.heading(earlier))?;
            return output::text(&self.table(earlier));
        }
        for measurement in &self.measurements {
            output::json_line(&Line {
                event: "measured",
                measurement,
                times_earlier: earlier
                    .and_then(|earlier| earlier.find(&measurement.name))
                    .map(|before| measurement.median / before.median),
            })?;
        }
        output::json_line(self)
    }

    /// What a reader has to know before the numbers.
    fn heading(&self, earlier: Option<&Run>) -> String {
        let mut text = format!("{self}\n");
        if let Some(earlier) = earlier {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "earlier: {earlier}");
        }
        text.push('\n');
        text
    }

    fn find(&self, name: &str) -> Option<&Measurement> {
        self.measurements
            .iter()
            .find(|measurement| measurement.name == name)
    }

    fn table(&self, earlier: Option<&Run>) -> String {
        let mut header = vec!["", "MEDIAN", "P99", "CPU", "MEMORY", "SAMPLES", "TARGET"];
        if earlier.is_some() {
            header.push("AGAINST EARLIER");
        }
        let mut rows: Vec<Vec<String>> = vec![header.into_iter().map(str::to_owned).collect()];
        for measurement in &self.measurements {
            let p99 = (!measurement.is_size()).then(|| time(measurement.p99));
            let mut row = vec![
                measurement.name.clone(),
                value(measurement),
                p99.unwrap_or_default(),
                measurement.cpu.map(time).unwrap_or_default(),
                measurement.peak_memory.map(memory).unwrap_or_default(),
                measurement.samples.to_string(),
                targets(&measurement.targets),
            ];
            if let Some(earlier) = earlier {
                row.push(against(measurement, earlier));
            }
            rows.push(row);
        }
        table::text(rows)
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.machine, BusyElsewhere(self.other_work))
    }
}

fn value(measurement: &Measurement) -> String {
    if measurement.is_size() {
        format!("{:.0} B", measurement.median)
    } else {
        time(measurement.median)
    }
}

fn time(milliseconds: f64) -> String {
    format!("{milliseconds:.3} ms")
}

#[expect(clippy::cast_precision_loss, reason = "no process has 2^53 bytes")]
fn memory(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / (1024.0 * 1024.0))
}

fn targets(targets: &[Target]) -> String {
    let texts: Vec<_> = targets
        .iter()
        .map(|target| {
            let Target { of, value, limit } = target;
            let verdict = if target.is_met() { "ok" } else { "MISSED" };
            format!("{value:.2} of {limit} {of}: {verdict}")
        })
        .collect();
    texts.join(", ")
}

/// The median as a multiple of the earlier one, and the CPU time likewise.
fn against(measurement: &Measurement, earlier: &Run) -> String {
    let Some(before) = earlier.find(&measurement.name) else {
        return "new".to_owned();
    };
    let median = format!("{:.2}x", measurement.median / before.median);
    match (measurement.cpu, before.cpu) {
        (Some(now), Some(then)) if then > 0.0 => format!("{median}, CPU {:.2}x", now / then),
        _ => median,
    }
}
