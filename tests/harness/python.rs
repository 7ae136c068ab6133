//! Tools from `PyPI`, pinned by `tests/requirements`, each in a virtual
//! environment of its own under the target folder.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use infra::Sha256Digest;
use sha2::{Digest as _, Sha256};
use xtask::{python, workspace};

/// A virtual environment without this file in it is half-made.
const COMPLETE: &str = "complete";

/// The executable of a tool, installed from `tests/requirements/{name}.txt`
/// where it is not yet.
///
/// `None` on a machine without Python, after one line that says so: the test
/// is then to be skipped.
///
/// # Panics
///
/// Without Python where `CI` is set, because a pipeline must not pass by
/// skipping; and when the installation fails.
pub fn tool(name: &str) -> Option<PathBuf> {
    Some(environment(name)?.join("bin").join(name))
}

/// The interpreter of a tool's virtual environment; otherwise as [`tool`].
pub fn interpreter(name: &str) -> Option<PathBuf> {
    Some(environment(name)?.join("bin").join("python"))
}

fn environment(name: &str) -> Option<PathBuf> {
    if !python::is_there() {
        let needs = format!("{name} needs {}", python::NEEDED);
        assert!(std::env::var_os("CI").is_none(), "{needs}");
        // Past the test runner's capture, which would hide it from a run that passes.
        let _ = writeln!(std::io::stderr(), "skipped: {needs}");
        return None;
    }
    let requirements = workspace::root()
        .join("tests/requirements")
        .join(name)
        .with_extension("txt");
    let pinned = fs::read(&requirements)
        .unwrap_or_else(|error| panic!("reading {}: {error}", requirements.display()));
    let digest = Sha256Digest::from(<[u8; 32]>::from(Sha256::digest(&pinned))).to_string();
    let digest = digest.get(..12).unwrap_or_default();
    let folder = workspace::target_dir().join("python");
    let environment = folder.join(format!("{name}-{digest}"));
    fs::create_dir_all(&folder).expect("the target folder can be written");

    // Held until the function returns: tests run in processes of their own, and
    // the first one installs for all.
    let lock = File::create(environment.with_extension("lock")).expect("a lock file");
    lock.lock().expect("the file system has locks");
    if !environment.join(COMPLETE).exists() {
        install(&environment, &requirements);
    }
    Some(environment)
}

fn install(environment: &Path, requirements: &Path) {
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(environment));
    run(Command::new(environment.join("bin/python"))
        .args(["-m", "pip", "install", "--require-hashes", "--quiet"])
        .args(["--disable-pip-version-check", "--requirement"])
        .arg(requirements));
    File::create(environment.join(COMPLETE)).expect("the target folder can be written");
}

fn run(command: &mut Command) {
    let output = command.output().expect("python can be started");
    assert!(
        output.status.success(),
        "{command:?} ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}
