//! The commands that inspect, roll back and delete a deployed environment.

use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::Value;
use tests::http;
use tests::local_stack::Service;
use tests::ministack::{Ministack, REGION};
use tests::xtask::Run;

use crate::{assert_outcome, deploy, events, feed, run, url_without_prices};

const API: &str = "crypto-watch-api-dev";
const UPDATE: &str = "crypto-watch-update-dev";

async fn on_dev(ministack: &Ministack, command: &str, more: &[&str]) -> Run {
    run(ministack, &[&[command, "--env", "dev"], more].concat()).await
}

#[track_caller]
fn assert_says(run: &Run, words: &str) {
    assert!(
        run.stderr.contains(words),
        "{words} is not in {}",
        run.stderr
    );
}

#[tokio::test]
async fn before_the_first_deploy_commands_report_that_there_is_no_stack() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    for command in ["outputs", "status", "rollback"] {
        let refused = on_dev(&ministack, command, &[]).await;
        assert_eq!(refused.code, 1, "{command}: {}", refused.stderr);
        assert_says(&refused, "there is no stack crypto-watch-dev");
        assert_says(
            &refused,
            "hint: deploy first (`cargo xtask deploy --env dev`)",
        );
    }
    let logs = on_dev(&ministack, "logs", &[]).await;
    assert_eq!(logs.code, 1, "{}", logs.stderr);
    assert_says(&logs, "/aws/lambda/crypto-watch-api-dev");
    assert_says(&logs, "hint: deploy first");
    let destroy = on_dev(&ministack, "destroy", &["--output", "json"]).await;
    assert_outcome(&destroy, 0, "unchanged");
}

#[tokio::test]
async fn a_protected_environment_is_not_deleted() {
    for environment in ["staging", "prod"] {
        let arguments = ["destroy", "--env", environment, "--delete-table", "--yes"];
        let refused = tests::xtask::run(&arguments, &[]).await;
        assert_eq!(refused.code, 1, "{}", refused.stderr);
        assert_says(
            &refused,
            &format!("{environment} is a protected environment"),
        );
        assert_says(&refused, "hint:");
    }
}

/// A deployed dev environment.
struct Operations {
    ministack: Ministack,
    api: String,
    outputs: Value,
}

impl Operations {
    async fn outputs_are_those_of_the_deploy(&self) {
        let json = on_dev(&self.ministack, "outputs", &["--output", "json"]).await;
        assert_eq!(json.code, 0, "{}", json.stderr);
        assert_eq!(json.json_lines().len(), 1, "{}", json.stdout);
        assert_eq!(json.last_json_line(), self.outputs);
        let text = on_dev(&self.ministack, "outputs", &[]).await;
        let table = "TableName          crypto-watch-data-dev";
        assert!(
            text.stdout.lines().any(|line| line == table),
            "{}",
            text.stdout
        );
    }

    async fn status(&self) -> Value {
        let status = on_dev(&self.ministack, "status", &["--output", "json"]).await;
        assert_eq!(status.code, 0, "{}", status.stderr);
        status.last_json_line()
    }

    async fn status_shows_stack_versions_and_last_update(&self) {
        let status = self.status().await;
        assert_eq!(status["stack"]["status"], "CREATE_COMPLETE", "{status}");
        assert_eq!(status["stack"]["endpoint"], self.outputs["ApiEndpoint"]);
        for function in ["api", "update"] {
            assert_eq!(status[function]["version"], "1", "{status}");
            assert_eq!(status[function]["rolledBackFrom"], Value::Null);
        }
        assert_eq!(status["deployment"]["outcome"], "deployed", "{status}");
        assert!(status["deployment"]["origin"].is_string(), "{status}");
        assert_eq!(status["rollout"], Value::Null, "{status}");
        assert!(
            status["lastUpdate"]["stored"].as_u64() > Some(0),
            "{status}"
        );
        assert_eq!(status["lastUpdate"]["errorCode"], Value::Null, "{status}");
        let text = on_dev(&self.ministack, "status", &[]).await.stdout;
        for line in [
            "stack        crypto-watch-dev CREATE_COMPLETE since ",
            "api          version 1, published ",
        ] {
            assert!(text.lines().any(|found| found.starts_with(line)), "{text}");
        }
        assert!(text.contains("; 1 version published ("), "{text}");
    }

    async fn logs_print_requests_and_filter_them(&self) {
        let url = format!("{}/health", self.api);
        let health = http::send(&http::client(), Method::GET, &url, &[]).await;
        assert_eq!(health.status, 200, "{}", health.text);
        let json = on_dev(&self.ministack, "logs", &["--output", "json"]).await;
        assert_eq!(json.code, 0, "{}", json.stderr);
        let lines = json.json_lines();
        let is_health = |line: &&Value| line["message"].as_str().unwrap().contains("/health");
        let line = lines.iter().find(is_health);
        let line = line.unwrap_or_else(|| panic!("{}", json.stdout));
        let message: Value = serde_json::from_str(line["message"].as_str().unwrap()).unwrap();
        let request = message["requestId"].as_str().unwrap();
        let beginning = format!(
            "{}  api     200 GET /health ",
            line["time"].as_str().unwrap()
        );
        let text = on_dev(&self.ministack, "logs", &["--request-id", request]).await;
        let lines: Vec<&str> = text.stdout.lines().collect();
        assert!(
            matches!(&lines[..], [line] if line.starts_with(&beginning) && line.contains(request)),
            "{}",
            text.stdout
        );
        let no_match = on_dev(&self.ministack, "logs", &["--filter", "never-logged"]).await;
        assert_eq!(
            (no_match.code, &*no_match.stdout),
            (0, ""),
            "{}",
            no_match.stderr
        );
    }

    async fn logs_follow_exits_with_0_after_ctrl_c(&self) {
        let follow = ["logs", "--env", "dev", "--follow", "--output", "json"];
        let target = ["--region", REGION, "--endpoint-url", self.ministack.url()];
        let follow = tests::xtask::cargo_xtask(&[&follow[..], &target].concat(), &[]);
        let mut follow = Service::start(follow);
        let first = follow.json_line().await;
        assert!(first["message"].is_string(), "{first}");
        let (status, _, stderr) = follow.stop(Signal::SIGINT).await;
        assert_eq!(status.code(), Some(0), "{stderr}");
    }

    /// Deploys version 2 with a provider without prices, and rolls back. An invocation fails only with
    /// version 2, so its result shows the live version.
    async fn rollback_restores_the_previous_version(&self) {
        let changed = deploy(
            &self.ministack,
            "dev",
            &url_without_prices(&self.ministack),
            &["--yes"],
        )
        .await;
        assert_outcome(&changed, 0, "deployed");
        assert_eq!(self.ministack.live_version(UPDATE).await, "2");

        let of_update = ["--function", "update", "--output", "json"];
        let declined = on_dev(&self.ministack, "rollback", &of_update).await;
        assert_outcome(&declined, 3, "declined");
        assert_says(&declined, "hint: pass --yes");
        assert_eq!(self.ministack.live_version(UPDATE).await, "2");

        let yes = [&of_update[..], &["--yes"]].concat();
        let done = on_dev(&self.ministack, "rollback", &yes).await;
        assert_outcome(&done, 0, "rolled-back");
        assert_says(&done, "account      000000000000");
        assert_says(&done, "from         version 2, published 20");
        assert_says(&done, "the next deploy reports this rollback as drift");
        let lines = done.json_lines();
        let event = events(&lines, "rollback")[0];
        assert_eq!((&event["from"], &event["to"]), (&"2".into(), &"1".into()));
        assert_eq!(self.ministack.live_version(UPDATE).await, "1");
        let answer = self.ministack.invoke_live(UPDATE).await;
        assert!(!answer.contains("errorMessage"), "{answer}");
        let status = self.status().await;
        assert_eq!(status["update"]["rolledBackFrom"], "2", "{status}");
        assert_eq!(status["lastUpdate"]["errorCode"], Value::Null, "{status}");
        let url = format!("{}/health", self.api);
        let health = http::send(&http::client(), Method::GET, &url, &[]).await;
        assert_eq!(health.status, 200, "{}", health.text);
    }

    async fn rollback_accepts_only_published_versions_that_are_not_live(&self) {
        let of_update = ["--function", "update", "--yes"];
        let refused = on_dev(&self.ministack, "rollback", &of_update).await;
        assert_eq!(refused.code, 1, "{}", refused.stderr);
        assert_says(&refused, "there is no version before version 1");
        for (version, code) in [("7", 1), ("1", 1), ("2", 0)] {
            let chosen = [&of_update[..], &["--to-version", version]].concat();
            let run = on_dev(&self.ministack, "rollback", &chosen).await;
            assert_eq!(run.code, code, "{version}: {}", run.stderr);
        }
        assert_eq!(self.ministack.live_version(UPDATE).await, "2");
        let status = self.status().await;
        assert_eq!(status["update"]["rolledBackFrom"], "1", "{status}");
        assert_eq!(self.ministack.live_version(API).await, "1");
    }

    async fn destroy_deletes_the_table_only_with_delete_table(&self) {
        let stack = "crypto-watch-dev".to_owned();
        let json = ["--output", "json"];
        let kept = on_dev(&self.ministack, "destroy", &["--yes", "--output", "json"]).await;
        assert_outcome(&kept, 1, "failed");
        assert_says(
            &kept,
            "the table crypto-watch-data-dev would be deleted too",
        );
        let with_table = [&["--delete-table"], &json[..]].concat();
        let declined = on_dev(&self.ministack, "destroy", &with_table).await;
        assert_outcome(&declined, 3, "declined");
        assert!(self.ministack.stacks().await.contains(&stack));

        let with_table = [&["--yes"], &with_table[..]].concat();
        let done = on_dev(&self.ministack, "destroy", &with_table).await;
        assert_outcome(&done, 0, "destroyed");
        let is_table = |line: &str| {
            let mut cells = line.split_whitespace();
            cells.next() == Some("delete") && cells.next() == Some("Table")
        };
        assert!(done.stderr.lines().any(is_table), "{}", done.stderr);
        assert_says(&done, "kept: the stack crypto-watch-artifacts-dev");
        assert_says(&done, "kept: the stack crypto-watch-boundary-dev");
        let status = on_dev(&self.ministack, "status", &[]).await;
        assert_says(&status, "there is no stack crypto-watch-dev");
        let again = on_dev(&self.ministack, "destroy", &with_table).await;
        assert_outcome(&again, 0, "unchanged");
    }
}

#[tokio::test]
async fn an_environment_is_inspected_rolled_back_and_deleted() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let (_feed, feed_url) = feed().await;
    let first = deploy(&ministack, "dev", &feed_url, &["--yes"]).await;
    assert_outcome(&first, 0, "deployed");
    let outputs = first.last_json_line()["outputs"].clone();
    let operations = Operations {
        api: ministack.api_url(outputs["ApiEndpoint"].as_str().unwrap()),
        ministack,
        outputs,
    };
    operations.outputs_are_those_of_the_deploy().await;
    operations
        .status_shows_stack_versions_and_last_update()
        .await;
    operations.logs_print_requests_and_filter_them().await;
    operations.logs_follow_exits_with_0_after_ctrl_c().await;
    operations.rollback_restores_the_previous_version().await;
    operations
        .rollback_accepts_only_published_versions_that_are_not_live()
        .await;
    operations
        .destroy_deletes_the_table_only_with_delete_table()
        .await;
}
