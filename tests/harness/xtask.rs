//! Commands of `cargo xtask`, run as processes.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use xtask::cargo::{self, Profile};
use xtask::{child, workspace};

use crate::http;

/// The time in which a text must appear at a terminal. Cargo may have to wait for another cargo.
const SHOW_LIMIT: Duration = Duration::from_mins(5);

/// A command that has ended.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// Returns the lines of stdout as JSON.
    ///
    /// # Panics
    ///
    /// If a line is not JSON.
    pub fn json_lines(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| {
                serde_json::from_str(line)
                    .unwrap_or_else(|error| panic!("{error} in {line:?}; {}", self.stderr))
            })
            .collect()
    }

    /// Returns the last line of stdout as JSON.
    ///
    /// # Panics
    ///
    /// If there is no line, or the line is not JSON.
    pub fn last_json_line(&self) -> Value {
        let last = self.json_lines().pop();
        last.unwrap_or_else(|| panic!("no output; {}", self.stderr))
    }
}

/// Runs `xtask-cloud`, the program of the commands that call AWS, with additional environment
/// variables. The command has no terminal, and ignores the AWS configuration of this machine.
///
/// # Panics
///
/// If the command cannot be started, or a signal ends it.
pub async fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Run {
    finish(command(arguments, environment)).await
}

/// Runs a command as [`run`] does, but with the program `xtask`, which starts `xtask-cloud` or
/// `xtask-local` for the commands of these programs.
///
/// # Panics
///
/// As [`run`].
pub async fn run_xtask(arguments: &[&str], environment: &[(&str, &str)]) -> Run {
    finish(binary("xtask", arguments, environment)).await
}

/// Runs a command as [`run`] does, but with `cargo xtask`.
///
/// # Panics
///
/// As [`run`].
pub async fn run_with_cargo(arguments: &[&str], environment: &[(&str, &str)]) -> Run {
    finish(cargo_xtask(arguments, environment)).await
}

/// Runs a command as [`run_xtask`] does, with a terminal as its stdout, and returns the text at the
/// terminal.
///
/// # Panics
///
/// If there is no terminal, or the command fails.
pub async fn stdout_at_terminal(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let terminal = openpty(None, None).expect("a terminal");
    let mut screen = File::from(terminal.master);
    let mut child = binary("xtask", arguments, environment)
        .stdin(Stdio::null())
        .stdout(Stdio::from(terminal.slave))
        .spawn()
        .expect("the command can be started");
    let shown = tokio::task::spawn_blocking(move || {
        let mut shown = Vec::new();
        // Reading fails after all processes have closed the terminal.
        let _ = screen.read_to_end(&mut shown);
        String::from_utf8_lossy(&shown).into_owned()
    });
    let status = child.wait().await.expect("waiting for the command");
    assert!(status.success());
    shown.await.expect("reading does not panic")
}

async fn finish(mut command: Command) -> Run {
    let output = command
        .stdin(Stdio::null())
        .output()
        .await
        .expect("the command can be started");
    Run {
        code: output.status.code().expect("no signal ended it"),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs a command at a terminal and enters `typed`. [`Run::stderr`] is the text at the terminal:
/// the command's stderr and the echo of `typed`. stdout is a pipe.
///
/// # Panics
///
/// As [`Terminal::start`] and [`Terminal::end`].
pub async fn run_at_terminal(arguments: &[&str], typed: &str) -> Run {
    let terminal = Terminal::start(arguments);
    terminal.enter(typed);
    terminal.end().await
}

/// A running command at a terminal.
pub struct Terminal {
    child: Child,
    keyboard: File,
    shown: Arc<Mutex<Vec<u8>>>,
    screen: JoinHandle<()>,
}

impl Terminal {
    /// Starts a command at a new terminal.
    ///
    /// # Panics
    ///
    /// If there is no terminal.
    pub fn start(arguments: &[&str]) -> Self {
        let terminal = openpty(None, None).expect("a terminal");
        let (keyboard, slave) = (File::from(terminal.master), terminal.slave);
        let stdin = slave.try_clone().expect("another handle");
        let mut screen = keyboard.try_clone().expect("another handle");
        let child = command(arguments, &[])
            .stdin(Stdio::from(stdin))
            .stdout(Stdio::piped())
            .stderr(Stdio::from(slave))
            .spawn()
            .expect("the command can be started");
        let shown = Arc::new(Mutex::new(Vec::new()));
        let collected = Arc::clone(&shown);
        let screen = tokio::task::spawn_blocking(move || {
            let mut part = [0; 4096];
            // Reading fails after all processes have closed the terminal.
            while let Ok(length @ 1..) = screen.read(&mut part) {
                let part = part.get(..length).unwrap_or_default();
                collected.lock().expect("no reader panics").extend(part);
            }
        });
        Terminal {
            child,
            keyboard,
            shown,
            screen,
        }
    }

    /// Enters a text at the terminal.
    ///
    /// # Panics
    ///
    /// If the terminal is closed.
    pub fn enter(&self, typed: &str) {
        (&self.keyboard)
            .write_all(typed.as_bytes())
            .expect("typing");
    }

    /// Waits until the terminal shows a text.
    ///
    /// # Panics
    ///
    /// If the text does not appear in time.
    pub async fn wait_for(&self, text: &str) {
        let is_shown = async || self.shown().contains(text).then_some(());
        http::eventually(text, SHOW_LIMIT, is_shown).await;
    }

    /// Sends a signal to the command, such as `SIGINT` for Ctrl-C.
    ///
    /// # Panics
    ///
    /// If the command has ended.
    pub fn signal(&self, signal: Signal) {
        let pid = self.child.id().expect("the command has not ended");
        let pid = i32::try_from(pid).expect("process ids are positive");
        kill(Pid::from_raw(pid), signal).expect("sending a signal");
    }

    /// Kills the command by `SIGKILL`.
    ///
    /// # Panics
    ///
    /// If the command has ended.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("the command has not ended");
    }

    /// Waits until the command ends.
    ///
    /// # Panics
    ///
    /// If a signal ends the command.
    pub async fn end(self) -> Run {
        let output = self.child.wait_with_output().await;
        let output = output.expect("waiting for the command");
        self.screen.await.expect("reading does not panic");
        let shown = self.shown.lock().expect("no reader panics").clone();
        Run {
            code: output.status.code().expect("no signal ended it"),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&shown).into_owned(),
        }
    }

    fn shown(&self) -> String {
        let shown = self.shown.lock().expect("no reader panics");
        String::from_utf8_lossy(&shown).into_owned()
    }
}

/// Returns a command of `xtask-cloud` with additional environment variables, without the AWS
/// configuration of this machine. `cargo xtask` would call cargo first, which takes longer than most
/// commands.
///
/// # Panics
///
/// If `xtask-cloud` cannot be built.
pub fn command(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    binary("xtask-cloud", arguments, environment)
}

fn binary(package: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    static BINARIES: OnceLock<Vec<PathBuf>> = OnceLock::new();
    let mut binaries = BINARIES
        .get_or_init(|| {
            cargo::build_binaries(&["xtask", "xtask-cloud"], Profile::Dev)
                .expect("building the commands")
        })
        .iter();
    let binary = binaries
        .find(|path| path.ends_with(package))
        .expect("the command was built");
    let mut command = child::command(binary);
    command.current_dir(workspace::root()).args(arguments);
    without_aws_configuration(command, environment)
}

/// Returns a `cargo xtask` command. Each program of the command replaces itself with the next program
/// (`exec`), so a signal reaches the last program.
pub fn cargo_xtask(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = cargo::command();
    command.arg("xtask").args(arguments);
    without_aws_configuration(command, environment)
}

/// Removes the AWS configuration of this machine from a command. `child::command` has already
/// removed the credentials.
fn without_aws_configuration(
    mut command: std::process::Command,
    environment: &[(&str, &str)],
) -> Command {
    command
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(environment.iter().copied());
    let mut command = Command::from(command);
    command.kill_on_drop(true);
    command
}
