//! CPU time, to the nanosecond where the kernel counts it so.

use std::time::Duration;

use anyhow::Context as _;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// The clock of another process, which runs while one of its threads does.
///
/// The kernel brings it up to date when it is read
/// (<https://man7.org/linux/man-pages/man3/clock_getcpuclockid.3.html>). What `/proc`
/// says of a running thread is as old as the scheduler's last look at it, and a request
/// can be over in less.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CpuClock(ClockId);

impl CpuClock {
    /// The clock of a process, whose threads count with those that have ended.
    pub(crate) fn of(pid: u32) -> anyhow::Result<Self> {
        let pid = i32::try_from(pid).context("a process id")?;
        let clock =
            clock_getcpuclockid(Pid::from_raw(pid)).context("finding a process's CPU clock")?;
        Ok(CpuClock(clock))
    }

    /// What the process has used so far.
    pub(crate) fn now(self) -> anyhow::Result<Duration> {
        let time = clock_gettime(self.0).context("reading a process's CPU clock")?;
        Ok(Duration::from(time))
    }
}

/// What this thread has used; `getrusage` counts it in ticks of the scheduler.
pub(crate) fn thread() -> anyhow::Result<Duration> {
    let time =
        clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).context("asking for the CPU time")?;
    Ok(Duration::from(time))
}

/// What this process has used.
pub(crate) fn process() -> anyhow::Result<Duration> {
    usage(UsageWho::RUSAGE_SELF)
}

/// What those of this process's children have used that have ended.
pub(crate) fn children() -> anyhow::Result<Duration> {
    usage(UsageWho::RUSAGE_CHILDREN)
}

fn usage(who: UsageWho) -> anyhow::Result<Duration> {
    let usage = getrusage(who).context("asking for the CPU time")?;
    Ok(duration(usage.user_time()) + duration(usage.system_time()))
}

fn duration(time: TimeVal) -> Duration {
    let microseconds = time.tv_sec() * 1_000_000 + time.tv_usec();
    Duration::from_micros(microseconds.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processs_clock_runs_while_it_does_something() {
        let clock = CpuClock::of(std::process::id()).expect("this process has a clock");
        let before = clock.now().expect("a time");
        let after = clock.now().expect("a time");
        assert!(after > before, "it was {before:?}, and then {after:?}");
    }
}
