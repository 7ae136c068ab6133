//! The smoke test after a deploy.

use std::time::Duration;

use infra::Environment;
use reqwest::Method;
use serde_json::{Value, json};
use tests::http;
use tests::ministack::Ministack;
use tests::xtask::Run;

use crate::{
    assert_outcome, deploy, deploy_another_revision, events, feed, run, url_without_prices,
};

/// A time limit for smoke tests that fail, long enough for a second attempt.
const SHORT_TIMEOUT: [&str; 2] = ["--smoke-test-timeout", "500ms"];

/// The time in which the API must notice the deletion of its table. It caches its health for seconds.
const HEALTH_LIMIT: Duration = Duration::from_secs(20);

/// Returns the checks of a deploy's smoke test, each with `true` if it passed.
fn checks(run: &Run) -> Vec<(String, bool)> {
    let lines = run.json_lines();
    let check = |line: &&Value| {
        let name = line["check"].as_str().unwrap().to_owned();
        (name, line["passed"].as_bool().unwrap())
    };
    events(&lines, "smoke-test").iter().map(check).collect()
}

/// Returns the result of [`checks`] if every check passed.
fn all_passed() -> [(String, bool); 4] {
    ["health", "unauthenticated", "unknown path", "prices"].map(|name| (name.to_owned(), true))
}

#[tokio::test]
async fn the_smoke_test_creates_an_api_key_and_deletes_it() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let (_feed, feed_url) = feed().await;
    let first = deploy(&ministack, "dev", &feed_url, &["--yes"]).await;
    assert_outcome(&first, 0, "deployed");
    assert_eq!(checks(&first), all_passed(), "{}", first.stderr);

    // The key was deleted. The table still has the API's count of the requests with the key.
    let listed = run(&ministack, &["keys", "list", "--env", "dev"]).await;
    let none = "crypto-watch-data-dev has no keys";
    assert!(listed.stderr.contains(none), "{}", listed.stderr);
    let items = ministack.items("crypto-watch-data-dev").await;
    let keys: Vec<_> = items
        .iter()
        .filter(|item| item["PK"]["S"].as_str().unwrap().starts_with("APIKEY#"))
        .collect();
    assert_eq!(keys.len(), 1, "{keys:?}");
    let partition = keys[0]["PK"]["S"].as_str().unwrap();
    assert!(partition.starts_with("APIKEY#Deploy"), "{partition}");
    let sort_key = keys[0]["SK"]["S"].as_str().unwrap();
    assert!(sort_key.starts_with("RATELIMIT#"), "{sort_key}");
    for output in [&first.stdout, &first.stderr] {
        assert!(!output.contains("cw_Deploy"), "{output}");
    }
}

#[tokio::test]
async fn missing_prices_of_the_provider_do_not_fail_the_deploy() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let first = deploy(
        &ministack,
        "dev",
        &url_without_prices(&ministack),
        &["--yes"],
    )
    .await;
    assert_outcome(&first, 0, "deployed");
    assert_eq!(checks(&first), all_passed(), "{}", first.stderr);
    for warning in [
        "warning: smoke test: health passed, but the newest price is old, or there is none",
        "warning: smoke test: prices passed, but there is no price of BTC yet",
    ] {
        assert!(first.stderr.contains(warning), "{}", first.stderr);
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_created_does_not_roll_the_version_back() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let (_feed, feed_url) = feed().await;
    let denied =
        json!({"__type": "com.amazon.coral.service#AccessDeniedException", "Message": "no"});
    ministack.override_dynamodb("PutItem", "APIKEY#Deploy", 400, &denied);
    let more = [
        &["--yes", "--rollback-on-failed-smoke-test"],
        &SHORT_TIMEOUT[..],
    ]
    .concat();
    let without_key = deploy(&ministack, "dev", &feed_url, &more).await;
    assert_outcome(&without_key, 1, "failed");
    let words = "the smoke test could not create its own API key in crypto-watch-data-dev: \
                 PutItem: AccessDeniedException";
    assert!(without_key.stderr.contains(words), "{}", without_key.stderr);
    let hint = "hint: the version serves, but its prices were not tested";
    assert!(without_key.stderr.contains(hint), "{}", without_key.stderr);
    assert_eq!(events(&without_key.json_lines(), "rollback").len(), 0);
    ministack.reset_dynamodb();

    // A rate limiter that fails is a failure of the version.
    ministack.override_dynamodb("UpdateItem", "RATELIMIT#", 400, &denied);
    let more = [&["--yes"], &SHORT_TIMEOUT[..]].concat();
    let failed = deploy(&ministack, "dev", &feed_url, &more).await;
    assert_outcome(&failed, 1, "failed");
    let words = "fails its smoke test: GET /prices?symbols=BTC: the table or the limiter fails";
    assert!(failed.stderr.contains(words), "{}", failed.stderr);
}

#[tokio::test]
async fn a_first_version_that_cannot_read_its_table_fails_and_is_not_rolled_back() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let (_feed, feed_url) = feed().await;
    let first = deploy(&ministack, "dev", &feed_url, &["--yes"]).await;
    assert_outcome(&first, 0, "deployed");
    ministack.delete_table("crypto-watch-data-dev").await;
    wait_until_unhealthy(&ministack, &first).await;
    let more = [&["--yes", "--on-drift", "continue"], &SHORT_TIMEOUT[..]].concat();
    let failed = deploy(&ministack, "dev", &url_without_prices(&ministack), &more).await;
    assert_outcome(&failed, 1, "failed");
    let lines = failed.json_lines();
    let health = json!({
        "event": "smoke-test", "check": "health", "passed": false,
        "reason": "the table cannot be read"
    });
    assert_eq!(events(&lines, "smoke-test")[0], &health);
    let error = failed.last_json_line()["error"]
        .as_str()
        .unwrap()
        .to_owned();
    let expected = "crypto-watch-dev is deployed and fails its smoke test: GET /health: the table cannot be read";
    assert!(error.starts_with(expected), "{error}");
    let hint = "hint: no older version exists: see `cargo xtask logs --env dev --function api`";
    assert!(failed.stderr.contains(hint), "{}", failed.stderr);
    assert!(
        !failed.stderr.contains("cargo xtask rollback"),
        "{}",
        failed.stderr
    );

    // A second deploy finds nothing to change, and must still fail.
    let again = deploy(&ministack, "dev", &url_without_prices(&ministack), &more).await;
    assert_outcome(&again, 1, "failed");
    let words = "there was nothing to change, but crypto-watch-dev fails its smoke test";
    assert!(again.stderr.contains(words), "{}", again.stderr);
}

async fn wait_until_unhealthy(ministack: &Ministack, deployed: &Run) {
    let outputs = &deployed.last_json_line()["outputs"];
    let endpoint = outputs["ApiEndpoint"].as_str().unwrap();
    let url = format!("{}/health", ministack.api_url(endpoint));
    http::eventually("the API is unhealthy", HEALTH_LIMIT, async || {
        let answer = http::send(&http::client(), Method::GET, &url, &[]).await;
        (answer.status == 503).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_deploy_that_fails_its_smoke_test_is_rolled_back_to_the_previous_version() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let (_feed, feed_url) = feed().await;
    let first = deploy(&ministack, "dev", &feed_url, &["--yes"]).await;
    assert_outcome(&first, 0, "deployed");
    deploy_another_revision(&ministack, Environment::Dev, &feed_url).await;
    let before = ministack.live_version("crypto-watch-api-dev").await;
    assert_ne!(before, "1");

    ministack.delete_table("crypto-watch-data-dev").await;
    let more = [
        "--yes",
        "--on-drift",
        "continue",
        "--rollback-on-failed-smoke-test",
    ];
    let more = [&more, &SHORT_TIMEOUT[..]].concat();
    let failed = deploy(&ministack, "dev", &feed_url, &more).await;
    assert_outcome(&failed, 4, "rolled-back");
    let error = failed.last_json_line()["error"]
        .as_str()
        .unwrap()
        .to_owned();
    let words = "GET /health: the table cannot be read; the previous version serves again";
    assert!(error.ends_with(words), "{error}");
    assert_eq!(ministack.live_version("crypto-watch-api-dev").await, before);
    let lines = failed.json_lines();
    assert_eq!(events(&lines, "rollback")[0]["to"], *before);
    let hint = "hint: fix the cause, then run `cargo xtask deploy --env dev --realign`";
    assert!(failed.stderr.contains(hint), "{}", failed.stderr);
}
