//! Measurements: many samples of one quantity, as a few numbers.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A quantity of one subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Measurement {
    /// What was measured; the same in every run.
    pub(crate) name: String,
    /// How often.
    pub(crate) samples: usize,
    /// In milliseconds, or in bytes where the name says `size`.
    pub(crate) median: f64,
    /// The 99th percentile: with less than a hundred samples the worst one.
    pub(crate) p99: f64,
    /// Median of the CPU time in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cpu: Option<f64>,
    /// The most memory resident at any time, in bytes; the worst of all samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) peak_memory: Option<u64>,
    /// What is to be reached, and whether it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) targets: Vec<Target>,
}

/// A number and the limit under which it is to stay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Target {
    /// The number: a ratio, milliseconds or bytes.
    pub(crate) of: String,
    pub(crate) value: f64,
    pub(crate) limit: f64,
}

impl Target {
    pub(crate) fn is_met(&self) -> bool {
        self.value <= self.limit
    }
}

/// The samples of one subject so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples {
    times: Vec<Duration>,
    cpu: Vec<Duration>,
    peak_memory: u64,
}

impl Samples {
    pub(crate) fn add(&mut self, time: Duration, cpu: Duration) {
        self.add_time(time);
        self.add_cpu(cpu);
    }

    pub(crate) fn add_time(&mut self, time: Duration) {
        self.times.push(time);
    }

    pub(crate) fn add_cpu(&mut self, cpu: Duration) {
        self.cpu.push(cpu);
    }

    /// Remembers the most memory that any process had.
    pub(crate) fn memory(&mut self, bytes: u64) {
        self.peak_memory = self.peak_memory.max(bytes);
    }

    /// The few numbers.
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

impl Measurement {
    /// Something that does not vary.
    #[expect(clippy::cast_precision_loss, reason = "no file has 2^53 bytes")]
    pub(crate) fn of_size(name: impl Into<String>, bytes: u64) -> Self {
        Measurement {
            name: name.into(),
            samples: 1,
            median: bytes as f64,
            p99: bytes as f64,
            cpu: None,
            peak_memory: None,
            targets: Vec::new(),
        }
    }

    /// Whether it is in bytes and not in milliseconds.
    pub(crate) fn is_size(&self) -> bool {
        self.cpu.is_none()
    }

    /// Sets a number against its limit.
    pub(crate) fn target(&mut self, of: &str, value: f64, limit: f64) {
        self.targets.push(Target {
            of: of.to_owned(),
            value,
            limit,
        });
    }
}

/// Returns the nearest rank in milliseconds: the smallest sample that so many per mille are
/// not above.
pub(crate) fn quantile(sorted: &[Duration], per_mille: usize) -> f64 {
    let rank = (sorted.len() * per_mille).div_ceil(1_000);
    let time = sorted.get(rank.saturating_sub(1)).copied();
    time.unwrap_or_default().as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(milliseconds: impl IntoIterator<Item = u64>) -> Measurement {
        let mut samples = Samples::default();
        for time in milliseconds {
            samples.add(Duration::from_millis(time), Duration::from_millis(1));
        }
        samples.measurement("a test")
    }

    #[test]
    fn median_and_p99_are_samples_in_whichever_order_they_came() {
        let hundred = times((1..=100).rev());
        assert_eq!((hundred.median, hundred.p99), (50.0, 99.0));
        let three = times([9, 1, 5]);
        assert_eq!((three.median, three.p99), (5.0, 9.0));
        let one = times([7]);
        assert_eq!((one.median, one.p99), (7.0, 7.0));
    }
}
