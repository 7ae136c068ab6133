//! Whether this machine has the Python that some tests' tools need.

use std::process::Command;

/// What is needed, in words; the tools' requirements were resolved for it.
pub const NEEDED: &str = "python3 3.10 or newer, with venv";

/// Ends well where this interpreter can make a virtual environment with pip in
/// it; some distributions package that separately.
const PROBE: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";

/// Whether it is there.
pub fn is_there() -> bool {
    Command::new("python3")
        .args(["-c", PROBE])
        .output()
        .is_ok_and(|probe| probe.status.success())
}
