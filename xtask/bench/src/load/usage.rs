//! What the service's processes have used, from Linux's `/proc`
//! (<https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>).

use std::fs;
use std::time::Duration;

use anyhow::Context as _;

use super::memory::Resident;

/// `USER_HZ`, the unit of CPU times there: 100 on x86-64 and on Arm.
const TICKS_A_SECOND: u64 = 100;

/// What was used up to a moment.
#[derive(Debug, Clone)]
pub(super) struct Usage {
    /// CPU time of the functions' processes, those that have ended among them.
    pub(super) functions: Duration,
    /// CPU time of the gateway and the table.
    pub(super) surroundings: Duration,
    /// Resident memory of the functions' processes.
    pub(super) resident: Resident,
}

/// One process.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    own: u64,
    /// Of children that have ended and were waited for.
    children: u64,
}

impl Usage {
    /// Of the process `pid`, which has the gateway and the table, and of its
    /// children, which are the functions.
    pub(super) fn of(pid: u32) -> anyhow::Result<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat"));
        let own = text.context("the service has ended")?;
        let own = Stat::parse(&own).context("reading a process's times")?;
        let mut usage = Self {
            functions: time(own.children),
            surroundings: time(own.own),
            resident: Resident::new(),
        };
        for entry in fs::read_dir("/proc").context("listing processes")? {
            let path = entry.context("listing processes")?.path();
            // Most entries are no processes, and others end meanwhile.
            let Some(id) = path
                .file_name()
                .and_then(|name| name.to_str()?.parse().ok())
            else {
                continue;
            };
            let stat = fs::read_to_string(path.join("stat")).unwrap_or_default();
            let Some(stat) = Stat::parse(&stat).filter(|stat| stat.parent == pid) else {
                continue;
            };
            let status = fs::read_to_string(path.join("status")).unwrap_or_default();
            usage.functions += time(stat.own);
            // One that has ended, and was not waited for yet, has no memory.
            usage
                .resident
                .extend(resident(&status).map(|bytes| (id, bytes)));
        }
        Ok(usage)
    }
}

impl Stat {
    /// The fields come after the program's name, which may hold anything: its
    /// parenthesis is the last one.
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<_> = text.rsplit_once(") ")?.1.split(' ').collect();
        // The first of these is the third of the file.
        let number = |at: usize| fields.get(at - 3)?.parse::<u64>().ok();
        Some(Self {
            parent: u32::try_from(number(4)?).ok()?,
            own: number(14)? + number(15)?,
            children: number(16)? + number(17)?,
        })
    }
}

fn time(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1_000 / TICKS_A_SECOND)
}

/// `VmRSS` in bytes.
fn resident(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processs_times_are_found_behind_any_name() {
        let text = "7 (a) b) S 3 7 7 0 -1 4194560 1 2 0 0 11 12 13 14 20 0 1 0 9 1 2";
        let expected = Stat {
            parent: 3,
            own: 23,
            children: 27,
        };
        assert_eq!(Stat::parse(text), Some(expected));
        assert_eq!(Stat::parse("7 (a) S 3"), None);
        assert_eq!(Stat::parse(""), None);
        assert_eq!(time(150), Duration::from_millis(1_500));
    }

    #[test]
    fn resident_memory_is_in_kilobytes() {
        let status = "Name:\tapi\nVmHWM:\t    9000 kB\nVmRSS:\t    8192 kB\n";
        assert_eq!(resident(status), Some(8 * 1_024 * 1_024));
        assert_eq!(resident("Name:\tapi\n"), None);
    }
}
