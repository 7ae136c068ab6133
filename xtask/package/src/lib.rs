//! The functions as zips for Lambda.
//!
//! The crate is separate, so that `cargo xtask render` does not compile the libraries that read and
//! compress binaries.

mod elf;
mod package;

use std::fs;

use anyhow::Context as _;
use cfn::resources::lambda::Architecture;
use contract::Function;
use xtask::build::{Artifact, folder, zip_path};
use xtask::failure::Failure;
use xtask::{linker, output};

/// Builds and packs every function, even one that an environment does not have, so that all
/// environments get the same zips. The same sources give the same bytes in any folder.
pub fn build(architecture: Architecture) -> anyhow::Result<Vec<Artifact>> {
    let packages = Function::ALL.map(Function::name);
    output::progress(format_args!("building {} for Lambda", packages.join(", ")));
    let binaries = linker::build_for_lambda(&packages, architecture)?;
    let folder = folder()?;
    Function::ALL
        .into_iter()
        .zip(binaries)
        .map(|(function, binary)| {
            let bytes =
                fs::read(&binary).with_context(|| format!("reading {}", binary.display()))?;
            elf::check(&bytes, architecture).map_err(|error| {
                let name = function.name();
                Failure::new(format!(
                    "could not pack the {name} function for Amazon Linux 2023: {error}"
                ))
                .hint(format!(
                    "set {}=zig and rerun the command",
                    linker::VARIABLE
                ))
            })?;
            let path = zip_path(&folder, function);
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
