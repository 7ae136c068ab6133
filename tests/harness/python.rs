//! Tools from `PyPI`. Tests that need such a tool are skipped on a machine without Python.

use std::path::PathBuf;

use xtask::python;
use xtask::tools::PYTHON;

use crate::tools;

/// Installs a tool if it is missing, and returns its executable.
///
/// Returns `None` on a machine without Python, after one line on stderr. The test must then be
/// skipped.
///
/// # Panics
///
/// If `CI` is set and Python is missing, because a pipeline must not pass by skipping, or if
/// the installation fails.
pub fn tool(name: &str) -> Option<PathBuf> {
    is_available(name).then(|| python::tool(name).unwrap_or_else(|error| panic!("{error:#}")))
}

/// Installs a tool if it is missing, and returns the Python interpreter of its virtual environment.
/// Returns `None` and panics as [`tool`] does.
pub fn interpreter(name: &str) -> Option<PathBuf> {
    is_available(name)
        .then(|| python::interpreter(name).unwrap_or_else(|error| panic!("{error:#}")))
}

fn is_available(name: &str) -> bool {
    let is_installed = python::is_installed(name).unwrap_or_else(|error| panic!("{error:#}"));
    is_installed || tools::is_available(&PYTHON, name)
}
