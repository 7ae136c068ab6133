//! The functions as zips that Lambda runs.
//!
//! A crate of its own, so that `cargo xtask render` does not compile the libraries that
//! read binaries and compress them.

mod elf;
mod package;
mod up_to_date;

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use cfn::resources::lambda::Architecture;
use contract::Function;
use infra::Sha256Digest;
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
            let zip = packed(&path, &bytes)
                .with_context(|| format!("packing the {} function", function.name()))?;
            Ok(Artifact {
                function,
                path,
                sha256: Sha256Digest::of(&zip),
                bytes: zip.len() as u64,
                architecture,
            })
        })
        .collect()
}

/// The zip of a binary, which is at `path` from now on.
fn packed(path: &Path, binary: &[u8]) -> anyhow::Result<Vec<u8>> {
    if let Some(zip) = up_to_date::zip(path, binary) {
        return Ok(zip);
    }
    let zip = package::zip(binary)?;
    package::write(path, &zip)?;
    Ok(zip)
}
