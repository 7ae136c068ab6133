//! How much of the machine went to other work while something was measured: numbers
//! of a busy machine are not to be taken for those of a quiet one.

use std::fmt;
use std::fs;

use crate::cpu;

/// `USER_HZ`, the unit of `/proc/stat`: 100 on x86-64 and on Arm.
const TICKS_A_SECOND: f64 = 100.0;

/// The beginning of a measurement.
pub(crate) struct Watch(Option<Used>);

/// CPU time since some moment, in seconds of one core.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Used {
    /// That there was, used or not.
    all: f64,
    /// That anybody used.
    busy: f64,
    /// That this process used, and its children that have ended.
    own: f64,
}

impl Watch {
    pub(crate) fn start() -> Self {
        Watch(Used::so_far())
    }

    /// The share of the machine's CPU time that others have used since, from 0 to 1;
    /// none where the kernel does not say.
    pub(crate) fn share(self) -> Option<f64> {
        share(self.0?, Used::so_far()?)
    }
}

/// Such a share behind a machine's name; nothing where it is not known.
pub(crate) struct BusyElsewhere(pub(crate) Option<f64>);

impl fmt::Display for BusyElsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(share) => write!(f, ", {:.0} % of it busy with other work", share * 100.0),
            None => Ok(()),
        }
    }
}

fn share(before: Used, after: Used) -> Option<f64> {
    let all = after.all - before.all;
    let others = (after.busy - before.busy) - (after.own - before.own);
    (all > 0.0).then(|| (others / all).clamp(0.0, 1.0))
}

impl Used {
    fn so_far() -> Option<Self> {
        let (all, busy) = machine(&fs::read_to_string("/proc/stat").ok()?)?;
        let own = cpu::process().ok()? + cpu::children().ok()?;
        let own = own.as_secs_f64();
        Some(Used { all, busy, own })
    }
}

/// All and busy time of the line `cpu` of `/proc/stat`: user, nice, system, idle,
/// iowait, irq, softirq, steal, and then what is counted in user already
/// (<https://man7.org/linux/man-pages/man5/proc_stat.5.html>).
fn machine(stat: &str) -> Option<(f64, f64)> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<f64> = line
        .split_whitespace()
        .take(8)
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    let all: f64 = ticks.iter().sum();
    let idle = ticks.get(3)? + ticks.get(4)?;
    Some((all / TICKS_A_SECOND, (all - idle) / TICKS_A_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_neither_idle_nor_our_own_is_other_work() {
        let at = |stat: &str, own| {
            let (all, busy) = machine(stat).expect("a line of CPU times");
            Used { all, busy, own }
        };
        let before = at("cpu  1000 0 0 9000 0 0 0 0 500 0\ncpu0 1 2\n", 3.0);
        // 10 s later: 4 s busy, of which 3 s ours.
        let after = at("cpu  1200 0 100 9500 100 0 0 100 600 0\n", 6.0);
        let share = share(before, after).expect("time has passed");
        assert!((share - 0.1).abs() < 1e-9, "{share}");
        assert_eq!(machine("intr 1 2 3\n"), None);
    }
}
