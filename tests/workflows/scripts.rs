//! Tests that run the scripts in the workflows' steps as GitHub runs them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use ::xtask::child;
use ::xtask::tools::JQ;
use infra::Sha256Digest;
use serde_json::json;
use tempfile::TempDir;
use tests::workflows::{Job, jobs};
use tests::{git, tools};

use crate::privileges::deploying_jobs;

/// A fake `gh` that records its calls and returns the comments in the file `comments.json`.
const GH: &str = r#"#!/usr/bin/env bash
printf '%s\n' "$*" | head --lines 1 >> calls
while [ $# -gt 0 ]; do
  if [ "$1" = --jq ]; then jq --raw-output "$2" comments.json; fi
  shift
done
"#;

/// Runs a script as GitHub does. Returns true if it succeeds.
fn bash_succeeds(script: &str, folder: &Path, variables: &[(&str, &str)]) -> bool {
    child::command("bash")
        .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script])
        .current_dir(folder)
        .envs(variables.iter().copied())
        .output()
        .unwrap()
        .status
        .success()
}

/// Returns a folder for a script that needs jq, or `None` on a machine without jq.
fn folder_with_jq() -> Option<TempDir> {
    tools::is_available(&JQ, "a script of the workflows").then(|| tempfile::tempdir().unwrap())
}

fn job(file: &str, name: &str) -> Job {
    let found = jobs()
        .into_iter()
        .find(|job| job.file == file && job.name == name);
    found.unwrap_or_else(|| panic!("{file} has no job {name}"))
}

/// `tests/deploy/without_checkout.rs` tests the script of `rollback.yml`.
#[test]
fn the_nightly_and_the_rollback_workflow_fetch_the_binary_with_the_same_script() {
    let step = "Fetch the binary of the last deployment";
    let [nightly, rollback] = [("nightly.yml", "drift"), ("rollback.yml", "rollback")]
        .map(|(file, name)| job(file, name));
    assert_eq!(nightly.script(step), rollback.script(step));
}

#[test]
fn the_nightly_workflow_fails_for_an_environment_with_drift() {
    let job = job("nightly.yml", "drift");
    let environments = &job.body["strategy"]["matrix"]["environment"];
    assert_eq!(*environments, json!(["dev", "staging", "prod"]));
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("xtask-cloud");
    let summary = folder.path().join("summary");
    for (code, succeeds) in [(0, true), (1, false), (5, false)] {
        let script = format!("#!/bin/sh\necho '```'\necho \"$*\" >&2\nexit {code}\n");
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let _ = fs::remove_file(&summary);
        let variables = [
            ("ENVIRONMENT", "prod"),
            ("ACCOUNT_ID", "111122223333"),
            ("GITHUB_STEP_SUMMARY", summary.to_str().unwrap()),
        ];
        let detected = bash_succeeds(job.script("Detect drift"), folder.path(), &variables);
        assert_eq!(detected, succeeds, "{code}");
        let expected = "### Drift of prod\n\n    ```\n    drift --env prod \
                        --expect-account 111122223333 --detailed-exitcode\n";
        assert_eq!(fs::read_to_string(&summary).unwrap(), expected);
    }
}

/// Runs the step that comments on a pull request. `comments` are the existing comments. Returns the calls
/// of `gh`, or `None` on a machine without jq.
fn run_comment_step(comments: &serde_json::Value) -> Option<Vec<String>> {
    let folder = folder_with_jq()?;
    let root = folder.path();
    fs::write(root.join("comments.json"), comments.to_string()).unwrap();
    let gh = root.join("gh");
    fs::write(&gh, GH).unwrap();
    fs::set_permissions(&gh, fs::Permissions::from_mode(0o755)).unwrap();
    let job = job("ci.yml", "comment");
    let step = job
        .steps()
        .iter()
        .find(|step| step["name"] == "Comment on the pull request");
    let mark = step.unwrap()["env"]["MARK"].as_str().unwrap().to_owned();
    let path = std::env::var("PATH").unwrap();
    let variables = [
        ("PATH", &*format!("{}:{path}", root.display())),
        ("GITHUB_REPOSITORY", "octo-org/octo-repo"),
        ("COMMENTS", "repos/octo-org/octo-repo/issues/7/comments"),
        ("MARK", &mark),
    ];
    assert!(bash_succeeds(
        job.script("Comment on the pull request"),
        root,
        &variables
    ));
    let calls = fs::read_to_string(root.join("calls")).unwrap();
    Some(calls.lines().map(str::to_owned).collect())
}

fn comment_by(login: &str, id: u32, body: &str) -> serde_json::Value {
    json!({"id": id, "user": {"login": login}, "body": body})
}

#[test]
fn a_later_run_updates_the_comment_of_an_earlier_run() {
    let marked = "<!-- cargo xtask diff -->\n### Stack changes";
    let comments = json!([
        comment_by("github-actions[bot]", 1, "coverage"),
        comment_by("github-actions[bot]", 2, marked),
        comment_by("octocat", 3, marked),
        comment_by("github-actions[bot]", 4, "another"),
    ]);
    let Some(calls) = run_comment_step(&comments) else {
        return;
    };
    let update = "api --silent --method PATCH repos/octo-org/octo-repo/issues/comments/2 \
                  --field body=@changes/comment.md";
    assert_eq!(calls[1..], [update]);
}

#[test]
fn the_first_run_adds_a_comment() {
    let quoted = "see <!-- cargo xtask diff -->";
    let comments = json!([comment_by("github-actions[bot]", 1, quoted)]);
    let Some(calls) = run_comment_step(&comments) else {
        return;
    };
    let addition = "api --silent --method POST repos/octo-org/octo-repo/issues/7/comments \
                    --field body=@changes/comment.md";
    assert_eq!(calls[1..], [addition]);
}

#[test]
fn the_summary_of_the_tests_names_the_failed_tests() {
    let folder = tempfile::tempdir().unwrap();
    let summary = folder.path().join("summary");
    // A report in the form of cargo-nextest 0.9.143.
    let report = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="nextest-run" tests="3" failures="1" errors="0" uuid="6d2e" time="0.1">
    <testsuite name="tests::docs" tests="3" disabled="0" errors="0" failures="1">
        <testcase name="a_command_exists" classname="tests::docs" time="0.1">
        </testcase>
        <testcase name="a_link_leads::to_a_page" classname="tests::docs" time="0.1">
            <failure message="panicked" type="test failure with exit code 101">no &lt;failure </failure>
            <system-out>FAILED</system-out>
        </testcase>
        <testcase name="a_page_ends" classname="tests::docs" time="0.1">
        </testcase>
    </testsuite>
</testsuites>
"#;
    fs::write(folder.path().join("junit.xml"), report).unwrap();
    let variables = [
        ("REPORT", "junit.xml"),
        ("GITHUB_STEP_SUMMARY", summary.to_str().unwrap()),
    ];
    let job = job("ci.yml", "test");
    assert!(bash_succeeds(
        job.script("Summarize the tests"),
        folder.path(),
        &variables
    ));
    let expected = "### Tests: 3 run, 1 failed, 0 with errors\n\n\
                    - `tests::docs a_link_leads::to_a_page`\n";
    assert_eq!(fs::read_to_string(summary).unwrap(), expected);
}

#[test]
fn a_deploys_summary_has_the_outcome_and_its_github_environment_has_the_url() {
    for environment in ["dev", "staging", "prod"] {
        let job = job("deploy.yml", environment);
        let url = &job.body["environment"]["url"];
        assert_eq!(url, "${{ steps.result.outputs.url }}", "{environment}");
        let Some(folder) = folder_with_jq() else {
            return;
        };
        let path = |name| folder.path().join(name).to_str().unwrap().to_owned();
        let (summary, outputs) = (path("summary"), path("outputs"));
        let summarize = |last: &serde_json::Value| {
            let _ = fs::remove_file(&summary);
            let _ = fs::remove_file(&outputs);
            let identity = json!({"event": "identity", "environment": environment});
            fs::write(path("events.jsonl"), format!("{identity}\n{last}\n")).unwrap();
            let variables = [
                ("GITHUB_STEP_SUMMARY", &*summary),
                ("GITHUB_OUTPUT", &*outputs),
            ];
            assert!(bash_succeeds(
                job.script("Summarize the deploy"),
                folder.path(),
                &variables
            ));
            [&summary, &outputs].map(|path| fs::read_to_string(path).unwrap())
        };
        let deployed = summarize(&json!({
            "event": "result", "outcome": "deployed", "environment": environment,
            "outputs": {"ApiEndpoint": "https://a1b2c3d4e5.example.com", "TableName": "t"},
        }));
        let expected = format!(
            "### Deploy to {environment}: deployed\n\n    \
             ApiEndpoint  https://a1b2c3d4e5.example.com\n    TableName  t\n"
        );
        let url = "url=https://a1b2c3d4e5.example.com\n".to_owned();
        assert_eq!(deployed, [expected, url]);
        let failed = summarize(&json!({
            "event": "result", "outcome": "failed", "environment": environment,
            "error": "one\n```\ntwo",
        }));
        let expected =
            format!("### Deploy to {environment}: failed\n\n    one\n    ```\n    two\n");
        assert_eq!(failed, [expected, "url=\n".to_owned()]);
    }
}

#[test]
fn the_nightly_workflow_fails_if_the_zips_depend_on_the_folder_of_the_build() {
    let Some(git) = git::installed() else { return };
    let folder = tempfile::tempdir().unwrap();
    let [checkout, programs, temporary] = ["checkout", "programs", "temporary"].map(|name| {
        let path = folder.path().join(name);
        fs::create_dir(&path).unwrap();
        path
    });
    fs::write(checkout.join("Cargo.toml"), "").unwrap();
    git.commit_all(&checkout);
    let search = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let cargo = programs.join("cargo");
    let job = job("nightly.yml", "reproducible");
    for (zip, succeeds) in [("the same", true), ("$PWD", false)] {
        let script = format!(
            "#!/bin/sh\nmkdir -p target/lambda\necho \"$* in {zip}\" > target/lambda/api.zip\n"
        );
        fs::write(&cargo, script).unwrap();
        fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
        let variables = [
            ("PATH", &*search),
            ("TMPDIR", temporary.to_str().unwrap()),
            ("GITHUB_WORKSPACE", checkout.to_str().unwrap()),
        ];
        let script = job.script("Build in two folders and compare the zips");
        let compared = bash_succeeds(script, &checkout, &variables);
        assert_eq!(compared, succeeds, "{zip}");
    }
}

/// Returns a multi-line output from the text of a step's `GITHUB_OUTPUT`.
fn output(text: &str, name: &str) -> String {
    let (_, rest) = text.split_once(&format!("{name}<<END\n")).unwrap();
    rest.split_once("\nEND\n").unwrap().0.to_owned()
}

#[test]
fn every_comparison_of_digests_rejects_a_changed_or_missing_file() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let write = |path: &str, bytes: &[u8]| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    for zip in ["api", "update", "verify"] {
        write(&format!("target/lambda/{zip}.zip"), zip.as_bytes());
    }
    // A program that `strip` accepts.
    write("target/debug/xtask-cloud", &fs::read("/bin/sh").unwrap());
    let outputs = root.join("outputs");
    let build = job("deploy.yml", "build");
    let variable = [("GITHUB_OUTPUT", outputs.to_str().unwrap())];
    assert!(bash_succeeds(
        build.script("Take the digests"),
        root,
        &variable
    ));
    let digests = output(&fs::read_to_string(&outputs).unwrap(), "sha256");
    assert_eq!(digests.lines().count(), 4, "{digests}");

    let downloaded = root.join("target/build");
    fs::write(downloaded.join("plan.json"), "{}").unwrap();
    let plan = format!("{}  plan.json", Sha256Digest::of("{}"));
    for name in deploying_jobs() {
        let job = job("deploy.yml", name);
        let compare = job.script("Compare the digests");
        let compares = |digests: &str| {
            bash_succeeds(
                compare,
                &downloaded,
                &[("SHA256", digests), ("PLAN_SHA256", &plan)],
            )
        };
        assert!(compares(&digests), "{name}");
        assert!(!compares(""), "{name}");
        let without_plan = [("SHA256", &*digests), ("PLAN_SHA256", "")];
        assert_eq!(
            bash_succeeds(compare, &downloaded, &without_plan),
            name != "prod"
        );
        let mut files = vec!["api.zip", "update.zip", "verify.zip", "xtask-cloud"];
        files.extend((name == "prod").then_some("plan.json"));
        for file in files {
            let path = downloaded.join(file);
            let bytes = fs::read(&path).unwrap();
            fs::write(&path, "other bytes").unwrap();
            assert!(!compares(&digests), "{name}: {file}");
            fs::remove_file(&path).unwrap();
            assert!(!compares(&digests), "{name}: no {file}");
            fs::write(&path, bytes).unwrap();
        }
        assert!(compares(&digests), "{name}");
    }
}
