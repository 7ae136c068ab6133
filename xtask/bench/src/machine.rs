//! Where and with what a run was made: numbers mean nothing without it.

use std::fmt;
use std::fs;

use procfs::{CpuInfo, Current as _};
use serde::{Deserialize, Serialize};
use shared::timestamp::Timestamp;
use xtask::{child, git, workspace};

/// The machine, the time and the versions of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    kernel: String,
    rustc: String,
    revision: String,
    measured_at: String,
}

impl Machine {
    /// This one, now. What cannot be found out is `unknown`.
    pub(crate) fn this() -> Self {
        let processor = CpuInfo::current()
            .ok()
            .and_then(|processors| Some(processors.model_name(0)?.to_owned()))
            .unwrap_or_else(unknown);
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")
            .map_or_else(|_| unknown(), |text| text.trim().to_owned());
        Machine {
            processor,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel,
            rustc: rustc(),
            revision: git::text(workspace::root(), &["describe", "--always", "--dirty"])
                .unwrap_or_else(|_| unknown()),
            measured_at: Timestamp::now().to_string(),
        }
    }

    /// Whether times of the one say anything of times of the other.
    pub(crate) fn compares_with(&self, other: &Self) -> bool {
        self.processor == other.processor
            && self.cores == other.cores
            && self.kernel == other.kernel
            && self.rustc == other.rustc
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine {
            processor,
            cores,
            kernel,
            rustc,
            revision,
            measured_at,
        } = self;
        write!(
            f,
            "{cores} x {processor}, Linux {kernel}, {rustc}, revision {revision}, {measured_at}"
        )
    }
}

/// Returns the version of the compiler that the toolchain file names.
pub(crate) fn rustc() -> String {
    child::command("rustc")
        .arg("--version")
        .current_dir(workspace::root())
        .output()
        .ok()
        .filter(|output| output.status.success())
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map_or_else(unknown, |text| text.trim().to_owned())
}

fn unknown() -> String {
    "unknown".to_owned()
}
