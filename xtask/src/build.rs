//! The arguments of `cargo xtask build`, which `xtask/package` runs, and the zips that it writes.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cfn::resources::lambda::Architecture;
use clap::Subcommand;
use contract::Function;
use infra::{Artifacts, Environment, Sha256Digest};
use serde::Serialize;

use crate::cargo;
use crate::failure::Failure;
use crate::options::{OutputFormat, architecture};

#[derive(Debug, Subcommand)]
pub enum PackageCommand {
    /// Build the functions' zips for Lambda
    Build(BuildArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The variable XTASK_LINKER chooses the linker of every command that builds zips: native, zig (installed
from PyPI into target/), or auto. auto is native on a Linux of the same architecture with glibc 2.36
or older, and zig on every other system. The two linkers give different zips.")]
pub struct BuildArgs {
    /// Instruction set [default: that of the environments]
    #[arg(long, value_parser = architecture())]
    architecture: Option<Architecture>,
    /// Output format; json is one line `{"artifacts":[..]}`
    #[arg(long, value_enum, default_value_t)]
    pub output: OutputFormat,
}

/// The zips of a build.
#[derive(Debug, Serialize)]
pub struct BuildOutput {
    /// One zip for each function.
    pub artifacts: Vec<Artifact>,
}

/// The zip of one function.
#[derive(Debug, Clone, Serialize)]
pub struct Artifact {
    #[serde(serialize_with = "function_name")]
    pub function: Function,
    /// The path of the zip.
    pub path: PathBuf,
    /// The SHA-256 of the zip in hexadecimal digits.
    #[serde(serialize_with = "digest_text")]
    pub sha256: Sha256Digest,
    pub bytes: u64,
    /// `x86_64` or `arm64`.
    pub architecture: Architecture,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde requires this signature"
)]
fn function_name<S: serde::Serializer>(function: &Function, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(function.name())
}

fn digest_text<S: serde::Serializer>(digest: &Sha256Digest, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(digest)
}

impl BuildArgs {
    pub fn architecture(&self) -> Architecture {
        self.architecture
            .unwrap_or(Environment::Prod.settings().architecture)
    }
}

/// Returns the digests of the zips, which a template contains.
pub fn digests(artifacts: &[Artifact]) -> anyhow::Result<Artifacts> {
    let of = |function: Function| {
        artifacts
            .iter()
            .find(|artifact| artifact.function == function)
            .map(|artifact| artifact.sha256)
            .with_context(|| format!("no zip of the {} function was built", function.name()))
    };
    Ok(Artifacts {
        api: of(Function::Api)?,
        update: of(Function::Update)?,
        verify: of(Function::Verify)?,
    })
}

/// Reads the zips of the last build and returns their digests.
pub fn last_digests() -> anyhow::Result<Artifacts> {
    let zips = read(&folder()?, Environment::Prod.settings().architecture)
        .map_err(|error| Failure::new(format!("{error:#}")).hint("run: cargo xtask build"))?;
    digests(&zips)
}

/// Reads the zips of an earlier build, which must have been for this architecture.
pub fn read(folder: &Path, architecture: Architecture) -> anyhow::Result<Vec<Artifact>> {
    Function::ALL
        .into_iter()
        .map(|function| {
            let path = zip_path(folder, function);
            let zip = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            Ok(Artifact {
                function,
                sha256: Sha256Digest::of(&zip),
                bytes: zip.len() as u64,
                path,
                architecture,
            })
        })
        .collect()
}

/// Returns the folder of the zips.
///
/// # Errors
///
/// If cargo does not report its target directory.
pub fn folder() -> anyhow::Result<PathBuf> {
    Ok(cargo::output_dir()?.join("lambda"))
}

pub fn zip_path(folder: &Path, function: Function) -> PathBuf {
    folder.join(format!("{}.zip", function.name()))
}
