//! `cargo xtask` as people type it, run to its end.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::Stdio;

use nix::pty::openpty;
use serde_json::Value;
use tokio::process::Command;
use xtask::cargo;

/// A command that has ended.
#[derive(Debug)]
pub struct Run {
    /// The exit code.
    pub code: i32,
    /// All of stdout.
    pub stdout: String,
    /// All of stderr.
    pub stderr: String,
}

impl Run {
    /// The lines of stdout, each of which has to be JSON.
    ///
    /// # Panics
    ///
    /// When one is not.
    pub fn json_lines(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| {
                serde_json::from_str(line)
                    .unwrap_or_else(|error| panic!("{error} in {line:?}; {}", self.stderr))
            })
            .collect()
    }

    /// The last line of stdout.
    ///
    /// # Panics
    ///
    /// When there is none, or it is no JSON.
    pub fn last_json_line(&self) -> Value {
        let last = self.json_lines().pop();
        last.unwrap_or_else(|| panic!("no output; {}", self.stderr))
    }
}

/// Runs `cargo xtask` with arguments and further environment variables, with
/// nobody at a terminal and with no AWS configuration of this machine.
///
/// # Panics
///
/// When cargo cannot be started, or a signal ends it.
pub async fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Run {
    let output = command(arguments, environment)
        .stdin(Stdio::null())
        .output()
        .await
        .expect("cargo can be started");
    Run {
        code: output.status.code().expect("no signal ended it"),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The same with somebody at a terminal, who types `typed`. What the terminal
/// then shows is stderr and what was typed; stdout goes into a pipe.
///
/// # Panics
///
/// When cargo or a terminal cannot be had, or a signal ends it.
pub async fn run_at_terminal(arguments: &[&str], typed: &str) -> Run {
    let terminal = openpty(None, None).expect("a terminal");
    let (master, slave) = (File::from(terminal.master), terminal.slave);
    let stdin = slave.try_clone().expect("another handle");
    let child = command(arguments, &[])
        .stdin(Stdio::from(stdin))
        .stdout(Stdio::piped())
        .stderr(Stdio::from(slave))
        .spawn()
        .expect("cargo can be started");
    (&master).write_all(typed.as_bytes()).expect("typing");
    let shown = tokio::task::spawn_blocking(move || {
        let mut shown = Vec::new();
        // A terminal that everybody has left ends with an error.
        let _ = (&master).read_to_end(&mut shown);
        shown
    });
    let output = child.wait_with_output().await.expect("waiting for cargo");
    let shown = shown.await.expect("reading does not panic");
    Run {
        code: output.status.code().expect("no signal ended it"),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&shown).into_owned(),
    }
}

/// `cargo xtask` with arguments and further environment variables, with no AWS
/// configuration of this machine. The process that it starts becomes each
/// program that it needs, so that a signal reaches the last of them.
pub fn command(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = cargo::command();
    command.arg("xtask").args(arguments);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(environment.iter().copied());
    let mut command = Command::from(command);
    command.kill_on_drop(true);
    command
}
