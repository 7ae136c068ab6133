//! What is typed for `cargo xtask build`, which `xtask/package` runs, and the zips that
//! it has left.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cfn::resources::lambda::Architecture;
use clap::{Subcommand, ValueEnum};
use contract::Function;
use infra::{Artifacts, Environment, Sha256Digest};
use serde::Serialize;

use crate::cargo;
use crate::failure::Failure;
use crate::options::OutputFormat;

/// The command that `xtask/package` runs.
#[derive(Debug, Subcommand)]
pub enum PackageCommand {
    /// Build the functions as zips for Lambda
    Build(Args),
}

/// `cargo xtask build`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The instruction set to build for; what the environments use by default
    #[arg(long, value_enum)]
    architecture: Option<ArchitectureName>,
    /// json: one line `{"artifacts":[..]}`
    #[arg(long, value_enum, default_value_t)]
    pub output: OutputFormat,
}

/// An instruction set, as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ArchitectureName {
    /// AWS Graviton
    #[value(name = "arm64")]
    Arm64,
    /// Intel and AMD
    #[value(name = "x86_64")]
    X86_64,
}

/// A function's zip.
#[derive(Debug, Clone, Serialize)]
pub struct Artifact {
    /// The function.
    #[serde(serialize_with = "function_name")]
    pub function: Function,
    /// The zip.
    pub path: PathBuf,
    /// The zip's digest.
    #[serde(serialize_with = "digest_text")]
    pub sha256: Sha256Digest,
    /// The zip's size.
    pub bytes: u64,
    /// What it runs on.
    pub architecture: Architecture,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this")]
fn function_name<S: serde::Serializer>(function: &Function, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(function.name())
}

fn digest_text<S: serde::Serializer>(digest: &Sha256Digest, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(digest)
}

impl Args {
    /// What to build for.
    pub fn architecture(&self) -> Architecture {
        self.architecture.map_or_else(
            || Environment::Prod.settings().architecture,
            |name| match name {
                ArchitectureName::Arm64 => Architecture::Arm64,
                ArchitectureName::X86_64 => Architecture::X86_64,
            },
        )
    }
}

/// The digests of zips, for a template.
pub fn digests(artifacts: &[Artifact]) -> anyhow::Result<Artifacts> {
    let of = |function: Function| {
        artifacts
            .iter()
            .find(|artifact| artifact.function == function)
            .map(|artifact| artifact.sha256)
            .with_context(|| format!("there is no zip of the {} function", function.name()))
    };
    Ok(Artifacts {
        api: of(Function::Api)?,
        update: of(Function::Update)?,
        verify: of(Function::Verify)?,
    })
}

/// The digests of the zips that the last build has left.
pub fn built() -> anyhow::Result<Artifacts> {
    let zips = read(&folder()?, Environment::Prod.settings().architecture)
        .map_err(|error| Failure::new(format!("{error:#}")).hint("run: cargo xtask build"))?;
    digests(&zips)
}

/// The zips in a folder, which an earlier build for this architecture has made.
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

/// The folder of the zips of a build.
///
/// # Errors
///
/// If cargo's target directory cannot be found.
pub fn folder() -> anyhow::Result<PathBuf> {
    Ok(cargo::output_dir()?.join("lambda"))
}

/// A function's zip in such a folder.
pub fn zip_path(folder: &Path, function: Function) -> PathBuf {
    folder.join(format!("{}.zip", function.name()))
}
