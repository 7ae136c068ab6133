//! Tests of `cargo xtask local` as a process: its start, its errors and its end.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tests::http::eventually;
use tests::local_stack::{LocalStack, Service, run};

/// The time limit for the end of the functions after the command was killed.
const ORPHAN_LIMIT: Duration = Duration::from_secs(10);

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Asserts that a command failed with one error that contains `parts`.
#[track_caller]
pub(crate) fn assert_fails(output: &Output, code: i32, parts: &[&str]) {
    let stderr = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert_eq!(stderr.matches("error: ").count(), 1, "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{part} is not in {stderr}");
    }
    assert!(output.stdout.is_empty(), "{:?}", output.stdout);
}

/// Returns the id, the parent's id and the state of every process.
fn processes() -> Vec<(u32, u32, String)> {
    let columns = ["-A", "-o", "pid=", "-o", "ppid=", "-o", "stat="];
    let output = xtask::child::command("ps").args(columns).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let process = |line: &str| {
        let mut words = line.split_whitespace();
        let mut id = || words.next()?.parse().ok();
        Some((id()?, id()?, words.next()?.to_owned()))
    };
    text.lines().filter_map(process).collect()
}

fn children(parent: u32) -> Vec<u32> {
    let all = processes().into_iter();
    all.filter(|(_, parent_id, _)| *parent_id == parent)
        .map(|(id, _, _)| id)
        .collect()
}

pub(crate) fn is_running(pid: u32) -> bool {
    // A zombie is a process that has ended, but whose parent has not waited for the end.
    let mut all = processes().into_iter();
    all.any(|(id, _, state)| id == pid && !state.starts_with('Z'))
}

#[tokio::test]
async fn sigterm_ends_cargo_xtask_local_with_its_children() {
    let mut cargo = tokio::process::Command::from(xtask::cargo::command());
    cargo.args(["run", "--quiet", "--locked", "--package", "xtask", "--"]);
    cargo.args(["local", "--port", "0", "--output", "json"]);
    let stack = LocalStack::wait_until_ready(Service::start(cargo)).await;
    assert_eq!(stack.get("/prices/BTC").await.status, 200);
    let children = children(stack.service.pid());
    assert!(children.len() >= 2, "{children:?}");

    let signalled = Instant::now();
    let (status, stdout, stderr) = stack.service.stop(Signal::SIGTERM).await;
    let took = signalled.elapsed();
    assert_eq!(status.code(), Some(0), "{stderr}");
    // Only a hang takes longer, even on a busy machine.
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(stdout, "", "stdout has more than one line");
    assert!(!stderr.contains("error: "), "{stderr}");
    let running: Vec<_> = children
        .into_iter()
        .filter(|pid| is_running(*pid))
        .collect();
    assert!(running.is_empty(), "{running:?} are still running");
}

#[tokio::test]
async fn the_functions_end_after_the_command_was_killed() {
    let stack = LocalStack::start(&[]).await;
    let children = children(stack.service.pid());
    assert!(children.len() >= 2, "{children:?}");
    stack.service.stop(Signal::SIGKILL).await;
    eventually("the end of the functions", ORPHAN_LIMIT, async || {
        children.iter().all(|pid| !is_running(*pid)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_port_in_use_causes_one_error_with_a_hint() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    for command in ["local", "feed"] {
        let output = run([command, "--port", &port]).await;
        assert_fails(&output, 1, &[&port, "is in use", "hint: ", "--port 0"]);
    }
}

#[tokio::test]
async fn a_function_that_cannot_start_causes_one_error_with_its_log() {
    let setting = "EXTERNAL_API_URL=nonsense";
    let output = run(["local", "--port", "0", "--set", setting]).await;
    assert_fails(
        &output,
        1,
        &["the update function did not start", "EXTERNAL_API_URL"],
    );
}

#[tokio::test]
async fn invalid_arguments_cause_a_usage_error() {
    for arguments in [
        ["local", "--set", "NOPE=1"],
        ["local", "--set", "LOG_LEVEL"],
        ["local", "--set", "RATE_LIMIT_PER_MINUTE=abc"],
        ["local", "--every", "0s"],
        ["local", "--every", "soon"],
        ["local", "--port", "70000"],
        ["invoke", "other", "--event=x"],
    ] {
        let output = run(arguments).await;
        assert_fails(&output, 2, &[]);
    }
}

#[tokio::test]
async fn a_folder_that_cannot_hold_the_table_causes_one_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let output = run([
        Path::new("local"),
        Path::new("--port=0"),
        Path::new("--persist"),
        &file,
    ])
    .await;
    assert_fails(&output, 1, &["could not keep the table in", "--persist"]);
}

#[tokio::test]
async fn a_file_that_is_not_a_table_causes_one_error_and_is_not_changed() {
    for content in [&b"some notes"[..], b"SQLite format 3\0, and then not"] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("table.sqlite");
        fs::write(&file, content).unwrap();
        let persist = ["--persist", folder.path().to_str().unwrap()];
        let output = run(["local", "--port", "0", persist[0], persist[1]]).await;
        let path = file.to_str().unwrap();
        let parts = [
            path,
            "is not a table of a local stack",
            "hint: move that file",
        ];
        assert_fails(&output, 1, &parts);
        assert_eq!(fs::read(&file).unwrap(), content);
    }
}

#[tokio::test]
async fn a_persisted_table_keeps_its_keys_and_prices() {
    let folder = tempfile::tempdir().unwrap();
    let persist = ["--persist", folder.path().to_str().unwrap()];
    let first = LocalStack::start(&persist).await;
    let before = first.get("/prices").await.json()["data"].clone();
    let key = first.api_key.clone();

    let output = run(["local", "--port", "0", persist[0], persist[1]]).await;
    assert_fails(&output, 1, &["in use by another local stack", "hint: "]);

    first.service.stop(Signal::SIGINT).await;
    // Without a provider, all prices come from the folder.
    let no_provider = ["--external-api-url", "http://127.0.0.1:1"];
    let second = LocalStack::start(&[persist, no_provider].concat()).await;
    let key = [("X-API-Key", &*key)];
    let answer = second.send(reqwest::Method::GET, "/prices", &key).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["data"], before);
}
