//! The CPU time and the memory of the service's processes.

use std::time::Duration;

use anyhow::Context as _;
use procfs::process::{self, Process};

use super::memory::Resident;

/// CPU time up to a moment, and memory at that moment.
#[derive(Debug, Clone)]
pub(super) struct Usage {
    /// CPU time of the functions' processes, those that have ended among them.
    pub(super) functions: Duration,
    /// CPU time of the gateway and the table.
    pub(super) surroundings: Duration,
    /// Resident memory of the functions' processes.
    pub(super) resident: Resident,
}

impl Usage {
    /// Reads the usage of the process `pid`, which has the gateway and the table, and of its
    /// children, which are the functions.
    pub(super) fn of(pid: u32) -> anyhow::Result<Self> {
        let pid = i32::try_from(pid).context("a process id")?;
        let service = Process::new(pid)
            .and_then(|process| process.stat())
            .context("the service has ended")?;
        let mut usage = Self {
            functions: time(service.cutime.unsigned_abs() + service.cstime.unsigned_abs()),
            surroundings: time(service.utime + service.stime),
            resident: Resident::new(),
        };
        // Processes can end meanwhile.
        for process in process::all_processes()
            .context("listing processes")?
            .flatten()
        {
            let Some(stat) = process.stat().ok().filter(|stat| stat.ppid == pid) else {
                continue;
            };
            usage.functions += time(stat.utime + stat.stime);
            // A process that has ended, and was not waited for yet, has no memory.
            let kibibytes = process.status().ok().and_then(|status| status.vmrss);
            let resident = kibibytes.map(|kibibytes| (stat.pid.unsigned_abs(), kibibytes * 1_024));
            usage.resident.extend(resident);
        }
        Ok(usage)
    }
}

fn time(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1_000 / procfs::ticks_per_second())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::process::Stdio;

    use xtask::child;

    use super::*;

    #[test]
    fn a_child_has_memory_of_its_own_until_it_ends() {
        let usage = || Usage::of(std::process::id()).expect("this process is running");
        let mut child = child::command("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child");
        // A process that was just started has hardly any memory: it has once it answers.
        let mut input = child.stdin.take().expect("a pipe");
        input.write_all(b"x").expect("a child that reads");
        let mut output = child.stdout.take().expect("a pipe");
        output.read_exact(&mut [0]).expect("a child that writes");
        let memory = usage().resident.get(&child.id()).copied();
        child.kill().expect("a running child");
        child.wait().expect("a child");
        assert!(memory.is_some_and(|bytes| bytes > 64 * 1_024), "{memory:?}");
        assert_eq!(usage().resident.get(&child.id()), None);
    }
}
