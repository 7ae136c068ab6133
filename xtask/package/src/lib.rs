//! The functions as zips that Lambda runs.
//!
//! A crate of its own, so that `cargo xtask render` does not compile the libraries that
//! read binaries and compress them.

mod elf;
mod package;

use std::fs;

use anyhow::Context as _;
use cfn::resources::lambda::Architecture;
use contract::Function;
use xtask::build::{Artifact, folder, zip_path};
use xtask::failure::Failure;
use xtask::{cargo, output};

/// Builds every function and packs it, whether or not the environment that it is
/// for has it: every deploy is made of the same zips then. The same sources give
/// the same bytes, in whichever folder they are.
pub fn build(architecture: Architecture) -> anyhow::Result<Vec<Artifact>> {
    let packages = Function::ALL.map(Function::name);
    output::progress(format_args!("building {} for Lambda", packages.join(", ")));
    let binaries = cargo::build_for_lambda(&packages, architecture)?;
    let zips = folder()?;
    Function::ALL
        .into_iter()
        .zip(binaries)
        .map(|(function, binary)| {
            let bytes =
                fs::read(&binary).with_context(|| format!("reading {}", binary.display()))?;
            elf::check(&bytes, architecture).map_err(|error| {
                Failure::new(format!(
                    "Amazon Linux 2023 could not load the {} function: {error}",
                    function.name()
                ))
                .hint(error.hint())
            })?;
            let path = zip_path(&zips, function);
            let zip = package::pack(&path, &bytes)
                .with_context(|| format!("packing the {} function", function.name()))?;
            Ok(Artifact {
                function,
                path,
                sha256: zip.sha256,
                bytes: zip.bytes,
                architecture,
            })
        })
        .collect()
}
