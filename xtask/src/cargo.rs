//! Calls cargo: builds binaries, and finds the folders of their output.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::{env, fs, io};

use anyhow::Context as _;
use cfn::Sha256Digest;
use cfn::resources::lambda::Architecture;
use serde_json::Value;

use crate::failure::Failure;
use crate::{child, prebuilt, workspace};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    Dev,
    /// The profile of the binaries that Lambda runs: see `[profile.release]`.
    Release,
    /// The profile of benchmarks: see `[profile.bench]`.
    Bench,
}

impl Profile {
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

/// The options of every build: the paths of the binaries are on stdout as JSON.
const BUILD_OPTIONS: [&str; 2] = ["--locked", "--message-format=json-render-diagnostics"];

/// The arguments that select every package that builds on this system. The benchmarks read `/proc`.
pub(crate) const WORKSPACE: &[&str] = if cfg!(target_os = "linux") {
    &["--workspace"]
} else {
    &["--workspace", "--exclude", "xtask-bench"]
};

/// Returns a cargo command in the workspace's root, without credentials.
///
/// The variables that an outer `cargo run` or `cargo test` sets for its own process are
/// removed: some build scripts, such as ring's, watch them and would run again each time.
pub fn command() -> Command {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = child::command(cargo);
    command.current_dir(workspace::root());
    let prefixes = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"];
    for (name, _) in env::vars_os() {
        let Some(text) = name.to_str() else { continue };
        if prefixes.iter().any(|prefix| text.starts_with(prefix))
            || ["CARGO", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE"].contains(&text)
        {
            command.env_remove(&name);
        }
    }
    // The started process must not use the binaries of an outer test run, which may be old.
    command.env_remove(prebuilt::RUN);
    // Only the pipeline compiles a commit into the binaries. It calls cargo without this function.
    command.env_remove("XTASK_COMMIT");
    command.env_remove("XTASK_SUBJECT");
    command
}

/// Runs a cargo command. If it fails, the error is `could not {doing}` with this hint.
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

/// Runs a cargo command and returns its stdout; cargo's progress goes to stderr.
fn output(command: &mut Command, doing: &str, hint: &str) -> anyhow::Result<Vec<u8>> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("starting cargo to {doing}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(Failure::new(format!("could not {doing}")).hint(hint).into())
}

/// Returns cargo's target directory, as cargo itself reports it.
///
/// # Errors
///
/// If `cargo metadata` fails.
pub fn target_dir() -> anyhow::Result<&'static Path> {
    static TARGET: OnceLock<PathBuf> = OnceLock::new();
    if let Some(path) = TARGET.get() {
        return Ok(path);
    }
    let metadata = ["metadata", "--no-deps", "--offline", "--format-version=1"];
    let metadata = output(
        command().args(metadata),
        "find cargo's target directory",
        "see cargo's message above",
    )?;
    let metadata: Value = serde_json::from_slice(&metadata).context("reading cargo's metadata")?;
    let path = metadata["target_directory"].as_str();
    let path = path.context("cargo's metadata has no target directory")?;
    Ok(TARGET.get_or_init(|| PathBuf::from(path)))
}

/// Returns the folder of this checkout's zips and templates: cargo's target directory if it is in the
/// checkout. Checkouts may share a target directory outside, so each one has its own folder there.
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

/// Builds the binaries of `packages` together and returns their paths, in the order of
/// `packages`.
pub fn build_binaries(packages: &[&str], profile: Profile) -> anyhow::Result<Vec<PathBuf>> {
    if profile == Profile::Dev
        && let Some(binaries) = prebuilt::find(prebuilt::DEV, packages)
    {
        return Ok(binaries);
    }
    let mut command = command();
    command.arg("build");
    if profile == Profile::Release {
        return build_optimised(command, packages);
    }
    build(command, packages, profile)
}

/// Builds optimised binaries. `command` has cargo's subcommand already. The binaries contain no path
/// of this machine.
pub(crate) fn build_optimised(
    mut command: Command,
    packages: &[&str],
) -> anyhow::Result<Vec<PathBuf>> {
    remap_paths(&mut command);
    build(command, packages, Profile::Release)
}

pub const fn target(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Arm64 => "aarch64-unknown-linux-gnu",
        Architecture::X86_64 => "x86_64-unknown-linux-gnu",
    }
}

/// Keeps the paths of this machine out of the binaries of a build. All release builds have these flags,
/// because cargo compiles everything again when the flags change.
fn remap_paths(command: &mut Command) {
    let home = env::home_dir().unwrap_or_default();
    let cargo_home = env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    let root = workspace::root().display();
    let flags = format!(
        "--remap-path-prefix={root}=workspace\u{1f}--remap-path-prefix={}=cargo",
        cargo_home.display()
    );
    // The separator of the encoded flags is \u{1f}, so that a path may have spaces.
    command.env("CARGO_ENCODED_RUSTFLAGS", flags);
}

/// Builds the optimised binary of a package that is not in this workspace.
pub fn build_standalone(manifest: &Path, package: &str) -> anyhow::Result<PathBuf> {
    let mut command = command();
    command
        .env("CARGO_TARGET_DIR", output_dir()?.join(package))
        .args(["build", "--release", "--manifest-path"])
        .arg(manifest)
        .args(BUILD_OPTIONS);
    let built = execute(command, &[package])?;
    let binary = built.into_iter().next();
    binary.with_context(|| format!("cargo built no {package}"))
}

fn build(
    mut command: Command,
    packages: &[&str],
    profile: Profile,
) -> anyhow::Result<Vec<PathBuf>> {
    let is_shared = select(&mut command, packages, profile)?;
    let binaries = execute(command, packages)?;
    if is_shared && profile != Profile::Release {
        let folder = output_dir()?.join(profile.name());
        return link_binaries(&binaries, &folder)
            .with_context(|| format!("linking the binaries into the folder {}", folder.display()));
    }
    Ok(binaries)
}

/// Adds the arguments of a build of `packages`. Returns true if other checkouts may use the same
/// target directory.
fn select(command: &mut Command, packages: &[&str], profile: Profile) -> anyhow::Result<bool> {
    command.args(["--profile", profile.name()]);
    let is_shared = output_dir()? != target_dir()?;
    if profile == Profile::Release {
        // The flags of a release build contain the path of the checkout. If checkouts shared a
        // target directory, each build would compile everything again.
        if is_shared {
            command.env("CARGO_TARGET_DIR", output_dir()?);
        }
    } else {
        // Cargo unifies the features of all selected packages. This selects the same packages as
        // the tests do, so that the AWS SDK, which takes minutes, is compiled once for both.
        // `--bin` limits the build to these binaries.
        command.args(WORKSPACE);
    }
    for package in packages {
        if profile == Profile::Release {
            command.args(["--package", package]);
        }
        command.args(["--bin", package]);
    }
    command.args(BUILD_OPTIONS);
    Ok(is_shared)
}

/// Returns the command that builds binaries of the dev profile. [`binaries_of`] parses its stdout.
pub fn dev_build(packages: &[&str]) -> anyhow::Result<Command> {
    let mut command = command();
    command.arg("build");
    select(&mut command, packages, Profile::Dev)?;
    Ok(command)
}

/// Refuses an option that needs to build `packages`, if a test run has built them.
pub fn refuse_prebuilt(packages: &[&str], option: &str) -> Result<(), Failure> {
    if prebuilt::find(prebuilt::DEV, packages).is_none() {
        return Ok(());
    }
    let run = prebuilt::RUN;
    let message =
        format!("{option} cannot build: {run} names the binaries of a running `cargo xtask test`");
    Err(Failure::usage(message).hint(format!("unset {run}")))
}

/// Links binaries into a folder of this checkout. In cargo's own folder, the next build of another
/// checkout would replace them, even while they run.
fn link_binaries(binaries: &[PathBuf], folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::create_dir_all(folder)?;
    let link = |binary: &PathBuf| {
        let kept = folder.join(binary.file_name().unwrap_or_default());
        // The old file is removed and not overwritten, because a process may still run it.
        match fs::remove_file(&kept) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::hard_link(binary, &kept)?,
        }
        Ok(kept)
    };
    binaries.iter().map(link).collect()
}

/// Runs a `cargo build` and returns the paths of the binaries of `packages`.
fn execute(mut command: Command, packages: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
    let output = output(
        &mut command,
        &format!("build {}", packages.join(" and ")),
        "see cargo's message above; the first build downloads crates and needs the network",
    )?;
    binaries_of(packages, &output)
}

/// Finds the paths of the binaries of `packages` in the stdout of a build.
pub fn binaries_of(packages: &[&str], stdout: &[u8]) -> anyhow::Result<Vec<PathBuf>> {
    let built: Vec<Value> = stdout
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .filter(|message: &Value| message["reason"] == "compiler-artifact")
        .collect();
    let path = |package: &&str| {
        let mut paths = built
            .iter()
            .filter(|message| message["target"]["name"] == **package)
            .filter_map(|message| message["executable"].as_str());
        paths
            .next()
            .map(PathBuf::from)
            .with_context(|| format!("cargo did not report the path of {package}"))
    };
    packages.iter().map(path).collect()
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
    fn a_linked_binary_survives_the_next_build() {
        let place = tempfile::tempdir().expect("a folder");
        let built = place.path().join("api");
        let folder = place.path().join("linked");
        for bytes in ["first", "second"] {
            fs::write(&built, bytes).expect("a binary");
            let linked = link_binaries(std::slice::from_ref(&built), &folder).expect("a link");
            fs::remove_file(&built).expect("cargo removes before it writes");
            let read = linked
                .iter()
                .map(fs::read_to_string)
                .collect::<Result<Vec<_>, _>>();
            assert_eq!(read.expect("a file"), [bytes]);
        }
    }
}
