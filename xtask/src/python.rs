//! Tools from `PyPI`, pinned by `tests/requirements`, each in a virtual
//! environment of its own under the target folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use infra::Sha256Digest;

use crate::failure::Failure;
use crate::workspace;

/// What is needed, in words; the tools' requirements were resolved for it.
pub const NEEDED: &str = "python3 3.10 or newer, with venv";

/// Ends well where this interpreter can make a virtual environment with pip in
/// it; some distributions package that separately.
const PROBE: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";

/// A virtual environment without this file in it is half-made.
const COMPLETE: &str = "complete";

/// Whether it is there.
pub fn is_there() -> bool {
    Command::new("python3")
        .args(["-c", PROBE])
        .output()
        .is_ok_and(|probe| probe.status.success())
}

/// The interpreter of a tool's virtual environment, which is made from
/// `tests/requirements/{name}.txt` where it is not there yet.
///
/// # Errors
///
/// When the tool cannot be installed, such as without a network.
pub fn interpreter(name: &str) -> anyhow::Result<PathBuf> {
    Ok(environment(name)?.join("bin").join("python"))
}

/// The executable of a tool; otherwise as [`interpreter`].
pub fn tool(name: &str) -> anyhow::Result<PathBuf> {
    Ok(environment(name)?.join("bin").join(name))
}

fn environment(name: &str) -> anyhow::Result<PathBuf> {
    let requirements = workspace::root()
        .join("tests/requirements")
        .join(name)
        .with_extension("txt");
    let pinned =
        fs::read(&requirements).with_context(|| format!("reading {}", requirements.display()))?;
    let digest = Sha256Digest::of(&pinned).to_string();
    let digest = digest.get(..12).unwrap_or_default();
    let folder = workspace::target_dir().join("python");
    let environment = folder.join(format!("{name}-{digest}"));
    fs::create_dir_all(&folder)
        .with_context(|| format!("creating the folder {}", folder.display()))?;

    // Held until the function returns: tests run in processes of their own, and
    // the first one installs for all.
    let lock = environment.with_extension("lock");
    let lock = File::create(&lock).with_context(|| format!("creating {}", lock.display()))?;
    lock.lock().context("locking the tools' folder")?;
    if !environment.join(COMPLETE).exists() {
        install(&environment, &requirements)
            .with_context(|| format!("installing {name} from PyPI"))?;
    }
    Ok(environment)
}

fn install(environment: &Path, requirements: &Path) -> anyhow::Result<()> {
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(environment))?;
    run(Command::new(environment.join("bin/python"))
        .args(["-m", "pip", "install", "--require-hashes", "--quiet"])
        .args(["--disable-pip-version-check", "--requirement"])
        .arg(requirements))?;
    File::create(environment.join(COMPLETE)).context("marking it as complete")?;
    Ok(())
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().context("starting python")?;
    if output.status.success() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{command:?} ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    ))
    .into())
}
