//! Measurements and their report: a table for people, or lines of JSON.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use comfy_table::{ContentArrangement, Row, Table, TableStyle};
use serde::{Deserialize, Serialize};
use xtask::failure::Failure;
use xtask::options::OutputFormat;
use xtask::output;

use crate::machine::Machine;

/// The statistics over all samples of one quantity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Measurement {
    /// The name, the same in every run.
    pub(crate) name: String,
    /// The number of samples.
    samples: usize,
    /// The median in milliseconds, or in bytes for a size.
    pub(crate) median: f64,
    /// The 99th percentile in the same unit. With fewer than 100 samples, the largest sample.
    p99: f64,
    /// The median of the CPU time in milliseconds; absent for a size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cpu: Option<f64>,
    /// The largest resident memory of all samples, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) peak_memory: Option<u64>,
    /// The numbers that have a limit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    targets: Vec<Target>,
}

/// A number with its highest allowed value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Target {
    /// The unit of the number, such as `times hello` or `MB`.
    of: String,
    /// The number.
    value: f64,
    /// The highest allowed value.
    limit: f64,
}

impl Measurement {
    /// Returns the measurement of a size, which does not vary.
    #[expect(clippy::cast_precision_loss, reason = "no file has 2^53 bytes")]
    pub(crate) fn size(name: String, bytes: u64) -> Self {
        Measurement {
            name,
            samples: 1,
            median: bytes as f64,
            p99: bytes as f64,
            cpu: None,
            peak_memory: None,
            targets: Vec::new(),
        }
    }

    pub(crate) fn add_target(&mut self, of: &str, value: f64, limit: f64) {
        self.targets.push(Target {
            of: of.to_owned(),
            value,
            limit,
        });
    }
}

/// The samples of one measurement.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples {
    pub(crate) times: Vec<Duration>,
    pub(crate) cpu: Vec<Duration>,
    /// Bytes; 0 if memory is not measured.
    pub(crate) peak_memory: u64,
}

impl Samples {
    pub(crate) fn measurement(mut self, name: impl Into<String>) -> Measurement {
        self.times.sort_unstable();
        self.cpu.sort_unstable();
        Measurement {
            name: name.into(),
            samples: self.times.len(),
            median: quantile(&self.times, 500),
            p99: quantile(&self.times, 990),
            cpu: Some(quantile(&self.cpu, 500)),
            peak_memory: (self.peak_memory > 0).then_some(self.peak_memory),
            targets: Vec::new(),
        }
    }
}

/// Returns a quantile of sorted samples in milliseconds, by the nearest-rank method.
pub(crate) fn quantile(sorted: &[Duration], per_mille: usize) -> f64 {
    let rank = (sorted.len() * per_mille).div_ceil(1_000);
    let time = sorted.get(rank.saturating_sub(1)).copied();
    time.unwrap_or_default().as_secs_f64() * 1e3
}

/// Converts bytes to MiB.
#[expect(clippy::cast_precision_loss, reason = "no process has 2^53 bytes")]
pub(crate) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / (1_024.0 * 1_024.0)
}

/// The last line of `--output json`, which `--compare` reads.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Run {
    /// `result`.
    event: String,
    /// `measured`.
    outcome: String,
    /// The machine, the time and the versions.
    machine: Machine,
    /// The share of the machine's CPU time that other processes used, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    other_work: Option<f64>,
    /// All measurements, as in the lines before.
    measurements: Vec<Measurement>,
}

/// One measurement.
#[derive(Serialize)]
#[serde(tag = "event", rename = "measured", rename_all = "camelCase")]
struct MeasuredEvent<'a> {
    #[serde(flatten)]
    measurement: &'a Measurement,
    /// The median as a multiple of the median in the earlier run.
    #[serde(skip_serializing_if = "Option::is_none")]
    times_earlier: Option<f64>,
}

impl Run {
    pub(crate) fn new(other_work: Option<f64>, measurements: Vec<Measurement>) -> Self {
        Run {
            event: "result".to_owned(),
            outcome: "measured".to_owned(),
            machine: Machine::current(),
            other_work,
            measurements,
        }
    }

    /// Reads the output of an earlier run.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let text =
            fs::read_to_string(path).with_context(|| format!("reading the earlier run {shown}"))?;
        let last = text.trim_end().lines().last().unwrap_or_default();
        let run: Run = serde_json::from_str(last).map_err(|error| {
            Failure::new(format!("could not read the earlier run {shown}: {error}"))
                .hint("create one: cargo xtask bench --output json > FILE")
        })?;
        Ok(run)
    }

    /// Prints the run, and compares it with an earlier one.
    pub(crate) fn print(&self, earlier: Option<&Run>, format: OutputFormat) -> anyhow::Result<()> {
        if earlier.is_some_and(|earlier| !self.machine.is_comparable(&earlier.machine)) {
            output::progress(
                "warning: the earlier run was on another machine or with another compiler; \
                 compare only ratios within one run",
            );
        }
        if format == OutputFormat::Text {
            return output::text(&self.text(earlier));
        }
        for measurement in &self.measurements {
            output::json_line(&MeasuredEvent {
                measurement,
                times_earlier: earlier
                    .and_then(|earlier| earlier.find(&measurement.name))
                    .map(|before| measurement.median / before.median),
            })?;
        }
        output::json_line(self)
    }

    fn find(&self, name: &str) -> Option<&Measurement> {
        let mut measurements = self.measurements.iter();
        measurements.find(|measurement| measurement.name == name)
    }

    fn heading(&self) -> String {
        self.machine.heading(self.other_work) + "\n"
    }

    fn text(&self, earlier: Option<&Run>) -> String {
        let mut text = self.heading();
        let mut header = vec!["", "MEDIAN", "P99", "CPU", "MEMORY", "SAMPLES", "TARGET"];
        if let Some(earlier) = earlier {
            // Writing into a String cannot fail.
            let _ = write!(text, "earlier: {}", earlier.heading());
            header.push("RATIO TO EARLIER");
        }
        let rows = self.measurements.iter().map(|measurement| {
            let mut cells = measurement.cells();
            cells.extend(earlier.map(|earlier| measurement.ratio_to(earlier)));
            cells
        });
        let header = header.into_iter().map(str::to_owned).collect();
        text.push('\n');
        text + &table(std::iter::once(header).chain(rows))
    }
}

impl Measurement {
    fn cells(&self) -> Vec<String> {
        let time = |milliseconds: f64| format!("{milliseconds:.3} ms");
        let (median, p99) = match self.cpu {
            Some(_) => (time(self.median), time(self.p99)),
            None => (format!("{:.0} B", self.median), String::new()),
        };
        let memory = self
            .peak_memory
            .map(|bytes| format!("{:.1} MiB", mebibytes(bytes)));
        let targets: Vec<_> = self.targets.iter().map(Target::text).collect();
        vec![
            self.name.clone(),
            median,
            p99,
            self.cpu.map(time).unwrap_or_default(),
            memory.unwrap_or_default(),
            self.samples.to_string(),
            targets.join(", "),
        ]
    }

    /// Formats the median and the CPU time as multiples of the earlier run's values.
    fn ratio_to(&self, earlier: &Run) -> String {
        let Some(before) = earlier.find(&self.name) else {
            return "new".to_owned();
        };
        let median = format!("{:.2}x", self.median / before.median);
        match (self.cpu, before.cpu) {
            (Some(now), Some(then)) if then > 0.0 => format!("{median}, CPU {:.2}x", now / then),
            _ => median,
        }
    }
}

impl Target {
    fn text(&self) -> String {
        let Target { of, value, limit } = self;
        let verdict = if value <= limit { "ok" } else { "MISSED" };
        format!("{value:.2} of {limit} {of}: {verdict}")
    }
}

/// Formats rows of cells, with two spaces between columns.
pub(crate) fn table<R: Into<Row>>(rows: impl IntoIterator<Item = R>) -> String {
    let mut table = Table::new();
    table
        .load_style(TableStyle::new())
        .set_content_arrangement(ContentArrangement::Disabled)
        .add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    format!("{}\n", table.trim_fmt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(milliseconds: impl IntoIterator<Item = u64>) -> Measurement {
        let times = milliseconds.into_iter().map(Duration::from_millis);
        let samples = Samples {
            times: times.collect(),
            ..Samples::default()
        };
        samples.measurement("a test")
    }

    #[test]
    fn the_median_and_the_p99_are_samples_and_do_not_depend_on_the_order() {
        let hundred = measure((1..=100).rev());
        assert_eq!((hundred.median, hundred.p99), (50.0, 99.0));
        let three = measure([9, 1, 5]);
        assert_eq!((three.median, three.p99), (5.0, 9.0));
        let one = measure([7]);
        assert_eq!((one.median, one.p99), (7.0, 7.0));
    }

    #[test]
    fn a_run_can_be_compared_with_the_committed_run() {
        let path = xtask::workspace::root().join("docs/performance.json");
        let run = Run::read(&path).expect("docs/performance.json is a run");
        let hello = run.find("cold hello").expect("a measurement of hello");
        assert_eq!(hello.ratio_to(&run), "1.00x, CPU 1.00x");
    }
}
