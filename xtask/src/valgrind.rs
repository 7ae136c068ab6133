//! Valgrind, which counts instructions and comes from a machine's packages.

use std::process::{Command, Stdio};

/// Whether it is there.
pub fn is_there() -> bool {
    Command::new("valgrind")
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
