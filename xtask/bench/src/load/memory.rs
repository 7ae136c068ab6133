//! Whether each process of a function stays as large as it was.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

/// Resident bytes of every process, by its id, at one moment.
pub(super) type Resident = BTreeMap<u32, u64>;

/// How much a process may grow between the second quarter of a run and its last one.
/// The first quarter is left out: a process is still making what it then keeps.
const MAX_GROWTH: f64 = 1.1;

/// A process, and the most memory that it had resident, in MiB.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Process {
    pub(super) id: u32,
    /// In the second quarter of the run; none where it was not there yet.
    pub(super) early: Option<f64>,
    /// In the last quarter; none where it was gone.
    pub(super) late: Option<f64>,
}

/// Every process that any of the samples, which are evenly spaced over a run, has seen
/// in one of the two quarters.
pub(super) fn processes(samples: &[Resident]) -> Vec<Process> {
    let quarter = |number: usize| {
        let edge = |number: usize| samples.len() * number / 4;
        samples.get(edge(number)..edge(number + 1)).unwrap_or(&[])
    };
    let (early, late) = (quarter(1), quarter(3));
    let ids: BTreeSet<u32> = early
        .iter()
        .chain(late)
        .flat_map(|s| s.keys().copied())
        .collect();
    ids.into_iter()
        .map(|id| Process {
            id,
            early: most(early, id),
            late: most(late, id),
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "no process has 2^53 bytes")]
fn most(samples: &[Resident], id: u32) -> Option<f64> {
    let bytes = samples.iter().filter_map(|sample| sample.get(&id)).max()?;
    Some(*bytes as f64 / (1_024.0 * 1_024.0))
}

impl Process {
    /// What is not in order with it, if anything. Nothing ends a process in a run that
    /// goes well, and all that are needed are there before it begins.
    pub(super) fn fault(&self) -> Option<String> {
        let id = self.id;
        match (self.early, self.late) {
            (Some(early), Some(late)) => (late > early * MAX_GROWTH)
                .then(|| format!("process {id} has grown from {early:.1} to {late:.1} MiB")),
            (Some(_), None) => Some(format!("process {id} has ended during the run")),
            (None, _) => Some(format!("process {id} has only started during the run")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1_024 * 1_024;

    /// The verdict on samples in which each process has so many MiB.
    fn faults(samples: &[&[(u32, u64)]]) -> Vec<String> {
        let samples: Vec<Resident> = samples
            .iter()
            .map(|sample| sample.iter().map(|(id, mib)| (*id, mib * MIB)).collect())
            .collect();
        processes(&samples)
            .iter()
            .filter_map(Process::fault)
            .collect()
    }

    #[test]
    fn a_process_that_grows_is_seen_beside_a_larger_one() {
        let flat: &[_] = &[(1, 40), (2, 10)];
        assert!(faults(&[flat, flat, flat, flat]).is_empty());
        let grown: &[_] = &[(1, 40), (2, 12)];
        assert_eq!(
            faults(&[flat, flat, grown, grown]),
            ["process 2 has grown from 10.0 to 12.0 MiB"]
        );
        // What it makes for itself in the first quarter is no growth.
        assert!(faults(&[&[(1, 2), (2, 2)], flat, flat, flat]).is_empty());
    }

    #[test]
    fn a_process_that_is_replaced_is_seen_although_its_successor_is_as_large() {
        assert_eq!(
            faults(&[&[(1, 8)], &[(1, 8)], &[(2, 8)], &[(2, 8)]]),
            [
                "process 1 has ended during the run",
                "process 2 has only started during the run"
            ]
        );
    }
}
