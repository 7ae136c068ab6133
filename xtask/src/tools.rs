//! The programs that commands call: how to find the version of each, the commands that use it, and the
//! command that installs it.

use std::path::Path;
use std::process::Stdio;

use crate::{cargo, child};

/// A program that this repository does not install.
#[derive(Debug)]
pub struct Tool {
    pub name: &'static str,
    /// The command line that prints the version.
    probe: &'static [&'static str],
    /// The commands that call the program, or the tests that are skipped without it.
    pub used_by: &'static str,
    /// Whether `build`, `test` or `deploy` fails without the program.
    pub is_required: bool,
    on_linux: &'static str,
    on_macos: &'static str,
}

pub const RUSTUP: Tool = Tool {
    name: "rustup",
    probe: &["rustup", "--version"],
    used_by: "the installation of the toolchain and of further targets",
    is_required: false,
    on_linux: "follow https://rustup.rs",
    on_macos: "follow https://rustup.rs",
};

pub const RUSTC: Tool = Tool {
    name: "rustc",
    probe: &["rustc", "--version"],
    used_by: "every command",
    is_required: true,
    on_linux: "rustup toolchain install",
    on_macos: "rustup toolchain install",
};

pub const CARGO: Tool = Tool {
    name: "cargo",
    probe: &["cargo", "--version"],
    ..RUSTC
};

pub const CC: Tool = Tool {
    name: "cc",
    probe: &["cc", "--version"],
    used_by: "every command",
    is_required: true,
    on_linux: "apt-get install gcc libc6-dev",
    on_macos: "xcode-select --install",
};

pub const GIT: Tool = Tool {
    name: "git",
    probe: &["git", "--version"],
    used_by: "diff --against; the commit of deploy and bench; tests",
    is_required: false,
    on_linux: "apt-get install git",
    on_macos: "xcode-select --install",
};

pub const BASH: Tool = Tool {
    name: "bash",
    probe: &["bash", "--version"],
    used_by: "test",
    is_required: true,
    on_linux: "apt-get install bash",
    on_macos: "brew install bash",
};

pub const PS: Tool = Tool {
    name: "ps",
    probe: &["/bin/sh", "-c", "ps -p $$ > /dev/null && echo is installed"],
    used_by: "test",
    is_required: true,
    on_linux: "apt-get install procps",
    on_macos: "reinstall macOS, which has it",
};

pub const CURL: Tool = Tool {
    name: "curl",
    probe: &["curl", "--version"],
    used_by: "test",
    is_required: true,
    on_linux: "apt-get install curl",
    on_macos: "brew install curl",
};

/// Python with the modules for virtual environments, which some distributions package separately. The
/// versions of the Python tools were resolved for Python 3.10.
pub const PYTHON: Tool = Tool {
    name: "python3 (3.10 or newer, with venv)",
    probe: &[
        "python3",
        "-c",
        "import sys, venv, ensurepip; print(sys.version); sys.exit(sys.version_info < (3, 10))",
    ],
    used_by: "zig; validate; tests with cfn-lint, checkov and the AWS emulator",
    is_required: false,
    on_linux: "apt-get install python3 python3-venv",
    on_macos: "brew install python",
};

pub const NODE: Tool = Tool {
    name: "node",
    probe: &["node", "--version"],
    used_by: "tests of the workflows and of docs/api.md",
    is_required: false,
    on_linux: "apt-get install nodejs npm",
    on_macos: "brew install node",
};

pub const NPM: Tool = Tool {
    name: "npm",
    probe: &["npm", "--version"],
    ..NODE
};

pub const AWS_CLI: Tool = Tool {
    name: "aws",
    probe: &["aws", "--version"],
    used_by: "tests of the workflow rollback.yml",
    is_required: false,
    on_linux: "apt-get install awscli",
    on_macos: "brew install awscli",
};

pub const JQ: Tool = Tool {
    name: "jq",
    probe: &["jq", "--version"],
    on_linux: "apt-get install jq",
    on_macos: "brew install jq",
    ..AWS_CLI
};

pub const CHROMIUM: Tool = Tool {
    name: "chromium",
    probe: &["chromium", "--version"],
    used_by: "tests of the local page in a browser",
    is_required: false,
    on_linux: "apt-get install chromium",
    on_macos: "brew install --cask chromium",
};

pub const VALGRIND: Tool = Tool {
    name: "valgrind",
    probe: &["valgrind", "--version"],
    used_by: "bench instructions and its test",
    is_required: false,
    on_linux: "apt-get install valgrind",
    on_macos: "run it on Linux: valgrind does not support current macOS",
};

pub const NEXTEST: Tool = Tool {
    name: "cargo-nextest",
    probe: &["cargo", "nextest", "--version"],
    used_by: "test and deploy, which otherwise run the slower `cargo test`",
    is_required: false,
    on_linux: "cargo install --locked cargo-nextest",
    on_macos: "brew install cargo-nextest",
};

pub const RUSTFMT: Tool = Tool {
    name: "rustfmt",
    probe: &["cargo", "fmt", "--version"],
    used_by: "lint, fmt",
    is_required: false,
    on_linux: "rustup component add rustfmt",
    on_macos: "rustup component add rustfmt",
};

pub const CLIPPY: Tool = Tool {
    name: "clippy",
    probe: &["cargo", "clippy", "--version"],
    used_by: "lint",
    is_required: false,
    on_linux: "rustup component add clippy",
    on_macos: "rustup component add clippy",
};

pub const DENY: Tool = Tool {
    name: "cargo-deny",
    probe: &["cargo", "deny", "--version"],
    used_by: "lint: the bans, licences and sources of the dependencies",
    is_required: false,
    on_linux: "cargo install --locked cargo-deny",
    on_macos: "brew install cargo-deny",
};

pub const LLVM_COV: Tool = Tool {
    name: "cargo-llvm-cov",
    probe: &["cargo", "llvm-cov", "--version"],
    used_by: "test --coverage",
    is_required: false,
    on_linux: "cargo install --locked cargo-llvm-cov && rustup component add llvm-tools",
    on_macos: "cargo install --locked cargo-llvm-cov && rustup component add llvm-tools",
};

impl Tool {
    pub const ALL: [Tool; 20] = [
        RUSTUP, RUSTC, CARGO, CC, BASH, CURL, PS, GIT, PYTHON, NEXTEST, NODE, NPM, AWS_CLI, JQ,
        CHROMIUM, VALGRIND, RUSTFMT, CLIPPY, DENY, LLVM_COV,
    ];

    /// Returns the version, or `None` if the program is missing or fails.
    pub fn version(&self) -> Option<String> {
        let (program, arguments) = self.probe.split_first()?;
        let output = first_line(program, arguments)?;
        let mut words = output.split([' ', '-', '/', '(', 'v']);
        let number = words.find(|word| word.starts_with(|first: char| first.is_ascii_digit()));
        Some(number.unwrap_or(&output).to_owned())
    }

    pub fn is_installed(&self) -> bool {
        self.version().is_some()
    }

    /// Returns a line about the use and the installation of the missing program.
    pub fn missing(&self) -> String {
        let Tool { name, used_by, .. } = self;
        let installation = self.installation();
        format!("missing {name}, for {used_by}; install: {installation}")
    }

    /// Returns the command that installs the program. On every Linux, this is the command of Debian.
    pub const fn installation(&self) -> &'static str {
        if cfg!(target_os = "macos") {
            self.on_macos
        } else {
            self.on_linux
        }
    }
}

/// Returns true if the standard library of a Rust target is installed.
pub fn has_target(target: &str) -> bool {
    let arguments = ["--print", "target-libdir", "--target", target];
    first_line("rustc", &arguments).is_some_and(|folder| Path::new(&folder).exists())
}

/// Returns the command that installs a Rust target.
pub fn target_installation(target: &str) -> String {
    format!("rustup target add {target}")
}

/// Runs a program and returns the first line of its stdout, or `None` if the program fails.
pub(crate) fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = match program {
        "cargo" => cargo::command(),
        program => child::command(program),
    };
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let output = command.output().ok().filter(|run| run.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout);
    Some(text.lines().next().unwrap_or_default().to_owned())
}
