//! `cargo xtask keys`: the commands `create`, `rotate`, `usage` and `restore`.

use std::io::pipe;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::Method;
use serde_json::Value;
use tests::http::eventually;
use tests::local_stack::LocalStack;
use tests::ministack::Ministack;
use tests::scripted::{Answer, Scripted};
use tests::xtask::{self, Run};
use tokio::net::TcpListener;

use crate::{assert_outcome, deploy, feed, run};

#[tokio::test]
async fn a_key_for_a_missing_table_is_refused_with_a_hint() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let keys = ["keys", "create", "--name", "watch", "--env", "staging"];
    let refused = run(&ministack, &keys).await;
    assert_eq!(
        (refused.code, refused.stdout.as_str()),
        (1, ""),
        "{}",
        refused.stderr
    );
    assert!(
        refused.stderr.contains("crypto-watch-data-staging"),
        "{}",
        refused.stderr
    );
    assert!(
        refused
            .stderr
            .contains("hint: deploy first (`cargo xtask deploy --env staging`)"),
        "{}",
        refused.stderr
    );
}

#[tokio::test]
async fn a_new_key_is_printed_alone_on_stdout_and_a_blank_name_is_refused() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let (_feed, feed_url) = feed().await;
    let first = deploy(&ministack, "dev", &feed_url, &["--yes"]).await;
    assert_outcome(&first, 0, "deployed");
    let made = run(&ministack, &["keys", "create", "--name", "watch"]).await;
    assert_eq!(made.code, 0, "{}", made.stderr);
    let key = made.stdout.strip_suffix('\n').unwrap();
    let lengths: Vec<usize> = key.split('_').map(str::len).collect();
    // The prefix `cw`, the id and the secret.
    assert_eq!(lengths, [2, 12, 43], "{key}");
    assert!(!made.stderr.contains(key), "{}", made.stderr);
    let unnamed = run(&ministack, &["keys", "create", "--name", " "]).await;
    assert_eq!(unnamed.code, 2, "{}", unnamed.stderr);
}

#[tokio::test]
async fn the_local_stack_accepts_a_key_that_was_created_in_its_table() {
    let stack = LocalStack::start(&[]).await;
    let endpoint = stack.table_endpoint.as_str();
    let arguments = [
        "keys",
        "create",
        "--name",
        "curl",
        "--endpoint-url",
        endpoint,
    ];
    let made = xtask::run(&arguments, &[]).await;
    assert_eq!(made.code, 0, "{}", made.stderr);
    let headers = [("X-API-Key", made.stdout.trim())];
    let prices = stack.send(Method::GET, "/prices/BTC", &headers).await;
    assert_ne!(prices.status, 401, "{}", prices.text);
}

async fn run_into(stdout: Stdio, arguments: &[&str]) -> Run {
    let mut command = xtask::command(arguments, &[]);
    let command = command.stdin(Stdio::null()).stdout(stdout);
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    let output = child.wait_with_output().await.unwrap();
    Run {
        code: output.status.code().unwrap(),
        stdout: String::new(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Returns the writing end of a pipe without a reader.
fn closed_pipe() -> Stdio {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    writer.into()
}

#[cfg(target_os = "linux")]
fn full_disk() -> Stdio {
    std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap()
        .into()
}

fn null_device() -> Stdio {
    Stdio::null()
}

const STORED_KEY: Answer = Answer::ok(
    "GetItem",
    r#"{"Item":{"PK":{"S":"APIKEY#0123456789AB"},"SK":{"S":"METADATA"},"keyId":{"S":"0123456789AB"},"name":{"S":"watch"},"createdAt":{"S":"2026-01-15T10:30:00Z"},"enabled":{"BOOL":true},"secretHash":{"S":"0000000000000000000000000000000000000000000000000000000000000000"}}}"#,
);
/// The responses of a table with one API key.
const TABLE: &[Answer] = &[
    STORED_KEY,
    Answer::ok("PutItem", "{}"),
    Answer::ok("UpdateItem", "{}"),
    Answer::ok("DeleteItem", "{}"),
];

const CREATE: &[&str] = &["keys", "create", "--name", "watch"];
const ROTATE: &[&str] = &["keys", "rotate", "0123456789AB"];
const KEY_CREATIONS: [&[&str]; 4] = [
    CREATE,
    &["keys", "create", "--name", "watch", "--output", "json"],
    ROTATE,
    &["keys", "rotate", "0123456789AB", "--output", "json"],
];

/// Returns the id of the API key in the body of a request: in the field `Item` or `Key`.
fn key_id(body: &str, field: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap();
    let key = body[field]["PK"]["S"].as_str().unwrap();
    key.strip_prefix("APIKEY#").unwrap().to_owned()
}

#[tokio::test]
async fn no_key_is_created_if_nothing_reads_stdout() {
    for command in KEY_CREATIONS {
        for stdout in [closed_pipe, null_device] {
            let endpoint = Scripted::start(TABLE).await;
            let arguments = [command, &["--endpoint-url", endpoint.url()]].concat();
            let refused = run_into(stdout(), &arguments).await;
            assert_eq!(refused.code, 1, "{command:?}: {}", refused.stderr);
            let words = "error: no key was created: nothing reads stdout";
            assert!(refused.stderr.contains(words), "{}", refused.stderr);
            assert!(refused.stderr.contains("hint: "), "{}", refused.stderr);
            assert!(
                endpoint.all_requests().is_empty(),
                "{:?}",
                endpoint.all_requests()
            );
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_key_that_cannot_be_shown_is_deleted_again_and_the_old_key_does_not_expire() {
    for command in KEY_CREATIONS {
        let endpoint = Scripted::start(TABLE).await;
        let arguments = [command, &["--endpoint-url", endpoint.url()]].concat();
        let failed = run_into(full_disk(), &arguments).await;
        assert_eq!(failed.code, 1, "{command:?}: {}", failed.stderr);
        let words = "error: could not show the new key: writing to stdout: No space left on device";
        assert!(failed.stderr.contains(words), "{}", failed.stderr);
        assert!(
            failed.stderr.contains("; no key was created"),
            "{}",
            failed.stderr
        );
        let made = key_id(&endpoint.requests("PutItem")[0].body, "Item");
        let removed = key_id(&endpoint.requests("DeleteItem")[0].body, "Key");
        assert_eq!(made, removed);
        assert!(endpoint.requests("UpdateItem").is_empty());
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_error_has_the_id_of_a_key_that_can_neither_be_shown_nor_deleted() {
    let denied = Answer::error(
        "DeleteItem",
        400,
        r#"{"__type":"com.amazon.coral.service#AccessDeniedException","message":"not authorized to perform: dynamodb:DeleteItem"}"#,
    );
    let endpoint = Scripted::start(&tests::scripted::with_changes(&[denied], TABLE)).await;
    let arguments = [ROTATE, &["--endpoint-url", endpoint.url()]].concat();
    let failed = run_into(full_disk(), &arguments).await;
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    let made = key_id(&endpoint.requests("PutItem")[0].body, "Item");
    let hint = format!("hint: delete it with `cargo xtask keys delete {made} --env dev`");
    assert!(failed.stderr.contains(&hint), "{}", failed.stderr);
    assert!(endpoint.requests("UpdateItem").is_empty());
}

#[tokio::test]
async fn a_lost_response_creates_no_second_key() {
    // If the response to the first attempt is lost, the second attempt is refused, because the key exists.
    // Here the table stores the key and refuses the first attempt.
    let key_exists = Answer::error(
        "PutItem",
        400,
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"The conditional request failed"}"#,
    );
    let endpoint = start_table(move |action, body, stored| match action {
        "PutItem" => {
            *stored = Some(body["Item"].clone());
            Reply::Now(key_exists.status, key_exists.body.to_owned())
        }
        _ => Reply::Now(
            200,
            serde_json::json!({ "Item": stored.clone() }).to_string(),
        ),
    })
    .await;
    let arguments = [CREATE, &["--endpoint-url", &endpoint.url]].concat();
    let made = xtask::run(&arguments, &[]).await;
    assert_eq!(made.code, 0, "{}", made.stderr);
    let puts = endpoint.requests("PutItem");
    assert_eq!(puts.len(), 1, "{puts:?}");
    let id = key_id(&puts[0], "Item");
    assert!(
        made.stdout.starts_with(&format!("cw_{id}_")),
        "{}",
        made.stdout
    );
}

#[tokio::test]
async fn an_interrupted_command_leaves_no_key() {
    for (command, signal) in [
        (CREATE, Signal::SIGINT),
        (CREATE, Signal::SIGTERM),
        (ROTATE, Signal::SIGHUP),
    ] {
        let endpoint = start_table(|action, _, _| match action {
            "GetItem" => Reply::Now(200, STORED_KEY.body.to_owned()),
            "PutItem" => Reply::Never,
            _ => Reply::Now(200, "{}".to_owned()),
        })
        .await;
        let arguments = [command, &["--endpoint-url", &endpoint.url]].concat();
        let mut command = xtask::command(&arguments, &[]);
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        let is_called = async || (!endpoint.requests("PutItem").is_empty()).then_some(());
        eventually("the key is being stored", Duration::from_mins(1), is_called).await;
        let pid = i32::try_from(child.id().unwrap()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
        let output = child.wait_with_output().await.unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(output.stdout.is_empty());
        assert!(
            stderr.contains("error: interrupted; no key was created"),
            "{stderr}"
        );
        let made = key_id(&endpoint.requests("PutItem")[0], "Item");
        assert_eq!(key_id(&endpoint.requests("DeleteItem")[0], "Key"), made);
        assert!(endpoint.requests("UpdateItem").is_empty());
    }
}

#[tokio::test]
async fn a_name_with_an_invisible_character_is_refused_before_any_call() {
    for (name, code) in [
        ("a\u{202e}b", "U+202E"),
        ("a\u{200b}b", "U+200B"),
        ("a\u{1b}b", "U+001B"),
    ] {
        let endpoint = Scripted::start(TABLE).await;
        let arguments = [
            "keys",
            "create",
            "--name",
            name,
            "--endpoint-url",
            endpoint.url(),
        ];
        let refused = xtask::run(&arguments, &[]).await;
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        let words = format!(
            "error: --name cannot be used: a key's name must not contain invisible characters: this one contains {code}\n"
        );
        assert!(refused.stderr.contains(&words), "{}", refused.stderr);
        assert!(endpoint.all_requests().is_empty());
    }
}

#[tokio::test]
async fn a_rotated_key_gets_the_old_name_without_its_invisible_characters() {
    let key = Answer::ok(
        "GetItem",
        r#"{"Item":{"PK":{"S":"APIKEY#0123456789AB"},"SK":{"S":"METADATA"},"keyId":{"S":"0123456789AB"},"name":{"S":"wa\u202etch"},"createdAt":{"S":"2026-01-15T10:30:00Z"},"enabled":{"BOOL":true},"secretHash":{"S":"0000000000000000000000000000000000000000000000000000000000000000"}}}"#,
    );
    let endpoint = Scripted::start(&tests::scripted::with_changes(&[key], TABLE)).await;
    let arguments = [ROTATE, &["--endpoint-url", endpoint.url()]].concat();
    let rotated = xtask::run(&arguments, &[]).await;
    assert_eq!(rotated.code, 0, "{}", rotated.stderr);
    let made: Value = serde_json::from_str(&endpoint.requests("PutItem")[0].body).unwrap();
    assert_eq!(made["Item"]["name"]["S"], "watch");
}

const USAGE: &[Answer] = &[
    Answer::ok("StartQuery", r#"{"queryId":"q"}"#),
    Answer::ok("GetQueryResults", r#"{"status":"Running","results":[]}"#),
    Answer::ok(
        "GetQueryResults",
        r#"{"status":"Complete","statistics":{"bytesScanned":1500000000.0},"results":[
        [{"field":"keyId","value":"0123********"},{"field":"status","value":"200"},{"field":"requests","value":"90"}],
        [{"field":"status","value":"404"},{"field":"requests","value":"200"}],
        [{"field":"keyId","value":"\u001b[2J********"},{"field":"status","value":"401"},{"field":"requests","value":"5"}],
        [{"field":"keyId","value":"0123********"},{"field":"status","value":"429"},{"field":"requests","value":"10"}]]}"#,
    ),
    Answer::ok("Query", r#"{"Items":[{"PK":{"S":"APIKEY#0123456789AB"}}]}"#),
    Answer::ok(
        "BatchGetItem",
        r#"{"Responses":{"crypto-watch-data-prod":[{"PK":{"S":"APIKEY#0123456789AB"},"SK":{"S":"METADATA"},"keyId":{"S":"0123456789AB"},"name":{"S":"watch"},"createdAt":{"S":"2026-01-15T10:30:00Z"},"enabled":{"BOOL":true},"secretHash":{"S":"0000000000000000000000000000000000000000000000000000000000000000"}}]}}"#,
    ),
];

async fn usage(script: &[Answer]) -> (Scripted, Run) {
    let endpoint = Scripted::start(script).await;
    let arguments = ["keys", "usage", "--env", "prod", "--since", "2h"];
    let target = ["--endpoint-url", endpoint.url()];
    let run = xtask::run(&[&arguments[..], &target].concat(), &[]).await;
    (endpoint, run)
}

#[tokio::test]
async fn usage_counts_the_requests_of_each_key_in_the_log_of_the_function() {
    let (endpoint, usage) = usage(USAGE).await;
    assert_eq!(usage.code, 0, "{}", usage.stderr);
    let expected = "\
KEY ID             NAME   REQUESTS  BY STATUS
no key             -      200       404: 200
0123456789AB       watch  100       200: 90, 429: 10
\\u{1b}[2J********  -      5         401: 5
";
    assert_eq!(usage.stdout, expected);
    assert!(
        usage.stderr.contains("scanned 1.500 GB"),
        "{}",
        usage.stderr
    );
    let query: Value = serde_json::from_str(&endpoint.requests("StartQuery")[0].body).unwrap();
    assert_eq!(query["logGroupName"], "/aws/lambda/crypto-watch-api-prod");
    let seconds = query["endTime"].as_i64().unwrap() - query["startTime"].as_i64().unwrap();
    assert_eq!(seconds, 2 * 60 * 60);
}

#[tokio::test]
async fn a_failed_query_for_the_usage_is_an_error_with_a_hint() {
    let failed = Answer::ok("GetQueryResults", r#"{"status":"Timeout","results":[]}"#);
    let (_endpoint, usage) = usage(&tests::scripted::with_changes(&[failed], USAGE)).await;
    assert_eq!((usage.code, usage.stdout.as_str()), (1, ""));
    for part in [
        "could not count the requests in /aws/lambda/crypto-watch-api-prod: the query ended with the status Timeout",
        "hint: rerun with a shorter --since",
    ] {
        assert!(usage.stderr.contains(part), "{}", usage.stderr);
    }
}

const TIME: &str = "2026-01-15T10:00:00Z";
const RESTORED: &str = "crypto-watch-data-prod-restored-20260115T100000Z";
const NO_TABLE: Answer = Answer::error(
    "DescribeTable",
    400,
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"no table"}"#,
);
const ACTIVE: Answer = Answer::ok(
    "DescribeTable",
    r#"{"Table":{"TableStatus":"ACTIVE","TableArn":"arn:aws:dynamodb:us-east-1:111122223333:table/r","RestoreSummary":{"SourceTableArn":"arn:aws:dynamodb:us-east-1:111122223333:table/crypto-watch-data-prod","RestoreDateTime":1768471200.0,"RestoreInProgress":false}}}"#,
);
const CREATING: Answer = Answer::ok("DescribeTable", r#"{"Table":{"TableStatus":"CREATING"}}"#);
const CURRENT_IDS: Answer =
    Answer::ok("Query", r#"{"Items":[{"PK":{"S":"APIKEY#0123456789AB"}}]}"#);
const CURRENT_KEYS: Answer = Answer::ok(
    "BatchGetItem",
    r#"{"Responses":{"crypto-watch-data-prod":[{"PK":{"S":"APIKEY#0123456789AB"},"SK":{"S":"METADATA"},"keyId":{"S":"0123456789AB"},"name":{"S":"watch"},"createdAt":{"S":"2026-01-14T10:30:00Z"},"enabled":{"BOOL":false},"secretHash":{"S":"0000000000000000000000000000000000000000000000000000000000000000"}}]}}"#,
);
/// A restored table with two keys, and a current table that has only one of them.
const LOST: &[Answer] = &[
    crate::scripts::CALLER,
    NO_TABLE,
    CREATING,
    ACTIVE,
    Answer::ok("RestoreTableToPointInTime", "{}"),
    Answer::ok("TagResource", "{}"),
    Answer::ok("DeleteTable", "{}"),
    Answer::ok(
        "Query",
        r#"{"Items":[{"PK":{"S":"APIKEY#0123456789AB"}},{"PK":{"S":"APIKEY#ZZZZ56789ABC"}}]}"#,
    ),
    CURRENT_IDS,
    Answer::ok(
        "BatchGetItem",
        r#"{"Responses":{"crypto-watch-data-prod-restored-20260115T100000Z":[
            {"PK":{"S":"APIKEY#0123456789AB"},"SK":{"S":"METADATA"},"keyId":{"S":"0123456789AB"},"name":{"S":"changed since"},"createdAt":{"S":"2026-01-14T10:30:00Z"},"enabled":{"BOOL":true},"secretHash":{"S":"0000000000000000000000000000000000000000000000000000000000000000"}},
            {"PK":{"S":"APIKEY#ZZZZ56789ABC"},"SK":{"S":"METADATA"},"keyId":{"S":"ZZZZ56789ABC"},"name":{"S":"lost"},"createdAt":{"S":"2026-01-14T10:30:00Z"},"enabled":{"BOOL":false},"rateLimitPerMinute":{"N":"7"},"secretHash":{"S":"1111111111111111111111111111111111111111111111111111111111111111"}}]}}"#,
    ),
    CURRENT_KEYS,
    Answer::ok("PutItem", "{}"),
];

fn restore_arguments<'a>(endpoint: &'a Scripted, more: &[&'a str]) -> Vec<&'a str> {
    let arguments = ["keys", "restore", "--env", "prod", "--from-time", TIME];
    [&arguments[..], more, &["--endpoint-url", endpoint.url()]].concat()
}

async fn restore(script: &[Answer], more: &[&str]) -> (Scripted, Run) {
    let endpoint = Scripted::start(script).await;
    let run = xtask::run(&restore_arguments(&endpoint, more), &[]).await;
    (endpoint, run)
}

#[tokio::test]
async fn a_missing_key_is_restored_as_it_was_and_no_other_key_is_changed() {
    let (endpoint, restored) = restore(LOST, &["--yes", "--output", "json"]).await;
    assert_eq!(restored.code, 0, "{}", restored.stderr);
    let lines = restored.json_lines();
    assert_eq!(lines.len(), 1);
    assert_eq!(
        (&lines[0]["keyId"], &lines[0]["state"]),
        (&"ZZZZ56789ABC".into(), &"restored".into())
    );
    let body = |action: &str| -> Value {
        let requests = endpoint.requests(action);
        assert_eq!(requests.len(), 1, "{action}");
        serde_json::from_str(&requests[0].body).unwrap()
    };
    let began = body("RestoreTableToPointInTime");
    assert_eq!(began["SourceTableName"], "crypto-watch-data-prod");
    assert_eq!(began["TargetTableName"], RESTORED);
    assert_eq!(began["RestoreDateTime"].as_f64(), Some(1_768_471_200.0));
    let stored = body("PutItem");
    assert_eq!(stored["TableName"], "crypto-watch-data-prod");
    assert_eq!(stored["ConditionExpression"], "attribute_not_exists(#pk)");
    assert_eq!(stored["Item"]["PK"]["S"], "APIKEY#ZZZZ56789ABC");
    assert_eq!(stored["Item"]["enabled"]["BOOL"], false);
    assert_eq!(stored["Item"]["secretHash"]["S"], "1".repeat(64));
    assert_eq!(body("DeleteTable")["TableName"], RESTORED);
    assert_eq!(body("TagResource")["Tags"][0]["Value"], "prod");
    assert!(
        restored.stderr.contains("ZZZZ56789ABC  lost  disabled"),
        "{}",
        restored.stderr
    );
    assert!(!restored.stderr.contains("1111111"), "{}", restored.stderr);
}

#[tokio::test]
async fn the_restored_table_is_deleted_if_there_is_no_key_to_restore() {
    // The restored table has the same key as the current table.
    let nothing_lost = tests::scripted::with_changes(&[CURRENT_IDS, CURRENT_KEYS], LOST);
    for (script, more, words) in [
        (&nothing_lost[..], &["--yes"][..], "the table had 1 key at"),
        (
            LOST,
            &["--yes", "--key", "0123456789AB"],
            "0123456789AB exists now and is not changed",
        ),
        (
            LOST,
            &["--yes", "--key", "AAAA56789ABC"],
            "warning: AAAA56789ABC did not exist at 2026-01-15T10:00:00Z",
        ),
    ] {
        let (endpoint, run) = restore(script, more).await;
        assert_eq!(run.code, 0, "{}", run.stderr);
        for words in ["nothing to restore: ", words] {
            assert!(run.stderr.contains(words), "{}", run.stderr);
        }
        assert!(endpoint.requests("PutItem").is_empty());
        assert_eq!(endpoint.requests("DeleteTable").len(), 1);
    }
}

#[tokio::test]
async fn without_confirmation_no_key_is_restored_and_no_table_is_left() {
    let endpoint = Scripted::start(LOST).await;
    // For prod, only the name of the stack is a confirmation.
    let declined = xtask::run_at_terminal(&restore_arguments(&endpoint, &[]), "y\n").await;
    assert_eq!(declined.code, 3, "{}", declined.stderr);
    let question = "Restore 1 key of prod as of 2026-01-15T10:00:00Z?";
    assert!(declined.stderr.contains(question), "{}", declined.stderr);
    assert!(endpoint.requests("PutItem").is_empty());
    assert_eq!(endpoint.requests("DeleteTable").len(), 1);
    // Without a terminal, the command cannot ask, so it does not start a restore.
    let (endpoint, refused) = restore(LOST, &[]).await;
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(endpoint.requests("RestoreTableToPointInTime").is_empty());
}

#[tokio::test]
async fn restore_does_not_change_a_key_that_was_created_meanwhile() {
    let key_exists = Answer::error(
        "PutItem",
        400,
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"exists"}"#,
    );
    let (endpoint, run) = restore(
        &tests::scripted::with_changes(&[key_exists], LOST),
        &["--yes"],
    )
    .await;
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(
        run.stderr
            .contains("ZZZZ56789ABC exists now and is not changed"),
        "{}",
        run.stderr
    );
    assert_eq!(endpoint.requests("DeleteTable").len(), 1);
}

#[tokio::test]
async fn a_time_without_a_backup_is_an_error_with_a_hint_and_leaves_no_table() {
    let refused = Answer::error(
        "RestoreTableToPointInTime",
        400,
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#InvalidRestoreTimeException","message":"too early"}"#,
    );
    let (_endpoint, run) =
        restore(&tests::scripted::with_changes(&[refused], LOST), &["--yes"]).await;
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(
        run.stderr
            .contains("hint: `aws dynamodb describe-continuous-backups"),
        "{}",
        run.stderr
    );
    assert!(!run.stderr.contains("may still exist"), "{}", run.stderr);
    let usage = xtask::run(&["keys", "restore", "--from-time", "yesterday"], &[]).await;
    assert_eq!(usage.code, 2, "{}", usage.stderr);
}

#[tokio::test]
async fn a_failed_restore_keeps_the_restored_table_and_a_rerun_uses_that_table() {
    let denied = Answer::error(
        "PutItem",
        400,
        r#"{"__type":"com.amazon.coral.service#AccessDeniedException","message":"not authorized to perform: dynamodb:PutItem"}"#,
    );
    let (endpoint, failed) =
        restore(&tests::scripted::with_changes(&[denied], LOST), &["--yes"]).await;
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    let message = format!("{RESTORED} may still exist: rerun the same command to continue with it");
    assert!(failed.stderr.contains(&message), "{}", failed.stderr);
    assert!(endpoint.requests("DeleteTable").is_empty());

    let (endpoint, rerun) =
        restore(&tests::scripted::with_changes(&[ACTIVE], LOST), &["--yes"]).await;
    assert_eq!(rerun.code, 0, "{}", rerun.stderr);
    assert!(
        rerun
            .stderr
            .contains(&format!("continuing with {RESTORED}")),
        "{}",
        rerun.stderr
    );
    assert!(endpoint.requests("RestoreTableToPointInTime").is_empty());
    assert_eq!(endpoint.requests("PutItem").len(), 1);
}

#[tokio::test]
async fn an_existing_table_that_is_not_the_requested_restore_is_refused() {
    for table in [
        r#"{"Table":{"TableStatus":"ACTIVE"}}"#,
        r#"{"Table":{"TableStatus":"ACTIVE","RestoreSummary":{"SourceTableArn":"arn:aws:dynamodb:us-east-1:111122223333:table/crypto-watch-data-prod","RestoreDateTime":1768471201.0,"RestoreInProgress":false}}}"#,
        r#"{"Table":{"TableStatus":"ACTIVE","RestoreSummary":{"SourceTableArn":"arn:aws:dynamodb:us-east-1:111122223333:table/other","RestoreDateTime":1768471200.0,"RestoreInProgress":false}}}"#,
    ] {
        let found = Answer::ok("DescribeTable", table);
        let (endpoint, refused) =
            restore(&tests::scripted::with_changes(&[found], LOST), &["--yes"]).await;
        assert_eq!(refused.code, 1, "{}", refused.stderr);
        assert!(
            refused.stderr.contains("is not a usable restore"),
            "{}",
            refused.stderr
        );
        assert!(endpoint.requests("DeleteTable").is_empty());
        assert!(endpoint.requests("PutItem").is_empty());
    }
}

#[tokio::test]
async fn an_interrupted_restore_names_the_table_and_how_to_continue_or_delete_it() {
    let endpoint =
        Scripted::start(&tests::scripted::with_changes(&[NO_TABLE, CREATING], LOST)).await;
    let mut command = xtask::command(&restore_arguments(&endpoint, &["--yes"]), &[]);
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    // The command calls `DescribeTable` once before the restore, and repeatedly while it waits.
    let is_waiting = async || (endpoint.requests("DescribeTable").len() > 2).then_some(());
    eventually(
        "the table is being restored",
        Duration::from_mins(1),
        is_waiting,
    )
    .await;
    kill(
        Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()),
        Signal::SIGINT,
    )
    .unwrap();
    let output = child.wait_with_output().await.unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    let message = format!(
        "{RESTORED} may still exist: rerun the same command to continue with it, or delete it with `aws dynamodb delete-table --table-name {RESTORED}`"
    );
    assert!(stderr.contains(&message), "{stderr}");
    assert!(endpoint.requests("DeleteTable").is_empty());
}

enum Reply {
    Now(u16, String),
    Never,
}

/// A table whose responses depend on earlier requests.
struct Table {
    url: String,
    /// The action and the body of each request.
    requests: Arc<Mutex<Vec<(String, String)>>>,
}

impl Table {
    /// Returns the bodies of the requests for an action.
    fn requests(&self, action: &str) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        let matching = requests.iter().filter(|(called, _)| called == action);
        matching.map(|(_, body)| body.clone()).collect()
    }
}

/// Starts a table. `reply` gets the action and the body of a request, and a value that the next call of
/// `reply` gets again.
async fn start_table(
    mut reply: impl FnMut(&str, &Value, &mut Option<Value>) -> Reply + Send + 'static,
) -> Table {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(Mutex::new(Vec::new()));
    let recorded = Arc::clone(&requests);
    let mut kept = None;
    let mut answer = move |action: &str, body: &str| {
        let parsed = serde_json::from_str(body).unwrap_or_default();
        let reply = reply(action, &parsed, &mut kept);
        recorded
            .lock()
            .unwrap()
            .push((action.to_owned(), body.to_owned()));
        reply
    };
    let answer = Arc::new(Mutex::new(move |headers: &HeaderMap, body: &str| {
        let target = headers["x-amz-target"].to_str().unwrap();
        answer(target.rsplit('.').next().unwrap(), body)
    }));
    let router = Router::new().fallback(async move |headers: HeaderMap, body: String| {
        let reply = answer.lock().unwrap()(&headers, &body);
        match reply {
            Reply::Now(status, body) => {
                let status = axum::http::StatusCode::from_u16(status).unwrap();
                (
                    status,
                    [("content-type", "application/x-amz-json-1.0")],
                    body,
                )
            }
            Reply::Never => std::future::pending().await,
        }
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    Table { url, requests }
}

#[tokio::test]
async fn a_rotation_whose_key_cannot_be_shown_leaves_the_local_table_unchanged() {
    let stack = LocalStack::start(&[]).await;
    let target = ["--output", "json", "--endpoint-url", &stack.table_endpoint];
    let keys = async |arguments: &[&str]| {
        let run = xtask::run(&[&["keys"], arguments, &target].concat(), &[]).await;
        assert_eq!(run.code, 0, "{}", run.stderr);
        run.json_lines()
    };
    let made = keys(&["create", "--name", "watch"]).await;
    let before = keys(&["list"]).await;
    let rotate = [
        "keys",
        "rotate",
        made[0]["keyId"].as_str().unwrap(),
        "--keep-old",
        "1s",
    ];
    for stdout in [
        closed_pipe(),
        #[cfg(target_os = "linux")]
        full_disk(),
    ] {
        let failed = run_into(stdout, &[&rotate[..], &target].concat()).await;
        assert_eq!(failed.code, 1, "{}", failed.stderr);
        assert_eq!(keys(&["list"]).await, before);
    }
}
