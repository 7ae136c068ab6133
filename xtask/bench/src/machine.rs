//! The machine of a run, and its CPU time. Times can be compared only if they are from the same
//! machine, equally busy.

use std::fs;

use procfs::{CpuInfo, CurrentSI as _, KernelStats};
use serde::{Deserialize, Serialize};
use shared::timestamp::Timestamp;
use xtask::{child, git, workspace};

use crate::cpu::{self, CpuClock};

/// The machine, the time and the versions of a run. Unknown values are `unknown`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Machine {
    /// The model of the processor.
    processor: String,
    /// The number of cores that the process may use.
    cores: usize,
    /// The release of the Linux kernel.
    kernel: String,
    /// The version of the compiler.
    rustc: String,
    /// The commit, with `-dirty` if the checkout has changes.
    revision: String,
    /// The end of the run, RFC 3339.
    measured_at: String,
}

impl Machine {
    /// Describes this machine now.
    pub(crate) fn current() -> Self {
        use procfs::Current as _;

        let processor = CpuInfo::current().ok();
        let processor = processor.and_then(|processors| Some(processors.model_name(0)?.to_owned()));
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").ok();
        let revision = git::text(workspace::root(), &["describe", "--always", "--dirty"]).ok();
        Machine {
            processor: or_unknown(processor),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: or_unknown(kernel),
            rustc: rustc(),
            revision: or_unknown(revision),
            measured_at: Timestamp::now().to_string(),
        }
    }

    /// Returns true if times measured on both machines can be compared.
    pub(crate) fn is_comparable(&self, other: &Self) -> bool {
        self.processor == other.processor
            && self.cores == other.cores
            && self.kernel == other.kernel
            && self.rustc == other.rustc
    }

    /// Returns one line about the machine. `other_work` is the share of the CPU time that other
    /// processes used.
    pub(crate) fn heading(&self, other_work: Option<f64>) -> String {
        let Machine {
            processor,
            cores,
            kernel,
            rustc,
            revision,
            measured_at,
        } = self;
        let busy = other_work.map(|share| {
            format!(
                ", other processes used {:.0} % of the CPU time",
                share * 100.0
            )
        });
        format!(
            "{cores} x {processor}, Linux {kernel}, {rustc}, revision {revision}, {measured_at}{}",
            busy.unwrap_or_default()
        )
    }
}

/// Returns the version of the compiler that rust-toolchain.toml names.
pub(crate) fn rustc() -> String {
    let rustc = child::command("rustc")
        .arg("--version")
        .current_dir(workspace::root())
        .output();
    let version = rustc.ok().filter(|output| output.status.success());
    or_unknown(version.and_then(|output| String::from_utf8(output.stdout).ok()))
}

fn or_unknown(text: Option<String>) -> String {
    text.map_or_else(|| "unknown".to_owned(), |text| text.trim().to_owned())
}

/// The machine's CPU time since its start, in ticks of the scheduler.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CpuTimes {
    total: u64,
    /// The time used by processes other than this one and its children.
    other_work: u64,
}

impl CpuTimes {
    /// Reads the current times. Returns `None` if the kernel does not provide the times.
    pub(crate) fn now() -> Option<Self> {
        let cpu = KernelStats::current().ok()?.total;
        // `user` includes the time of guests (virtual machines).
        let interrupts = [cpu.irq, cpu.softirq, cpu.steal].into_iter().flatten();
        let busy = cpu.user + cpu.nice + cpu.system + interrupts.sum::<u64>();
        let own = CpuClock::PROCESS.now().ok()? + cpu::ended_children().ok()?;
        let own = own.as_millis() * u128::from(procfs::ticks_per_second()) / 1_000;
        Some(CpuTimes {
            total: busy + cpu.idle + cpu.iowait.unwrap_or(0),
            other_work: busy.saturating_sub(own.try_into().ok()?),
        })
    }

    /// Returns the share of CPU time that other processes used since `beginning`, from 0 to 1.
    pub(crate) fn other_work_since(beginning: Option<Self>) -> Option<f64> {
        Self::now()?.share_since(beginning?)
    }

    #[expect(clippy::cast_precision_loss, reason = "no machine runs for 2^53 ticks")]
    fn share_since(self, before: Self) -> Option<f64> {
        let total = self.total.saturating_sub(before.total);
        let other_work = self.other_work.saturating_sub(before.other_work);
        (total > 0).then(|| (other_work as f64 / total as f64).min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_work_is_a_share_of_the_time_between_two_readings() {
        let times = |total, other_work| CpuTimes { total, other_work };
        let share = times(110, 8).share_since(times(100, 7));
        assert!((share.expect("time has passed") - 0.1).abs() < 1e-9);
        assert_eq!(times(100, 7).share_since(times(100, 7)), None);
    }

    #[test]
    fn other_work_is_at_most_the_total_time() {
        let times = CpuTimes::now().expect("Linux has the times");
        assert!(
            0 < times.total && times.other_work <= times.total,
            "{times:?}"
        );
    }
}
