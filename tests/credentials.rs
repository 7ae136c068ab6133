//! Tests that third-party programs do not get the credentials of the command that starts them.

#![cfg(test)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;
use tests::xtask;

/// The value of each variable in [`VARIABLES`].
const SECRET: &str = "only-for-this-command";

/// Variables with credentials in a job of GitHub Actions or in an operator's shell.
const VARIABLES: [&str; 7] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "ACTIONS_RUNTIME_TOKEN",
    "CRYPTO_WATCH_API_KEY",
    "GH_TOKEN",
];

/// A fake program that writes its environment to a file and fails.
struct RecordingProgram {
    folder: TempDir,
    program: &'static str,
}

impl RecordingProgram {
    fn new(program: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(program);
        let record = folder.path().join("environment");
        let script = format!("#!/bin/sh\nenv >> '{}'\nexit 1\n", record.display());
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        RecordingProgram { folder, program }
    }

    fn path(&self) -> String {
        path_text(&self.folder.path().join(self.program))
    }

    /// Runs a command with every credential and `environment`, and asserts that the program was
    /// started without the credentials.
    async fn assert_gets_no_credentials(&self, arguments: &[&str], environment: &[(&str, &str)]) {
        let secrets = VARIABLES.map(|name| (name, SECRET));
        let run = xtask::run_xtask(arguments, &[&secrets[..], environment].concat()).await;
        assert_eq!(run.code, 1, "{}", run.stderr);
        let recorded = fs::read_to_string(self.folder.path().join("environment"))
            .unwrap_or_else(|error| panic!("the program was not started: {error}: {}", run.stderr));
        assert!(recorded.contains("PATH="), "{recorded}");
        let leaked: Vec<&str> = recorded
            .lines()
            .filter(|line| line.contains(SECRET))
            .collect();
        assert_eq!(leaked, Vec::<&str>::new());
    }
}

fn path_text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn cargo_gets_no_credentials() {
    let cargo = RecordingProgram::new("cargo");
    let path = cargo.path();
    cargo
        .assert_gets_no_credentials(&["test", "snapshots"], &[("CARGO", &path)])
        .await;
}

#[tokio::test]
async fn python_gets_no_credentials() {
    let python = RecordingProgram::new("python3");
    let folder = path_text(python.folder.path());
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap());
    python
        .assert_gets_no_credentials(
            &["validate"],
            // The target folder has no tools, so the command starts python3 to install one.
            &[("PATH", &path), ("CARGO_TARGET_DIR", &folder)],
        )
        .await;
}
