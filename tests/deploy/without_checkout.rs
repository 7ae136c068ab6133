//! Deploys without a checkout, as in the pipeline: the zips and the command-line binary (`xtask-cloud`)
//! come from another job. The rollback workflow runs the binary of such a deploy.

use std::fs;
use std::path::Path;
use std::process::Output;

use ::xtask::child;
use ::xtask::tools::{AWS_CLI, JQ};
use infra::Sha256Digest;
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::ministack::{ACCOUNT, Ministack, REGION};
use tests::xtask::{self, Run};
use tests::{tools, workflows};
use tokio::process::Command;

use crate::{assert_outcome, deploy, feed, url_without_prices};

const UPDATE: &str = "crypto-watch-update-dev";

/// The output folder of the job `build`.
struct Build {
    folder: TempDir,
}

impl Build {
    async fn new() -> Self {
        let built = xtask::run_xtask(&["build", "--output", "json"], &[]).await;
        assert_eq!(built.code, 0, "{}", built.stderr);
        let folder = tempfile::tempdir().unwrap();
        let built = built.last_json_line();
        for artifact in built["artifacts"].as_array().unwrap() {
            let zip = Path::new(artifact["path"].as_str().unwrap());
            fs::copy(zip, folder.path().join(zip.file_name().unwrap())).unwrap();
        }
        let program = xtask::command(&[], &[]);
        let program = program.as_std().get_program();
        fs::copy(program, folder.path().join("xtask-cloud")).unwrap();
        Build { folder }
    }

    fn digest(&self) -> String {
        let program = fs::read(self.folder.path().join("xtask-cloud")).unwrap();
        Sha256Digest::of(program).to_string()
    }

    /// Runs the copied `xtask-cloud` without cargo, git and a checkout.
    async fn run(&self, ministack: &Ministack, arguments: &[&str]) -> Run {
        let folder = self.folder.path();
        let output = Command::from(child::command(folder.join("xtask-cloud")))
            .args(arguments)
            .args(["--region", REGION, "--endpoint-url", ministack.url()])
            .args(["--artifacts", folder.to_str().unwrap()])
            .current_dir(folder)
            .env("PATH", folder)
            .env("CARGO", "/nowhere/cargo")
            .envs(GITHUB_RUN)
            .output()
            .await
            .unwrap();
        Run {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// The variables with which GitHub Actions identifies a run.
const GITHUB_RUN: [(&str, &str); 4] = [
    ("GITHUB_SERVER_URL", "https://github.com"),
    ("GITHUB_REPOSITORY", "octo-org/octo-repo"),
    ("GITHUB_RUN_ID", "1658821493"),
    ("GITHUB_RUN_ATTEMPT", "1"),
];

fn bucket() -> String {
    infra::names::artifact_bucket(infra::Environment::Dev, ACCOUNT, REGION)
}

/// Lists the keys of the deployments' records, the oldest first.
async fn records(ministack: &Ministack) -> Vec<String> {
    let mut keys = ministack.keys(&bucket()).await;
    keys.retain(|key| key.starts_with(infra::names::RECORDS_PREFIX));
    keys
}

async fn record(ministack: &Ministack, key: &str) -> Value {
    serde_json::from_slice(&ministack.object(&bucket(), key).await).unwrap()
}

/// The job of `rollback.yml` and its working folder.
struct Rollback {
    job: workflows::Job,
    folder: TempDir,
}

impl Rollback {
    /// Returns `None` on a machine without the AWS CLI or jq, which the workflow calls.
    fn new() -> Option<Self> {
        let needed = [AWS_CLI, JQ];
        let is_missing = |tool| !tools::is_available(tool, "the workflow rollback.yml");
        if needed.iter().any(is_missing) {
            return None;
        }
        let job = workflows::jobs()
            .into_iter()
            .find(|job| job.file == "rollback.yml")
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        Some(Rollback { job, folder })
    }

    /// Runs a step as GitHub does, with the credentials that the job's first step provides.
    async fn step(&self, ministack: &Ministack, name: &str, to_commit: &str) -> Output {
        let script = self.job.script(name);
        Command::from(child::command("bash"))
            .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script])
            .current_dir(self.folder.path())
            .envs([
                ("AWS_ACCESS_KEY_ID", "test"),
                ("AWS_SECRET_ACCESS_KEY", "test"),
                ("AWS_REGION", REGION),
                ("AWS_ENDPOINT_URL", ministack.url()),
                ("AWS_CONFIG_FILE", "/dev/null"),
                ("ACCOUNT_ID", ACCOUNT),
                ("ENVIRONMENT", "dev"),
                ("FUNCTION", "update"),
                ("TO_VERSION", ""),
                ("TO_COMMIT", to_commit),
            ])
            .output()
            .await
            .unwrap()
    }

    /// Runs the step that fetches the binary, and then the step that rolls back to `to_commit` or, if
    /// empty, to the previous version. Returns the stdout of the rollback, or the output of the failed
    /// step.
    async fn run(&self, ministack: &Ministack, to_commit: &str) -> Result<String, String> {
        for name in ["Fetch the binary of the last deployment", "Roll back"] {
            let step = self.step(ministack, name, to_commit).await;
            let stderr = String::from_utf8_lossy(&step.stderr).into_owned();
            let stdout = String::from_utf8_lossy(&step.stdout).into_owned();
            if !step.status.success() {
                return Err(format!("{name}: {stdout}{stderr}"));
            }
            if name == "Roll back" {
                return Ok(stdout);
            }
        }
        unreachable!("the last step returns");
    }
}

#[tokio::test]
async fn a_folder_without_zips_is_refused() {
    let empty = tempfile::tempdir().unwrap();
    let folder = empty.path().to_str().unwrap();
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let arguments = ["deploy", "--env", "dev", "--yes", "--artifacts", folder];
    let refused = crate::run(&ministack, &arguments).await;
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    let words = "hint: pass a folder with the zips of `cargo xtask build` to --artifacts";
    assert!(refused.stderr.contains(words), "{}", refused.stderr);
    assert_eq!(ministack.stacks().await, Vec::<String>::new());
}

#[tokio::test]
async fn the_rollback_workflow_runs_the_binary_of_the_last_pipeline_deploy() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let (_feed, feed_url) = feed().await;
    let build = Build::new().await;
    let providers = ["--external-api-url", &feed_url, "--second-api-url", "none"];
    let arguments = ["deploy", "--env", "dev", "--yes", "--output", "json"];
    let first = build
        .run(&ministack, &[&arguments[..], &providers].concat())
        .await;
    assert_outcome(&first, 0, "deployed");
    assert!(!first.stderr.contains("building"), "{}", first.stderr);
    let words = "commit       unknown";
    assert!(first.stderr.contains(words), "{}", first.stderr);

    let pipeline_record = records(&ministack).await;
    let [pipeline_record] = &pipeline_record[..] else {
        panic!("{pipeline_record:?}");
    };
    let found = record(&ministack, pipeline_record).await;
    let url = "https://github.com/octo-org/octo-repo/actions/runs/1658821493/attempts/1";
    assert_eq!(found["origin"], url, "{found}");
    let deployer = found["deployer"].as_str().unwrap();
    assert!(deployer.starts_with("arn:aws:"), "{found}");
    assert_eq!(found["commit"], Value::Null, "{found}");
    assert_eq!(found["commandLine"]["sha256"], build.digest(), "{found}");
    let key = found["commandLine"]["key"].as_str().unwrap().to_owned();
    assert_eq!(key, format!("command-line/{}", build.digest()));
    let kept = ministack.object(&bucket(), &key).await;
    assert_eq!(Sha256Digest::of(kept).to_string(), build.digest());

    // A later deploy from a checkout writes a record and stores no command-line binary.
    let second = deploy(
        &ministack,
        "dev",
        &url_without_prices(&ministack),
        &["--yes"],
    )
    .await;
    assert_outcome(&second, 0, "deployed");
    let newest = records(&ministack).await.pop().unwrap();
    assert_ne!(&newest, pipeline_record);
    let newest = record(&ministack, &newest).await;
    assert_eq!(newest["commandLine"], Value::Null, "{newest}");
    assert_eq!(newest["origin"], "local", "{newest}");
    let commit = newest["commit"]["id"].as_str().unwrap();
    assert_eq!(commit.len(), 40, "{newest}");
    assert!(newest["commit"]["dirty"].is_boolean(), "{newest}");
    assert!(newest["commit"]["subject"].is_string(), "{newest}");
    assert!(second.stderr.contains(commit), "{}", second.stderr);
    assert!(ministack.keys(&bucket()).await.contains(&key));
    assert_eq!(ministack.live_version(UPDATE).await, "2");

    let Some(rollback) = Rollback::new() else {
        return;
    };
    let done = rollback.run(&ministack, "").await.unwrap();
    assert!(done.contains(r#""outcome":"rolled-back""#), "{done}");
    assert_eq!(ministack.live_version(UPDATE).await, "1");
    rollback.run(&ministack, &commit[..7]).await.unwrap();
    assert_eq!(ministack.live_version(UPDATE).await, "2");

    ministack
        .put_object(&bucket(), &key, "#!/bin/sh\necho other bytes\n")
        .await;
    let refused = rollback.run(&ministack, "").await.unwrap_err();
    assert!(refused.contains("xtask-cloud: FAILED"), "{refused}");
}

#[tokio::test]
async fn the_rollback_workflow_fails_without_a_binary_in_the_bucket() {
    let (Some(rollback), Some(ministack)) = (Rollback::new(), Ministack::start()) else {
        return;
    };
    let stack = json!({"Resources": {"Bucket": {
        "Type": "AWS::S3::Bucket", "Properties": {"BucketName": bucket()}
    }}});
    ministack.create_stack("bucket", &stack).await;
    let refused = rollback.run(&ministack, "").await.unwrap_err();
    assert!(
        refused.contains("No deployment record has a binary"),
        "{refused}"
    );
    let record = "deployments/20260115T103000Z-deploy-1.json";
    ministack
        .put_object(&bucket(), record, r#"{"artifacts":[]}"#)
        .await;
    let refused = rollback.run(&ministack, "").await.unwrap_err();
    assert!(
        refused.contains("No deployment record has a binary"),
        "{refused}"
    );
    assert!(!rollback.folder.path().join("xtask-cloud").exists());
}
