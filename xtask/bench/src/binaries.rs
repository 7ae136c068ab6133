//! The binaries that are measured, as Lambda would run them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;
use contract::Function;
use infra::Environment;
use xtask::{cargo, output, workspace};

/// What ours are compared with.
const HELLO: &str = "hello";
const SDK_DEFAULT: &str = "sdk-default";

/// Where they are.
pub(crate) struct Binaries {
    /// Ours.
    pub(crate) functions: BTreeMap<Function, PathBuf>,
    /// The smallest function there can be.
    pub(crate) hello: PathBuf,
    /// One that uses the SDK as its documentation begins with.
    pub(crate) sdk_default: PathBuf,
}

/// Builds them. Each of what is compared by itself, because cargo would join the
/// features of what it builds together, and ours would no longer be what is shipped.
pub(crate) fn build() -> anyhow::Result<Binaries> {
    output::progress("building the functions, and what they are compared with, as for Lambda");
    let architecture = Environment::Prod.settings().architecture;
    let names = Function::ALL.map(Function::name);
    let functions = cargo::build_for_lambda(&names, architecture)?;
    let hello = cargo::build_for_lambda(&[HELLO], architecture)?;
    let sdk_default = cargo::build_elsewhere(
        &workspace::root().join("tests/functions/sdk-default/Cargo.toml"),
        SDK_DEFAULT,
    )?;
    Ok(Binaries {
        functions: Function::ALL.into_iter().zip(functions).collect(),
        hello: hello.into_iter().next().context("cargo built no hello")?,
        sdk_default,
    })
}
