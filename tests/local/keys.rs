//! `cargo xtask keys` against the running stack: what it says, and what the
//! API then does.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tests::http::eventually;
use tests::local_stack::LocalStack;
use tests::xtask::{self, Run};

/// The memory of a key ends within a second here, and 401s after ten.
const FORGETFUL: [&str; 2] = ["--set", "PROCESS_CACHE_SECONDS=1"];
const EFFECTIVE: Duration = Duration::from_secs(20);

async fn keys(stack: &LocalStack, arguments: &[&str]) -> Run {
    let target = ["--output", "json", "--endpoint-url", &stack.table_endpoint];
    xtask::run(&[&["keys"], arguments, &target].concat(), &[]).await
}

/// The only line of a command that succeeded.
async fn line(stack: &LocalStack, arguments: &[&str]) -> Value {
    let run = keys(stack, arguments).await;
    assert_eq!(run.code, 0, "{}", run.stderr);
    run.last_json_line()
}

async fn becomes(stack: &LocalStack, key: &str, status: u16) {
    eventually(&format!("status {status}"), EFFECTIVE, async || {
        let headers = [("X-API-Key", key)];
        let answer = stack.send(Method::GET, "/prices/BTC", &headers).await;
        (answer.status == status).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_key_lives_from_create_to_delete() {
    let stack = LocalStack::start(&FORGETFUL).await;
    let made = line(
        &stack,
        &[
            "create",
            "--name",
            "wrist",
            "--rate-limit",
            "1000000",
            "--expires-in",
            "90days",
        ],
    )
    .await;
    let (id, key) = (
        made["keyId"].as_str().unwrap(),
        made["apiKey"].as_str().unwrap(),
    );
    let secret = key.rsplit('_').next().unwrap();
    becomes(&stack, key, 200).await;

    let listed = keys(&stack, &["list"]).await;
    assert!(!listed.stdout.contains(secret), "{}", listed.stdout);
    let lines = listed.json_lines();
    let row = lines.iter().find(|row| row["keyId"] == id).unwrap();
    assert_eq!(
        (&row["name"], &row["state"]),
        (&json!("wrist"), &json!("enabled"))
    );
    assert_eq!(row["rateLimitPerMinute"], 1_000_000);
    assert!(
        row["createdAt"].is_string() && row["expiresAt"].is_string(),
        "{row}"
    );

    let off = line(&stack, &["disable", id]).await;
    assert_eq!(off, json!({"keyId": id, "state": "disabled"}));
    becomes(&stack, key, 401).await;
    assert_eq!(line(&stack, &["show", id]).await["state"], "disabled");
    line(&stack, &["enable", id]).await;
    becomes(&stack, key, 200).await;

    let new = line(&stack, &["rotate", id, "--keep-old", "1h"]).await;
    let new_key = new["apiKey"].as_str().unwrap();
    becomes(&stack, new_key, 200).await;
    becomes(&stack, key, 200).await;
    let new_row = line(&stack, &["show", new["keyId"].as_str().unwrap()]).await;
    assert_eq!(
        (&new_row["name"], &new_row["rateLimitPerMinute"]),
        (&json!("wrist"), &json!(1_000_000))
    );
    let old_row = line(&stack, &["show", id]).await;
    assert!(
        old_row["expiresAt"].as_str() < row["expiresAt"].as_str(),
        "{old_row}"
    );

    let declined = keys(&stack, &["delete", id]).await;
    assert_eq!(
        (declined.code, declined.stdout.as_str()),
        (3, ""),
        "{}",
        declined.stderr
    );
    line(&stack, &["delete", id, "--yes"]).await;
    becomes(&stack, key, 401).await;
    let unknown = keys(&stack, &["disable", id]).await;
    assert_eq!(unknown.code, 1, "{}", unknown.stderr);
    assert!(unknown.stderr.contains("has no key"), "{}", unknown.stderr);

    // A whole key is not repeated, though it was typed.
    let whole = keys(&stack, &["show", new_key]).await;
    assert_eq!(whole.code, 2, "{}", whole.stderr);
    assert!(!whole.stderr.contains(new_key), "{}", whole.stderr);
}
