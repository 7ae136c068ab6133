//! The binaries of the functions.

use std::collections::BTreeMap;
use std::path::PathBuf;

use contract::Function;
use xtask::cargo::{self, Profile};

/// The path of each function's binary.
pub(crate) type Binaries = BTreeMap<Function, PathBuf>;

/// Builds the functions of dev. They are built together, because cargo would resolve the
/// features of one alone differently and build twice. For the same reason a release build
/// has all functions, as that of `cargo xtask build` and `bench`.
pub(crate) fn build(release: bool) -> anyhow::Result<Binaries> {
    let functions = if release {
        &Function::ALL[..]
    } else {
        &Function::SERVING[..]
    };
    let names: Vec<_> = functions.iter().map(|function| function.name()).collect();
    let paths = cargo::build_binaries(&names, Profile::from_flag(release))?;
    Ok(functions.iter().copied().zip(paths).collect())
}
