//! CPU clocks, in nanoseconds.

use std::time::Duration;

use anyhow::Context as _;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// The CPU clock of a thread or of a process with all its threads.
///
/// The kernel updates this clock at each read
/// (<https://man7.org/linux/man-pages/man3/clock_getcpuclockid.3.html>). The times in `/proc` change
/// only at each tick of the scheduler, and a tick is longer than many requests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CpuClock(ClockId);

impl CpuClock {
    /// The clock of this process.
    pub(crate) const PROCESS: Self = CpuClock(ClockId::CLOCK_PROCESS_CPUTIME_ID);

    /// Returns the clock of another process.
    pub(crate) fn of_process(pid: u32) -> anyhow::Result<Self> {
        let pid = Pid::from_raw(pid.try_into().context("reading a process id")?);
        let clock = clock_getcpuclockid(pid).context("finding the CPU clock of a process")?;
        Ok(CpuClock(clock))
    }

    /// Returns the CPU time used so far.
    pub(crate) fn now(self) -> anyhow::Result<Duration> {
        let time = clock_gettime(self.0).context("reading a CPU clock")?;
        Ok(time.into())
    }
}

/// Returns the CPU time of the child processes that have ended.
pub(crate) fn ended_children() -> anyhow::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).context("reading the CPU time of children")?;
    let time = usage.user_time() + usage.system_time();
    Ok(Duration::from_micros(
        time.num_microseconds().unsigned_abs(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_a_running_process_advances() {
        let clock = CpuClock::of_process(std::process::id()).expect("this process has a clock");
        let before = clock.now().expect("a time");
        let after = clock.now().expect("a time");
        assert!(after > before, "{before:?}, then {after:?}");
    }
}
