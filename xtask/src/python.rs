//! Tools from `PyPI`, pinned by `tests/requirements`, each in a virtual
//! environment of its own under the target folder.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;
use infra::Sha256Digest;

use crate::failure::Failure;
use crate::{cargo, child, workspace};

/// What is needed, in words; the tools' requirements were resolved for it.
pub const NEEDED: &str = "python3 3.10 or newer, with venv";

/// Ends well where this interpreter can make a virtual environment with pip in
/// it; some distributions package that separately.
const PROBE: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";

/// A virtual environment without this file in it is half-made.
const COMPLETE: &str = "complete";

/// Returns true if Python is installed.
pub fn is_there() -> bool {
    child::command("python3")
        .args(["-c", PROBE])
        .output()
        .is_ok_and(|probe| probe.status.success())
}

/// Whether a tool is installed already. To ask Python whether it is there takes longer
/// than many a test.
///
/// # Errors
///
/// When what is pinned for the tool cannot be read.
pub fn is_installed(name: &str) -> anyhow::Result<bool> {
    Ok(VirtualEnvironment::of(name)?.is_complete())
}

/// The interpreter of a tool's virtual environment, which is made from
/// `tests/requirements/{name}.txt` where it is not there yet.
///
/// # Errors
///
/// When the tool cannot be installed, such as without a network.
pub fn interpreter(name: &str) -> anyhow::Result<PathBuf> {
    Ok(environment(name)?.interpreter())
}

/// The executable of a tool; otherwise as [`interpreter`].
pub fn tool(name: &str) -> anyhow::Result<PathBuf> {
    Ok(environment(name)?.folder.join("bin").join(name))
}

fn environment(name: &str) -> anyhow::Result<VirtualEnvironment> {
    let environment = VirtualEnvironment::of(name)?;
    if environment.is_complete() {
        return Ok(environment);
    }
    if let Some(parent) = environment.folder.parent() {
        fs::create_dir_all(parent)
            .with_context(|| format!("creating the folder {}", parent.display()))?;
    }

    // Held until the function returns: tests run in processes of their own, and
    // the first one installs for all.
    let lock = environment.folder.with_extension("lock");
    let lock = File::create(&lock).with_context(|| format!("creating {}", lock.display()))?;
    lock.lock().context("locking the tools' folder")?;
    if !environment.is_complete() {
        install(&environment).with_context(|| format!("installing {name} from PyPI"))?;
    }
    Ok(environment)
}

/// A tool's virtual environment, there or not: another for any other versions.
struct VirtualEnvironment {
    requirements: PathBuf,
    folder: PathBuf,
}

impl VirtualEnvironment {
    fn of(name: &str) -> anyhow::Result<Self> {
        let requirements = workspace::root()
            .join("tests/requirements")
            .join(name)
            .with_extension("txt");
        let pinned = fs::read(&requirements)
            .with_context(|| format!("reading {}", requirements.display()))?;
        let digest = Sha256Digest::of(&pinned).to_string();
        let digest = digest.get(..12).unwrap_or_default();
        let folder = cargo::target_dir()?
            .join("python")
            .join(format!("{name}-{digest}"));
        Ok(VirtualEnvironment {
            requirements,
            folder,
        })
    }

    /// Whether all of it is there, and the Python that it was made with, to which its
    /// interpreter is a link: an upgrade may have taken that away.
    fn is_complete(&self) -> bool {
        self.folder.join(COMPLETE).exists() && self.interpreter().exists()
    }

    fn interpreter(&self) -> PathBuf {
        self.folder.join("bin/python")
    }
}

fn install(environment: &VirtualEnvironment) -> anyhow::Result<()> {
    run(child::command("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&environment.folder))?;
    run(child::command(environment.interpreter())
        .args(["-m", "pip", "install", "--require-hashes", "--quiet"])
        .args(["--disable-pip-version-check", "--requirement"])
        .arg(&environment.requirements))?;
    File::create(environment.folder.join(COMPLETE)).context("marking it as complete")?;
    Ok(())
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().context("starting python")?;
    if output.status.success() {
        return Ok(());
    }
    let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    Err(Failure::new(format!(
        "{program} {} ended with {}: {}",
        arguments.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    ))
    .into())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn an_environment_whose_python_is_gone_is_not_complete() {
        let place = tempfile::tempdir().expect("a folder");
        let python = place.path().join("python3");
        let environment = VirtualEnvironment {
            requirements: PathBuf::new(),
            folder: place.path().join("tool"),
        };
        fs::create_dir_all(environment.folder.join("bin")).expect("a folder");
        File::create(&python).expect("a file");
        symlink(&python, environment.interpreter()).expect("a link");
        assert!(!environment.is_complete());
        File::create(environment.folder.join(COMPLETE)).expect("a file");
        assert!(environment.is_complete());
        fs::remove_file(&python).expect("the file");
        assert!(!environment.is_complete());
    }
}
