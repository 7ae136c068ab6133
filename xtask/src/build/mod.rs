//! `cargo xtask build`: the functions as zips that Lambda runs.

mod elf;
mod package;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ValueEnum;
use contract::Function;
use infra::resources::lambda::Architecture;
use infra::{Artifacts, Environment, Sha256Digest};
use serde::Serialize;

use crate::cargo;
use crate::failure::Failure;
use crate::options::OutputFormat;
use crate::{output, workspace};

/// `cargo xtask build`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The instruction set to build for; what the environments use by default
    #[arg(long, value_enum)]
    architecture: Option<ArchitectureName>,
    /// json: one line `{"artifacts":[..]}`
    #[arg(long, value_enum, default_value_t)]
    output: OutputFormat,
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

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct Built {
        artifacts: Vec<Artifact>,
    }

    let architecture = args.architecture.map_or_else(
        || Environment::Prod.settings().architecture,
        |name| match name {
            ArchitectureName::Arm64 => Architecture::Arm64,
            ArchitectureName::X86_64 => Architecture::X86_64,
        },
    );
    let artifacts = build(architecture)?;
    match args.output {
        OutputFormat::Json => output::json_line(&Built { artifacts }),
        OutputFormat::Text => artifacts.iter().try_for_each(|artifact| {
            output::text(&format!(
                "{}  {} bytes  sha256 {}\n",
                artifact.path.display(),
                artifact.bytes,
                artifact.sha256
            ))
        }),
    }
}

/// Builds every function and packs it, whether or not the environment that it is
/// for has it: every deploy is made of the same zips then. The same sources give the same bytes,
/// in whichever folder they are.
pub fn build(architecture: Architecture) -> anyhow::Result<Vec<Artifact>> {
    let packages = Function::ALL.map(Function::name);
    output::progress(format_args!("building {} for Lambda", packages.join(", ")));
    let binaries = cargo::build_for_lambda(&packages, architecture)?;
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
            let zip = package::zip(&bytes)
                .with_context(|| format!("packing the {} function", function.name()))?;
            let path = zip_path(&folder(), function);
            package::write(&path, &zip)?;
            Ok(Artifact {
                function,
                path,
                sha256: package::sha256(&zip),
                bytes: zip.len() as u64,
                architecture,
            })
        })
        .collect()
}

/// The digest of a zip.
pub fn sha256(zip: &[u8]) -> Sha256Digest {
    package::sha256(zip)
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
    let zips = read(&folder(), Environment::Prod.settings().architecture)
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
                sha256: package::sha256(&zip),
                bytes: zip.len() as u64,
                path,
                architecture,
            })
        })
        .collect()
}

fn folder() -> PathBuf {
    workspace::target_dir().join("lambda")
}

fn zip_path(folder: &Path, function: Function) -> PathBuf {
    folder.join(format!("{}.zip", function.name()))
}
