//! Valgrind, which counts instructions and comes from a machine's packages.

use std::process::Stdio;

use crate::child;

/// Returns true if it is installed.
pub fn is_there() -> bool {
    child::command("valgrind")
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
