//! How much of the machine went to other work while something was measured: numbers
//! of a busy machine are not to be taken for those of a quiet one.

use std::fmt;
use std::time::Duration;

use procfs::{CurrentSI as _, KernelStats};

use crate::cpu;

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
        let machine = KernelStats::current().ok()?.total;
        // A guest's time is counted in `user` already.
        let idle = machine.idle_duration() + machine.iowait_duration().unwrap_or_default();
        let busy = [
            Some(machine.user_duration()),
            Some(machine.nice_duration()),
            Some(machine.system_duration()),
            machine.irq_duration(),
            machine.softirq_duration(),
            machine.steal_duration(),
        ];
        let busy: Duration = busy.into_iter().flatten().sum();
        let own = cpu::process().ok()? + cpu::children().ok()?;
        Some(Used {
            all: (idle + busy).as_secs_f64(),
            busy: busy.as_secs_f64(),
            own: own.as_secs_f64(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_neither_idle_nor_our_own_is_other_work() {
        let before = Used {
            all: 100.0,
            busy: 10.0,
            own: 3.0,
        };
        // 10 s later: 4 s busy, of which 3 s ours.
        let after = Used {
            all: 110.0,
            busy: 14.0,
            own: 6.0,
        };
        let share = share(before, after).expect("time has passed");
        assert!((share - 0.1).abs() < 1e-9, "{share}");
        assert_eq!(super::share(after, after), None);
    }

    #[test]
    fn a_machine_is_never_busier_than_it_has_time() {
        let used = Used::so_far().expect("Linux says");
        assert!(0.0 < used.busy && used.busy <= used.all, "{used:?}");
    }
}
