//! Tests of checkouts: line endings, and several checkouts with one target directory.

#![cfg(test)]

use std::fs;
use std::path::Path;

use ::xtask::{child, workspace};
use tests::{git, xtask};

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Writes a workspace with the crate `contract` and a program that prints one of its constants.
fn write_workspace(root: &Path) {
    let committed = |path: &str| fs::read_to_string(workspace::root().join(path)).unwrap();
    let manifest = committed("Cargo.toml");
    let (before, rest) = manifest.split_once("members = [").unwrap();
    let (_, after) = rest.split_once(']').unwrap();
    let members = format!("{before}members = [\"functions/contract\", \"show\"]{after}");
    write(root, "Cargo.toml", &members);
    write(root, ".cargo/config.toml", &committed(".cargo/config.toml"));
    write(
        root,
        "show/Cargo.toml",
        "[package]\nname = \"show\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
         [dependencies]\ncontract.workspace = true\n",
    );
    let program = "fn main() { print!(\"{}\", contract::LIVE_ALIAS) }";
    write(root, "show/src/main.rs", program);
    let contract = workspace::root().join("functions/contract");
    write(
        root,
        "functions/contract/Cargo.toml",
        &committed("functions/contract/Cargo.toml"),
    );
    copy(&contract.join("src"), &root.join("functions/contract/src"));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

#[test]
fn generated_files_have_unix_line_endings_in_a_checkout_with_autocrlf() {
    let Some(git) = git::installed() else { return };
    let folder = tempfile::tempdir().unwrap();
    let committed = folder.path().join("committed");
    for path in [".gitattributes", "tests/snapshots/dev.snap", ".env.example"] {
        let text = fs::read_to_string(workspace::root().join(path)).unwrap();
        write(&committed, path, &text);
    }
    git.commit_all(&committed);
    let autocrlf = [
        "-c",
        "core.autocrlf=true",
        "clone",
        "--quiet",
        "committed",
        "clone",
    ];
    git.run(folder.path(), &autocrlf);
    for path in ["tests/snapshots/dev.snap", ".env.example"] {
        let cloned = fs::read_to_string(folder.path().join("clone").join(path)).unwrap();
        assert!(!cloned.contains('\r'), "{path}");
    }
}

#[test]
fn each_worktree_in_one_target_directory_gets_its_own_build() {
    let Some(git) = git::installed() else { return };
    let folder = tempfile::tempdir().unwrap();
    let [one, two, target] = ["one", "two", "target"].map(|name| folder.path().join(name));
    write_workspace(&one);
    git.commit_all(&one);
    git.run(
        &one,
        &["worktree", "add", "--quiet", "-b", "feature", "../two"],
    );
    let source = "functions/contract/src/lib.rs";
    let text = fs::read_to_string(two.join(source)).unwrap();
    let edited = text.replace(
        "LIVE_ALIAS: &str = \"live\"",
        "LIVE_ALIAS: &str = \"other\"",
    );
    assert_ne!(edited, text);
    fs::write(two.join(source), edited).unwrap();
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let show = |root: &Path| {
        let arguments = ["run", "--quiet", "--offline", "--package", "show"];
        let target = target.to_str().unwrap();
        // `.cargo/config.toml` overrides the inherited `XTASK_CHECKOUT` of another checkout.
        let environment = [
            ("CARGO_TARGET_DIR", target),
            ("XTASK_CHECKOUT", "/elsewhere/"),
        ];
        let mut command = child::command(&cargo);
        command.args(arguments).current_dir(root).envs(environment);
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    // All sources are older than every build, so cargo cannot tell the worktrees apart by their age.
    assert_eq!(show(&one), "live");
    assert_eq!(show(&two), "other");
    assert_eq!(show(&one), "live");
}

#[tokio::test]
async fn a_binary_of_another_checkout_fails_and_names_both_checkouts() {
    let other = tempfile::tempdir().unwrap();
    let manifest = other.path().join("xtask");
    let from_other = [("CARGO_MANIFEST_DIR", manifest.to_str().unwrap())];
    for arguments in [
        &["render", "--env", "dev"][..],
        &["test", "snapshots"],
        &["diff", "--against", "HEAD"],
        &["build"],
        &["local"],
        &["deploy", "--env", "dev"],
    ] {
        let refused = xtask::run_xtask(arguments, &from_other).await;
        assert_refused(&refused, other.path());
    }
    // `xtask-cloud` must check its checkout, too: a build of the other checkout can replace the
    // binary of `xtask-cloud` after the check in `xtask`.
    let refused = xtask::run(&["status", "--env", "dev"], &from_other).await;
    assert_refused(&refused, other.path());
}

#[track_caller]
fn assert_refused(refused: &xtask::Run, other: &Path) {
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert_eq!(refused.stdout, "");
    for path in [other, workspace::root()] {
        let path = path.to_str().unwrap();
        assert!(refused.stderr.contains(path), "{}", refused.stderr);
    }
    assert!(refused.stderr.contains("hint: "), "{}", refused.stderr);
}

#[tokio::test]
async fn the_zips_are_in_the_target_directory_of_cargos_configuration() {
    // `CARGO_TARGET_DIR` overrides cargo's configuration.
    if std::env::var_os("CARGO_TARGET_DIR").is_some() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().to_str().unwrap();
    let configured = [("CARGO_BUILD_TARGET_DIR", target)];
    let failed = xtask::run_xtask(&["render", "--built"], &configured).await;
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    assert!(
        failed.stderr.contains(&format!("reading {target}/")),
        "{}",
        failed.stderr
    );
    assert!(
        failed.stderr.contains("lambda/api.zip"),
        "{}",
        failed.stderr
    );
}

#[tokio::test]
async fn the_version_has_the_commit_or_the_reason_why_the_commit_is_unknown() {
    let prefix = concat!("cargo xtask ", env!("CARGO_PKG_VERSION"), ", commit ");
    let unknown = [("GIT_DIR", "/nowhere")];
    for run in [
        xtask::run_xtask(&["--version"], &unknown).await,
        xtask::run(&["--version"], &unknown).await,
    ] {
        assert_eq!(run.code, 0, "{}", run.stderr);
        let expected = format!("{prefix}unknown: fatal: not a git repository: '/nowhere'\n");
        assert_eq!(run.stdout, expected);
    }
    let Some(git) = git::installed() else { return };
    let repository = tempfile::tempdir().unwrap();
    fs::write(repository.path().join("file"), "").unwrap();
    git.commit_all(repository.path());
    let git_dir = repository.path().join(".git");
    let environment = [("GIT_DIR", git_dir.to_str().unwrap())];
    let known = xtask::run_xtask(&["--version"], &environment).await;
    let commit = known.stdout.strip_prefix(prefix).unwrap();
    let (id, subject_and_changes) = commit.split_once(' ').unwrap();
    assert_eq!(id.len(), 40, "{commit}");
    // The current folder lacks the commit's file, which git reports as a change.
    let expected = "\"A commit\", with uncommitted changes\n";
    assert_eq!(subject_and_changes, expected);
}
