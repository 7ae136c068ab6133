//! Calling cargo from within cargo.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::{fs, io};

use anyhow::Context as _;
use cfn::Sha256Digest;
use cfn::resources::lambda::Architecture;
use serde::Deserialize;

use crate::failure::Failure;
use crate::{child, prebuilt, workspace};

/// A cargo profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Builds quickly.
    Dev,
    /// What Lambda runs; see `[profile.release]`.
    Release,
    /// What measures; see `[profile.bench]`.
    Bench,
}

impl Profile {
    /// The profile that a `--release` flag chooses.
    pub fn from_flag(release: bool) -> Self {
        if release {
            Profile::Release
        } else {
            Profile::Dev
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Profile::Dev => "dev",
            Profile::Release => "release",
            Profile::Bench => "bench",
        }
    }
}

/// A cargo command in the workspace's root, without credentials.
///
/// The variables that an outer `cargo run` or `cargo test` has set for its own process are
/// removed: build scripts (ring's, for one) watch some of them and would run again each
/// time.
pub fn command() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = child::command(cargo);
    command.current_dir(workspace::root());
    for (name, _) in std::env::vars_os() {
        let Some(text) = name.to_str() else { continue };
        let set_by_cargo = text.starts_with("CARGO_PKG_")
            || text.starts_with("CARGO_MANIFEST_")
            || text.starts_with("CARGO_BIN_")
            || text == "CARGO_CRATE_NAME"
            || text == "CARGO_PRIMARY_PACKAGE"
            || text == "CARGO";
        if set_by_cargo {
            command.env_remove(&name);
        }
    }
    prebuilt::forget(&mut command);
    // Only the pipeline, which calls cargo itself, compiles the name of a commit in.
    command.env_remove("XTASK_COMMIT");
    command
}

/// Whether a subcommand that does not come with cargo is installed.
pub fn has(subcommand: &str) -> bool {
    command()
        .args([subcommand, "--version"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs a cargo command and fails with `hint` when it does.
pub fn run(command: &mut Command, doing: &str, hint: &str) -> anyhow::Result<()> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("starting cargo to {doing}"))?;
    if status.success() {
        return Ok(());
    }
    Err(
        Failure::new(format!("could not {doing}: cargo ended with {status}"))
            .hint(hint)
            .into(),
    )
}

/// Returns cargo's target directory, however it was configured.
///
/// # Errors
///
/// If cargo cannot be asked.
pub fn target_dir() -> anyhow::Result<&'static Path> {
    static TARGET: OnceLock<PathBuf> = OnceLock::new();
    if let Some(path) = TARGET.get() {
        return Ok(path);
    }
    let path = ask_target_dir()?;
    Ok(TARGET.get_or_init(|| path))
}

fn ask_target_dir() -> anyhow::Result<PathBuf> {
    #[derive(Deserialize)]
    struct Metadata {
        target_directory: PathBuf,
    }

    let output = command()
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("starting cargo to find its target directory")?;
    if !output.status.success() {
        return Err(Failure::new("could not find cargo's target directory")
            .hint("see cargo's message above")
            .into());
    }
    let metadata: Metadata =
        serde_json::from_slice(&output.stdout).context("reading cargo's metadata")?;
    Ok(metadata.target_directory)
}

/// Returns the folder of the zips and templates of this checkout: cargo's target directory,
/// or a folder in it where the target directory is outside the checkout and other checkouts
/// may use it too.
///
/// # Errors
///
/// As [`target_dir`].
pub fn output_dir() -> anyhow::Result<PathBuf> {
    Ok(output_dir_in(target_dir()?, workspace::root()))
}

fn output_dir_in(target: &Path, root: &Path) -> PathBuf {
    if target.starts_with(root) {
        return target.to_owned();
    }
    let name = root.file_name().unwrap_or_default().to_string_lossy();
    let digest = Sha256Digest::of(root.as_os_str().as_encoded_bytes()).to_string();
    let digest = digest.get(..8).unwrap_or_default();
    target.join(format!("{name}-{digest}"))
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    executable: Option<PathBuf>,
    target: Option<MessageTarget>,
}

#[derive(Deserialize)]
struct MessageTarget {
    name: String,
}

/// Builds the binaries of `packages` together and returns where they are, in
/// the order of `packages`. Cargo's own progress goes to stderr.
pub fn build_binaries(packages: &[&str], profile: Profile) -> anyhow::Result<Vec<PathBuf>> {
    if profile == Profile::Dev
        && let Some(binaries) = prebuilt::find(prebuilt::DEV, packages)
    {
        return Ok(binaries);
    }
    let mut command = command();
    if profile == Profile::Release {
        without_paths(&mut command);
    }
    build(command, packages, profile)
}

/// Builds binaries for Lambda: optimised, for `architecture`, and without the
/// paths of this machine in them, so that every machine builds the same bytes.
pub fn build_for_lambda(
    packages: &[&str],
    architecture: Architecture,
) -> anyhow::Result<Vec<PathBuf>> {
    if let Some(binaries) = prebuilt::find(prebuilt::for_lambda(architecture), packages) {
        return Ok(binaries);
    }
    let mut command = command();
    without_paths(&mut command);
    let (arch, target) = match architecture {
        Architecture::Arm64 => ("aarch64", "aarch64-unknown-linux-gnu"),
        Architecture::X86_64 => ("x86_64", "x86_64-unknown-linux-gnu"),
    };
    if std::env::consts::ARCH != arch || std::env::consts::OS != "linux" {
        command.env("CARGO_BUILD_TARGET", target);
    }
    build(command, packages, Profile::Release)
}

/// Has a build keep the paths of this machine out of its binaries. All release builds
/// do: with other flags cargo would compile everything once more.
fn without_paths(command: &mut Command) {
    let home = std::env::home_dir().unwrap_or_default();
    let cargo_home =
        std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    // The separator of CARGO_ENCODED_RUSTFLAGS lets paths have spaces in them.
    let flags = [
        format!(
            "--remap-path-prefix={}=workspace",
            workspace::root().display()
        ),
        format!("--remap-path-prefix={}=cargo", cargo_home.display()),
    ]
    .join("\u{1f}");
    command.env("CARGO_ENCODED_RUSTFLAGS", flags);
}

/// Builds an optimised binary whose package is a workspace of its own.
pub fn build_elsewhere(manifest: &Path, package: &str) -> anyhow::Result<PathBuf> {
    let mut command = command();
    command
        .env("CARGO_TARGET_DIR", output_dir()?.join(package))
        .args(["build", "--release", "--manifest-path"])
        .arg(manifest);
    let built = execute(command, &[package])?;
    built
        .into_iter()
        .next()
        .with_context(|| format!("cargo built no {package}"))
}

fn build(
    mut command: Command,
    packages: &[&str],
    profile: Profile,
) -> anyhow::Result<Vec<PathBuf>> {
    command.args(["build", "--profile", profile.name()]);
    let is_shared = output_dir()? != target_dir()?;
    if profile == Profile::Release {
        // The flags of a release build name the checkout. In a directory of several
        // checkouts each would compile everything again after the other.
        if is_shared {
            command.env("CARGO_TARGET_DIR", output_dir()?);
        }
    } else {
        // Cargo joins the features of what it is asked for. Asked for the whole
        // workspace it joins them as the tests do, so that the AWS SDK, minutes
        // of work, is compiled once for both; only these binaries are built.
        command.arg("--workspace");
    }
    for package in packages {
        if profile == Profile::Release {
            command.args(["--package", package]);
        }
        command.args(["--bin", package]);
    }
    let binaries = execute(command, packages)?;
    if is_shared && profile != Profile::Release {
        let folder = output_dir()?.join(profile.name());
        return keep(&binaries, &folder)
            .with_context(|| format!("linking the binaries into the folder {}", folder.display()));
    }
    Ok(binaries)
}

/// Links binaries into a folder of this checkout: in cargo's own folder the next build of
/// another checkout replaces them, also while they are in use.
fn keep(binaries: &[PathBuf], folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::create_dir_all(folder)?;
    binaries
        .iter()
        .map(|binary| {
            let kept = folder.join(binary.file_name().unwrap_or_default());
            // Removed, and not written over: a process may still run it.
            match fs::remove_file(&kept) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => fs::hard_link(binary, &kept)?,
            }
            Ok(kept)
        })
        .collect()
}

/// Runs a `cargo build` and returns where the binaries of `packages` are.
fn execute(mut command: Command, packages: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
    let names = packages.join(" and ");
    let output = command
        .args(["--locked", "--message-format", "json-render-diagnostics"])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("starting cargo to build {names}"))?;
    if !output.status.success() {
        return Err(Failure::new(format!("could not build {names}"))
            .hint("see cargo's message above; the first build needs the network for crates")
            .into());
    }
    let built: Vec<(String, PathBuf)> = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Message>(line).ok())
        .filter(|message| message.reason == "compiler-artifact")
        .filter_map(|message| Some((message.target?.name, message.executable?)))
        .collect();
    packages
        .iter()
        .map(|package| {
            built
                .iter()
                .find(|(name, _)| name == package)
                .map(|(_, path)| path.clone())
                .with_context(|| format!("cargo did not say where it put {package}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkouts_that_share_a_target_directory_share_no_output() {
        let inside = output_dir_in(Path::new("/a/one/target"), Path::new("/a/one"));
        assert_eq!(inside, Path::new("/a/one/target"));
        let shared = |root: &str| output_dir_in(Path::new("/a/one/target"), Path::new(root));
        // A worktree inside the first checkout, and one of the same name elsewhere.
        let [nested, elsewhere] = ["/a/one/trees/two", "/b/two"].map(shared);
        assert!(nested.starts_with("/a/one/target"), "{nested:?}");
        assert_ne!(nested, inside);
        assert_ne!(nested, elsewhere);
    }

    #[test]
    fn a_binary_that_is_kept_survives_the_next_build() {
        let place = tempfile::tempdir().expect("a folder");
        let built = place.path().join("api");
        let folder = place.path().join("kept");
        for bytes in ["first", "second"] {
            fs::write(&built, bytes).expect("a binary");
            let kept = keep(std::slice::from_ref(&built), &folder).expect("a link");
            fs::remove_file(&built).expect("cargo removes before it writes");
            let read = kept
                .iter()
                .map(fs::read_to_string)
                .collect::<Result<Vec<_>, _>>();
            assert_eq!(read.expect("a file"), [bytes]);
        }
    }
}
