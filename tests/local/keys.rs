//! Tests of `cargo xtask keys` with a running local stack: the output, and the effect on the API.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tests::http::{self, eventually};
use tests::local_stack::LocalStack;
use tests::xtask::{self, Run};

/// The option with which the API's processes cache a key for one second.
const SHORT_CACHE: [&str; 2] = ["--set", "PROCESS_CACHE_SECONDS=1"];
/// The time limit for the effect of a change of a key. The API caches a 401 for ten seconds.
const EFFECT_LIMIT: Duration = Duration::from_secs(20);

async fn run_keys(stack: &LocalStack, arguments: &[&str]) -> Run {
    let target = ["--output", "json", "--endpoint-url", &stack.table_endpoint];
    xtask::run(&[&["keys"], arguments, &target].concat(), &[]).await
}

/// Runs a command of `keys` that must succeed, and returns its last line.
async fn last_line(stack: &LocalStack, arguments: &[&str]) -> Value {
    let run = run_keys(stack, arguments).await;
    assert_eq!(run.code, 0, "{}", run.stderr);
    run.last_json_line()
}

/// Waits until a request with this key gets this status.
async fn wait_for_status(stack: &LocalStack, key: &str, status: u16) {
    eventually(&format!("status {status}"), EFFECT_LIMIT, async || {
        let headers = [("X-API-Key", key)];
        let answer = stack.send(Method::GET, "/prices/BTC", &headers).await;
        (answer.status == status).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_key_can_be_created_disabled_enabled_rotated_and_deleted() {
    let stack = LocalStack::start(&SHORT_CACHE).await;
    let made = last_line(
        &stack,
        &[
            "create",
            "--name",
            "wrist",
            "--rate-limit",
            "60000",
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
    wait_for_status(&stack, key, 200).await;

    let listed = run_keys(&stack, &["list"]).await;
    assert!(!listed.stdout.contains(secret), "{}", listed.stdout);
    let lines = listed.json_lines();
    let row = lines.iter().find(|row| row["keyId"] == id).unwrap();
    assert_eq!(
        (&row["name"], &row["state"]),
        (&json!("wrist"), &json!("enabled"))
    );
    assert_eq!(row["rateLimitPerMinute"], 60_000);
    assert!(
        row["createdAt"].is_string() && row["expiresAt"].is_string(),
        "{row}"
    );

    let disabled = last_line(&stack, &["disable", id]).await;
    assert_eq!(disabled, json!({"keyId": id, "state": "disabled"}));
    wait_for_status(&stack, key, 401).await;
    assert_eq!(last_line(&stack, &["show", id]).await["state"], "disabled");
    last_line(&stack, &["enable", id]).await;
    wait_for_status(&stack, key, 200).await;

    let new = last_line(&stack, &["rotate", id, "--keep-old", "1h"]).await;
    let new_key = new["apiKey"].as_str().unwrap();
    wait_for_status(&stack, new_key, 200).await;
    wait_for_status(&stack, key, 200).await;
    assert!(new["expiresAt"].is_string(), "{new}");
    let new_row = last_line(&stack, &["show", new["keyId"].as_str().unwrap()]).await;
    assert_eq!(
        (&new_row["name"], &new_row["rateLimitPerMinute"]),
        (&json!("wrist"), &json!(60_000))
    );
    let old_row = last_line(&stack, &["show", id]).await;
    assert!(
        old_row["expiresAt"].as_str() < row["expiresAt"].as_str(),
        "{old_row}"
    );

    let declined = run_keys(&stack, &["delete", id]).await;
    assert_eq!(
        (declined.code, declined.stdout.as_str()),
        (3, ""),
        "{}",
        declined.stderr
    );
    last_line(&stack, &["delete", id, "--yes"]).await;
    wait_for_status(&stack, key, 401).await;
    let unknown = run_keys(&stack, &["disable", id]).await;
    assert_eq!(unknown.code, 1, "{}", unknown.stderr);
    assert!(unknown.stderr.contains("has no key"), "{}", unknown.stderr);

    // A whole key that was typed by mistake is not printed.
    let whole = run_keys(&stack, &["show", new_key]).await;
    assert_eq!(whole.code, 2, "{}", whole.stderr);
    assert!(!whole.stderr.contains(new_key), "{}", whole.stderr);
}

/// Calls the DynamoDB API of the stack's table, which accepts any signature.
async fn dynamodb(stack: &LocalStack, action: &str, request: &Value) {
    let target = format!("DynamoDB_20120810.{action}");
    let request = http::client()
        .post(&stack.table_endpoint)
        .header("x-amz-target", target)
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-date", "20260115T103000Z")
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=local/20260115/us-east-1/dynamodb/aws4_request, \
             SignedHeaders=host, Signature=none",
        )
        .body(request.to_string());
    let response = request.send().await.unwrap();
    let status = response.status();
    assert!(status.is_success(), "{}", response.text().await.unwrap());
}

#[tokio::test]
async fn a_malformed_key_is_listed_and_can_be_deleted() {
    let stack = LocalStack::start(&[]).await;
    let made = last_line(&stack, &["create", "--name", "broken"]).await;
    let id = made["keyId"].as_str().unwrap();
    let item = json!({
        "TableName": infra::names::table(infra::Environment::Dev),
        "Key": {"PK": {"S": format!("APIKEY#{id}")}, "SK": {"S": "METADATA"}},
        "UpdateExpression": "REMOVE secretHash",
    });
    dynamodb(&stack, "UpdateItem", &item).await;
    let key = [("X-API-Key", made["apiKey"].as_str().unwrap())];
    let answer = stack.send(Method::GET, "/prices/BTC", &key).await;
    assert_eq!(answer.status, 503, "{}", answer.text);

    let listed = run_keys(&stack, &["list"]).await;
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    let states: Vec<_> = listed
        .json_lines()
        .into_iter()
        .map(|mut row| (row["keyId"] == id, row["state"].take()))
        .collect();
    let (key_of_stack, broken_key) = ((false, json!("enabled")), (true, json!("malformed")));
    assert_eq!(states, [key_of_stack, broken_key]);
    assert!(
        listed.stderr.contains(&format!("warning: {id}")),
        "{}",
        listed.stderr
    );
    let shown = run_keys(&stack, &["show", id]).await;
    assert_eq!(shown.code, 1, "{}", shown.stderr);
    assert!(shown.stderr.contains("hint: delete"), "{}", shown.stderr);
    last_line(&stack, &["delete", id, "--yes"]).await;
    assert_eq!(run_keys(&stack, &["list"]).await.json_lines().len(), 1);
}

#[tokio::test]
async fn an_expired_key_can_be_rotated_and_a_disabled_key_cannot() {
    let stack = LocalStack::start(&[]).await;
    let short = ["create", "--name", "short", "--expires-in", "1s"];
    let made = last_line(&stack, &short).await;
    let id = made["keyId"].as_str().unwrap();
    eventually("the key's expiry", EFFECT_LIMIT, async || {
        (last_line(&stack, &["show", id]).await["state"] == "expired").then_some(())
    })
    .await;
    let renewed = run_keys(&stack, &["rotate", id, "--expires-in", "1h"]).await;
    assert_eq!(renewed.code, 0, "{}", renewed.stderr);
    assert!(
        renewed.stderr.contains("has not been accepted since"),
        "{}",
        renewed.stderr
    );
    let renewed = renewed.last_json_line();
    let new_id = renewed["keyId"].as_str().unwrap();
    let row = last_line(&stack, &["show", new_id]).await;
    assert_eq!(row["state"], "enabled", "{row}");
    assert_eq!(row["expiresAt"], renewed["expiresAt"]);

    last_line(&stack, &["disable", new_id]).await;
    let refused = run_keys(&stack, &["rotate", new_id]).await;
    assert_eq!((refused.code, refused.stdout.as_str()), (1, ""));
    for part in ["is disabled", "hint: ", "keys enable", "keys create"] {
        assert!(refused.stderr.contains(part), "{}", refused.stderr);
    }
    assert_eq!(run_keys(&stack, &["list"]).await.json_lines().len(), 3);
}

#[tokio::test]
async fn a_limit_above_the_maximum_causes_a_warning_and_a_rotation_lowers_the_limit() {
    let stack = LocalStack::start(&[]).await;
    let maximum = contract::MAX_REQUESTS_PER_MINUTE;
    let limit = maximum.to_string();
    let made = last_line(&stack, &["create", "--name", "hub", "--rate-limit", &limit]).await;
    let id = made["keyId"].as_str().unwrap();
    let warning = format!("warning: the limit of {id} is");
    let listed = run_keys(&stack, &["list"]).await;
    assert!(!listed.stderr.contains(&warning), "{}", listed.stderr);

    let item = json!({
        "TableName": infra::names::table(infra::Environment::Dev),
        "Key": {"PK": {"S": format!("APIKEY#{id}")}, "SK": {"S": "METADATA"}},
        "UpdateExpression": "SET rateLimitPerMinute = :limit",
        "ExpressionAttributeValues": {":limit": {"N": (maximum.get() + 1).to_string()}},
    });
    dynamodb(&stack, "UpdateItem", &item).await;
    let key = [("X-API-Key", made["apiKey"].as_str().unwrap())];
    let answer = stack.send(Method::GET, "/prices/BTC", &key).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    for arguments in [&["list"][..], &["show", id]] {
        let run = run_keys(&stack, arguments).await;
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert!(run.stderr.contains(&warning), "{}", run.stderr);
    }

    let rotated = run_keys(&stack, &["rotate", id]).await;
    assert_eq!(rotated.code, 0, "{}", rotated.stderr);
    let lowered = format!("the limit of the new key is {maximum} requests a minute");
    assert!(rotated.stderr.contains(&lowered), "{}", rotated.stderr);
    let new_id = rotated.last_json_line()["keyId"].clone();
    let row = last_line(&stack, &["show", new_id.as_str().unwrap()]).await;
    assert_eq!(row["rateLimitPerMinute"], maximum.get());
}

#[tokio::test]
async fn invalid_arguments_cause_a_usage_error_before_any_connection() {
    // Nothing listens on port 1.
    let target = ["--endpoint-url", "http://127.0.0.1:1"];
    let long = "x".repeat(101);
    for arguments in [
        &["create", "--name", ""][..],
        &["create", "--name", " "],
        &["create", "--name", &long],
        &["create", "--name", "x", "--expires-in", "0s"],
        &["create", "--name", "x", "--rate-limit", "0"],
        &["create", "--name", "x", "--rate-limit", "60001"],
        &["create", "--name", "x", "--rate-limit", "many"],
        &["rotate", "0123456789AB", "--expires-in", "0s"],
        &["show", "short"],
    ] {
        let run = xtask::run(&[&["keys"], arguments, &target[..]].concat(), &[]).await;
        assert_eq!(run.code, 2, "{arguments:?}: {}", run.stderr);
        assert_eq!(run.stdout, "");
    }
}

#[tokio::test]
async fn at_a_terminal_list_prints_a_table_and_delete_asks_first() {
    let stack = LocalStack::start(&[]).await;
    let made = last_line(&stack, &["create", "--name", "wrist"]).await;
    let id = made["keyId"].as_str().unwrap();
    let target = ["--endpoint-url", &*stack.table_endpoint];
    let at_terminal = async |arguments: &[&str], typed| {
        xtask::run_at_terminal(&[&["keys"], arguments, &target[..]].concat(), typed).await
    };
    let listed = at_terminal(&["list"], "").await;
    let lines: Vec<_> = listed.stdout.lines().collect();
    let headings = "KEY ID        NAME   STATE    CREATED               LAST USED  EXPIRES  LIMIT";
    assert_eq!(lines[0], headings);
    let row = lines.iter().find(|line| line.starts_with(id)).unwrap();
    assert!(
        row.starts_with(&format!("{id}  wrist  enabled  20")),
        "{row}"
    );
    assert!(row.ends_with("  never      never    default"), "{row}");

    let question = format!("Delete the key {id} (wrist) of dev permanently? [y/N]");
    for (typed, code) in [("n\n", 3), ("\n", 3), ("yes\n", 0)] {
        let run = at_terminal(&["delete", id], typed).await;
        assert_eq!(run.code, code, "{typed:?}: {}", run.stderr);
        assert!(run.stderr.contains(&question), "{}", run.stderr);
    }
    assert_eq!(run_keys(&stack, &["show", id]).await.code, 1);
}
