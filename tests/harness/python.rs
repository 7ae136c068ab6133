//! Tools from `PyPI` for tests, which are skipped on a machine without Python.

use std::path::PathBuf;

use xtask::{output, python};

/// The executable of a tool, installed where it is not yet.
///
/// `None` on a machine without Python, after one line that says so: the test
/// is then to be skipped.
///
/// # Panics
///
/// Without Python where `CI` is set, because a pipeline must not pass by
/// skipping; and when the installation fails.
pub fn tool(name: &str) -> Option<PathBuf> {
    wanted(name).then(|| python::tool(name).unwrap_or_else(|error| panic!("{error:#}")))
}

/// The interpreter of a tool's virtual environment; otherwise as [`tool`].
pub fn interpreter(name: &str) -> Option<PathBuf> {
    wanted(name).then(|| python::interpreter(name).unwrap_or_else(|error| panic!("{error:#}")))
}

fn wanted(name: &str) -> bool {
    let is_installed = python::is_installed(name).unwrap_or_else(|error| panic!("{error:#}"));
    if is_installed || python::is_usable() {
        return true;
    }
    let needs = format!("{name} needs {}", python::REQUIRED);
    assert!(std::env::var_os("CI").is_none(), "{needs}");
    // Past the test runner's capture, which would hide it from a run that passes.
    output::progress(format_args!("skipped: {needs}"));
    false
}
