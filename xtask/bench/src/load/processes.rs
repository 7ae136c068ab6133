//! The CPU time and the memory of the service's processes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use anyhow::Context as _;
use procfs::process;

use crate::report::mebibytes;

/// The accepted factor by which a process's memory grows from the second quarter of a run to the
/// last quarter. In the first quarter, a process still fills its caches.
const MAX_GROWTH: f64 = 1.1;

/// The CPU time used up to one moment, and the memory at that moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Usage {
    /// The CPU time of the functions' processes, including those that have ended.
    pub(super) functions: Duration,
    /// The CPU time of the local gateway and the local table.
    pub(super) local_stack: Duration,
    /// The resident bytes of each of the functions' processes, by process id.
    memory: BTreeMap<u32, u64>,
}

impl Usage {
    /// Reads the usage of the local stack's process and of its children, the functions.
    pub(super) fn read(pid: u32) -> anyhow::Result<Self> {
        let pid = i32::try_from(pid).context("reading a process id")?;
        let local_stack = process::Process::new(pid)
            .and_then(|process| process.stat())
            .context("the service has ended")?;
        let ended = local_stack.cutime.unsigned_abs() + local_stack.cstime.unsigned_abs();
        let mut usage = Self {
            functions: time(ended),
            local_stack: time(local_stack.utime + local_stack.stime),
            memory: BTreeMap::new(),
        };
        // A process that ends while the list is read is left out.
        let processes = process::all_processes().context("listing processes")?;
        for process in processes.flatten() {
            let Some(stat) = process.stat().ok().filter(|stat| stat.ppid == pid) else {
                continue;
            };
            usage.functions += time(stat.utime + stat.stime);
            // A zombie, an ended process for which its parent has not yet waited, has no memory.
            if let Some(kibibytes) = process.status().ok().and_then(|status| status.vmrss) {
                let pid = stat.pid.unsigned_abs();
                usage.memory.insert(pid, 1_024 * kibibytes);
            }
        }
        Ok(usage)
    }
}

fn time(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1_000 / procfs::ticks_per_second())
}

/// The largest resident memory of a process in two parts of a run, in MiB.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ProcessMemory {
    /// The process id.
    id: u32,
    /// In the second quarter of the run; `None` if the process had not started.
    early: Option<f64>,
    /// In the last quarter; `None` if the process had ended.
    late: Option<f64>,
}

/// Returns the memory of every process that exists in the second or the last quarter of the
/// samples, which are evenly spaced over the run.
pub(super) fn memory(samples: &[Usage]) -> Vec<ProcessMemory> {
    let quarter = |number: usize| {
        let edge = |number: usize| samples.len() * number / 4;
        samples.get(edge(number)..edge(number + 1)).unwrap_or(&[])
    };
    let (early, late) = (quarter(1), quarter(3));
    let both = early.iter().chain(late);
    let ids: BTreeSet<u32> = both
        .flat_map(|usage| usage.memory.keys().copied())
        .collect();
    let largest = |samples: &[Usage], id| {
        let bytes = samples.iter().filter_map(|usage| usage.memory.get(&id));
        bytes.max().copied().map(mebibytes)
    };
    let process = |id| ProcessMemory {
        id,
        early: largest(early, id),
        late: largest(late, id),
    };
    ids.into_iter().map(process).collect()
}

impl ProcessMemory {
    /// Describes a process that has grown, ended or started during the run.
    pub(super) fn fault(&self) -> Option<String> {
        let id = self.id;
        match (self.early, self.late) {
            (Some(early), Some(late)) => (late > early * MAX_GROWTH)
                .then(|| format!("process {id} grew from {early:.1} to {late:.1} MiB")),
            (Some(_), None) => Some(format!("process {id} ended during the run")),
            (None, _) => Some(format!("process {id} started during the run")),
        }
    }
}

impl fmt::Display for ProcessMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |mib: Option<f64>| mib.map_or("none".to_owned(), |mib| format!("{mib:.1} MiB"));
        let (id, early, late) = (self.id, text(self.early), text(self.late));
        let verdict = self.fault().map_or("flat", |_| "NOT FLAT");
        write!(
            f,
            "process {id}: {early} in the second quarter, {late} in the last: {verdict}"
        )
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::process::Stdio;

    use xtask::child;

    use super::*;

    /// Returns the faults in samples, each with process ids and their memory in MiB.
    fn faults(samples: &[&[(u32, u64)]]) -> Vec<String> {
        let samples: Vec<Usage> = samples
            .iter()
            .map(|sample| Usage {
                memory: sample
                    .iter()
                    .map(|(id, mib)| (*id, mib * 1_024 * 1_024))
                    .collect(),
                ..Usage::default()
            })
            .collect();
        memory(&samples)
            .iter()
            .filter_map(ProcessMemory::fault)
            .collect()
    }

    #[test]
    fn a_growing_process_is_found_beside_a_larger_one() {
        let flat: &[_] = &[(1, 40), (2, 10)];
        assert!(faults(&[flat, flat, flat, flat]).is_empty());
        let grown: &[_] = &[(1, 40), (2, 12)];
        assert_eq!(
            faults(&[flat, flat, grown, grown]),
            ["process 2 grew from 10.0 to 12.0 MiB"]
        );
        // Growth in the first quarter is accepted.
        assert!(faults(&[&[(1, 2), (2, 2)], flat, flat, flat]).is_empty());
    }

    #[test]
    fn a_replaced_process_is_found_although_the_new_one_has_the_same_size() {
        assert_eq!(
            faults(&[&[(1, 8)], &[(1, 8)], &[(2, 8)], &[(2, 8)]]),
            [
                "process 1 ended during the run",
                "process 2 started during the run"
            ]
        );
    }

    #[test]
    fn the_memory_of_a_child_process_is_reported_until_the_child_ends() {
        let usage = || Usage::read(std::process::id()).expect("this process is running");
        let mut child = child::command("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child");
        // A new process has hardly any memory until it responds.
        let mut input = child.stdin.take().expect("a pipe");
        input.write_all(b"x").expect("a child that reads");
        let mut output = child.stdout.take().expect("a pipe");
        output.read_exact(&mut [0]).expect("a child that writes");
        let memory = usage().memory.get(&child.id()).copied();
        child.kill().expect("a running child");
        child.wait().expect("a child");
        assert!(memory.is_some_and(|bytes| bytes > 64 * 1_024), "{memory:?}");
        assert_eq!(usage().memory.get(&child.id()), None);
    }
}
