//! Tools from `PyPI`, pinned in `tests/requirements`. Each tool has its own virtual environment in
//! the target directory.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Output};

use anyhow::Context as _;
use infra::Sha256Digest;

use crate::failure::Failure;
use crate::{cargo, child, workspace};

/// The file that marks a virtual environment as complete.
const COMPLETE: &str = "complete";

/// Returns true if a tool is installed. This is faster than a check for Python, which starts Python.
///
/// # Errors
///
/// If the tool's requirements cannot be read.
pub fn is_installed(name: &str) -> anyhow::Result<bool> {
    Ok(VirtualEnvironment::of(name)?.is_complete())
}

/// Returns the interpreter of a tool's virtual environment, and first installs the tool from
/// `tests/requirements/{name}.txt` if necessary.
///
/// # Errors
///
/// If the tool cannot be installed, such as without a network.
pub fn interpreter(name: &str) -> anyhow::Result<PathBuf> {
    Ok(environment(name)?.interpreter())
}

/// Returns the executable of a tool, and first installs the tool as [`interpreter`] does.
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
    // The lock is held until the function returns. The tests run in several processes, and the
    // first process installs the tool for all.
    let lock = environment.folder.with_extension("lock");
    let lock = File::create(&lock).with_context(|| format!("creating {}", lock.display()))?;
    lock.lock().context("locking the tools' folder")?;
    if !environment.is_complete() {
        install(&environment).with_context(|| format!("installing {name} from PyPI"))?;
    }
    Ok(environment)
}

/// A tool's virtual environment, which may not exist yet. Changed requirements get another folder.
struct VirtualEnvironment {
    requirements: PathBuf,
    folder: PathBuf,
}

impl VirtualEnvironment {
    fn of(name: &str) -> anyhow::Result<Self> {
        let requirements = format!("tests/requirements/{name}.txt");
        let requirements = workspace::root().join(requirements);
        let pinned = fs::read(&requirements)
            .with_context(|| format!("reading {}", requirements.display()))?;
        let digest = Sha256Digest::of(&pinned).to_string();
        let digest = digest.get(..12).unwrap_or_default();
        let folder = cargo::target_dir()?.join(format!("python/{name}-{digest}"));
        Ok(VirtualEnvironment {
            requirements,
            folder,
        })
    }

    /// Returns true if the installation was completed and the interpreter exists. The interpreter is a
    /// link, whose target an upgrade of Python may have removed.
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
    File::create(environment.folder.join(COMPLETE))
        .context("marking the virtual environment as complete")?;
    Ok(())
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().context("starting python")?;
    if output.status.success() {
        return Ok(());
    }
    let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    let program = command.get_program().to_string_lossy();
    Err(failed(&format!("{program} {}", arguments.join(" ")), &output).into())
}

/// Returns the failure of a program, with its stderr.
pub(crate) fn failed(program: &str, output: &Output) -> Failure {
    let stderr = String::from_utf8_lossy(&output.stderr);
    Failure::new(format!(
        "{program} ended with {}: {}",
        output.status,
        stderr.trim()
    ))
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
