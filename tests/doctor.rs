//! Tests of `cargo xtask doctor` on fake machines, whose programs the tests define.

#![cfg(test)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;
use tests::xtask::{Run, run_xtask};
use xtask::workspace;

/// The programs that `build`, `test` and `deploy` need. The fake cargo prints the same version for
/// `cargo --version` and `cargo nextest --version`.
const REQUIRED: [(&str, &str); 7] = [
    ("cargo", "echo cargo 1.95.0"),
    (
        "rustc",
        r#"case "$2" in target-libdir) echo "$LIBRARIES/$4";; *) echo 'rustc 1.95.0 (59807616e 2026-04-14)';; esac"#,
    ),
    ("cc", "echo 'cc (Debian 12.2.0-14+deb12u1) 12.2.0'"),
    ("bash", "echo 'GNU bash, version 5.2.15(1)-release'"),
    ("curl", "echo curl 8.14.1"),
    ("getconf", "echo glibc 2.36"),
    ("ps", "exit 0"),
];

/// A fake machine: a folder with the programs (the whole `PATH`) and with the libraries of x86-64.
struct Machine(TempDir);

impl Machine {
    fn new(programs: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, script) in programs {
            let path = folder.path().join(name);
            fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::create_dir(folder.path().join("x86_64-unknown-linux-gnu")).unwrap();
        Machine(folder)
    }

    fn without(name: &str) -> Self {
        let mut programs = REQUIRED.to_vec();
        programs.retain(|(program, _)| *program != name);
        Machine::new(&programs)
    }

    async fn doctor(&self, linker: &str) -> Run {
        let folder = self.0.path().to_str().unwrap();
        let environment = [
            ("PATH", folder),
            ("CARGO", "cargo"),
            ("LIBRARIES", folder),
            ("XTASK_LINKER", linker),
        ];
        run_xtask(&["doctor"], &environment).await
    }
}

fn line<'a>(run: &'a Run, name: &str) -> &'a str {
    let mut lines = run.stdout.lines();
    let line = lines.find(|line| {
        line.split_once("  ")
            .unwrap()
            .1
            .trim_start()
            .starts_with(name)
    });
    line.unwrap_or_else(|| panic!("{name}: {}", run.stdout))
}

#[tokio::test]
async fn doctor_reports_a_ready_machine_and_how_to_install_the_optional_programs() {
    let ready = Machine::new(&REQUIRED).doctor("native").await;
    assert_eq!((ready.code, ready.stderr.as_str()), (0, ""));
    for (name, shown) in [
        ("rustc", "found    rustc 1.95.0  "),
        ("cc", "found    cc 12.2.0  "),
        ("bash", "found    bash 5.2.15  "),
        (
            "target x86_64",
            "found    target x86_64-unknown-linux-gnu linked natively, glibc 2.36  ",
        ),
        ("valgrind", "missing  valgrind  "),
        ("python3", "missing  python3 (3.10 or newer, with venv)  "),
    ] {
        assert!(line(&ready, name).starts_with(shown), "{}", ready.stdout);
    }
    let arm64 = line(&ready, "target aarch64");
    let advice = "install: rustup target add aarch64-unknown-linux-gnu";
    assert!(
        arm64.starts_with("missing") && arm64.ends_with(advice),
        "{arm64}"
    );
    assert!(
        line(&ready, "chromium").contains("install: "),
        "{}",
        ready.stdout
    );
}

#[tokio::test]
async fn doctor_fails_without_a_required_program_and_names_the_program() {
    for name in ["cc", "bash", "curl"] {
        let failed = Machine::without(name).doctor("native").await;
        assert_eq!(failed.code, 1, "{name}");
        let error = format!("error: build, test or deploy would fail without {name}\n");
        assert!(failed.stderr.starts_with(&error), "{}", failed.stderr);
        let missing = line(&failed, name);
        assert!(
            missing.starts_with("missing") && missing.contains("install: "),
            "{missing}"
        );
    }
}

#[tokio::test]
async fn a_program_that_fails_is_reported_as_missing() {
    let mut programs = REQUIRED.to_vec();
    programs.push(("python3", "echo 3.9.2; exit 1"));
    programs.push(("valgrind", "echo valgrind-3.19.0"));
    let run = Machine::new(&programs).doctor("native").await;
    assert!(
        line(&run, "python3").starts_with("missing"),
        "{}",
        run.stdout
    );
    assert!(
        line(&run, "valgrind").starts_with("found    valgrind 3.19.0"),
        "{}",
        run.stdout
    );
}

#[tokio::test]
async fn doctor_names_a_compiler_other_than_the_pinned_one() {
    let mut programs = REQUIRED.to_vec();
    programs[1] = (
        "rustc",
        r#"case "$2" in target-libdir) echo "$LIBRARIES/$4";; *) echo rustc 1.96.0;; esac"#,
    );
    let run = Machine::new(&programs).doctor("native").await;
    assert_eq!(run.code, 0, "{}", run.stderr);
    let toolchain = fs::read_to_string(workspace::root().join("rust-toolchain.toml")).unwrap();
    let pinned = toolchain.split('"').nth(1).unwrap();
    let expected = format!("rustc 1.96.0, not {pinned} of rust-toolchain.toml");
    assert!(line(&run, "rustc").contains(&expected), "{}", run.stdout);
}

#[tokio::test]
async fn a_system_without_a_suitable_glibc_needs_python_for_zig() {
    let mut programs = REQUIRED.to_vec();
    let python = ("python3", "echo '3.11.2 (main, Apr 28 2025)'");
    for getconf in ["exit 1", "echo glibc 2.39"] {
        programs[5] = ("getconf", getconf);
        let without = Machine::new(&programs).doctor("auto").await;
        assert_eq!(without.code, 1, "{getconf}: {}", without.stdout);
        assert!(without.stderr.contains("python3"), "{}", without.stderr);
        let with = Machine::new(&[&programs[..], &[python]].concat())
            .doctor("auto")
            .await;
        assert_eq!(with.code, 0, "{getconf}: {}", with.stderr);
        let target = line(&with, "target x86_64");
        assert!(target.contains("linked by zig"), "{target}");
    }
}

#[tokio::test]
async fn the_linker_is_set_by_xtask_linker_and_an_unknown_linker_is_refused() {
    let refused = run_xtask(&["doctor"], &[("XTASK_LINKER", "gold")]).await;
    assert_eq!(refused.code, 2, "{}", refused.stdout);
    let error = "error: XTASK_LINKER must be auto, native or zig\nhint: unset XTASK_LINKER\n";
    assert_eq!(refused.stderr, error);
    let chosen = run_xtask(&["doctor"], &[("XTASK_LINKER", "zig")]).await;
    assert!(
        line(&chosen, "target x86_64").contains("linked by zig"),
        "{}",
        chosen.stdout
    );
}
