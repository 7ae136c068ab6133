//! Commands that fail before any change, for example without credentials or permissions.

use std::os::unix::fs::PermissionsExt as _;
use std::{env, fs};

use tests::scripted::{self, Scripted};
use tests::xtask;
use tokio::task::JoinSet;

use crate::assert_outcome;
use crate::scripts::{self, CALLER, NO_STACK};

/// An endpoint without a server. Nothing listens on port 9, the port of the discard service.
const UNREACHABLE: &str = "http://127.0.0.1:9";

#[tokio::test]
async fn an_unreachable_endpoint_is_reported_with_a_hint() {
    let arguments = [
        "deploy",
        "--env",
        "dev",
        "--skip-tests",
        "--endpoint-url",
        UNREACHABLE,
    ];
    let failed = xtask::run(&arguments, &[]).await;
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    assert!(
        failed.stderr.contains("AWS could not be reached"),
        "{}",
        failed.stderr
    );
    assert!(failed.stderr.contains("hint:"), "{}", failed.stderr);
}

#[tokio::test]
async fn commands_that_call_aws_are_started_by_xtask_and_fail_without_credentials() {
    let commands = [
        "deploy --env dev --skip-tests",
        "plan --env dev --skip-tests --out plan.json",
        "diff --env dev",
        "rollback --env dev",
        "status --env dev",
        "outputs --env dev",
        "drift --env dev",
        "logs --env dev",
        "destroy --env dev",
        "keys list --env dev",
        "dead-letters show --env dev",
        "pipeline deploy --env dev --repository octo-org/octo-repo --owner-id 1 --repository-id 2",
    ];
    let mut runs = JoinSet::new();
    for command in commands {
        let typed: Vec<&str> = command.split(' ').collect();
        runs.spawn(async move { xtask::run_xtask(&typed, &[]).await });
    }
    while let Some(run) = runs.join_next().await {
        let run = run.unwrap();
        assert_eq!(run.code, 1, "{}", run.stderr);
        let words = "error: no AWS credentials";
        assert!(run.stderr.contains(words), "{}", run.stderr);
    }
}

#[tokio::test]
async fn a_deploy_fails_without_credentials_or_a_region() {
    let arguments = ["deploy", "--env", "dev", "--skip-tests", "--output", "json"];
    let without_credentials = xtask::run(&arguments, &[]).await;
    assert_outcome(&without_credentials, 1, "failed");
    assert!(
        without_credentials.stderr.contains("no AWS credentials"),
        "{}",
        without_credentials.stderr
    );

    let credentials = [
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];
    let without_region = xtask::run(&arguments, &credentials).await;
    assert_outcome(&without_region, 1, "failed");
    assert!(
        without_region.stderr.contains("no AWS region is set"),
        "{}",
        without_region.stderr
    );
}

#[tokio::test]
async fn an_account_other_than_expect_account_is_refused_before_the_tests_start() {
    let endpoint = Scripted::start(&[CALLER]).await;
    // Without `--skip-tests`: the deploy must fail before it starts the tests.
    let arguments = [
        "deploy",
        "--env",
        "prod",
        "--yes",
        "--expect-account",
        "444455556666",
        "--endpoint-url",
        endpoint.url(),
    ];
    let refused = xtask::run(&arguments, &[]).await;
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    let words =
        "these credentials belong to account 111122223333, and --expect-account is 444455556666";
    assert!(refused.stderr.contains(words), "{}", refused.stderr);
    let hint = "hint: use credentials of account 444455556666";
    assert!(refused.stderr.contains(hint), "{}", refused.stderr);
    // The rest of the identity's line, the endpoint, the error and the hint; no output of tests.
    let after_identity = refused.stderr.split("identity     ").nth(1).unwrap();
    assert_eq!(after_identity.lines().count(), 4, "{}", refused.stderr);
}

#[tokio::test]
async fn a_missing_rust_target_is_named_before_the_tests_run() {
    let folder = tempfile::tempdir().unwrap();
    let rustc = folder.path().join("rustc");
    fs::write(&rustc, "#!/bin/sh\n[ \"$1\" = --print ] && echo /missing\n").unwrap();
    fs::set_permissions(&rustc, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.path().display(), env::var("PATH").unwrap());
    for command in ["deploy --env dev", "plan --env dev --out plan.json"] {
        let endpoint = Scripted::start(&[CALLER, NO_STACK]).await;
        let mut arguments: Vec<&str> = command.split(' ').collect();
        arguments.extend(["--endpoint-url", endpoint.url()]);
        let failed = xtask::run(&arguments, &[("PATH", &path)]).await;
        assert_eq!(failed.code, 1, "{command}: {}", failed.stderr);
        let error = "error: could not build for x86_64-unknown-linux-gnu: the Rust target is not \
                     installed\nhint: run: rustup target add x86_64-unknown-linux-gnu\n";
        assert!(
            failed.stderr.ends_with(error),
            "{command}: {}",
            failed.stderr
        );
    }
}

#[tokio::test]
async fn an_account_without_twelve_digits_is_a_usage_error() {
    let arguments = ["deploy", "--env", "dev", "--expect-account", "prod"];
    let refused = xtask::run(&arguments, &[]).await;
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("twelve digits"),
        "{}",
        refused.stderr
    );
}

#[tokio::test]
async fn an_expired_session_is_explained_with_the_hint_to_sign_in() {
    let endpoint = Scripted::start(&[scripted::Answer {
        action: "GetCallerIdentity",
        status: 403,
        body: "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code>\
            <Message>The security token included in the request is expired</Message>\
            </Error><RequestId>id</RequestId></ErrorResponse>",
    }])
    .await;
    let arguments = [
        "deploy",
        "--env",
        "prod",
        "--yes",
        "--endpoint-url",
        endpoint.url(),
    ];
    let failed = xtask::run(&arguments, &[]).await;
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    assert!(failed.stderr.contains("ExpiredToken"), "{}", failed.stderr);
    assert!(
        failed.stderr.contains("hint: the AWS session has expired"),
        "{}",
        failed.stderr
    );
}

#[tokio::test]
async fn a_missing_permission_is_reported_with_the_message_of_aws() {
    let endpoint = Scripted::start(&[
        CALLER,
        scripted::Answer {
            action: "DescribeStacks",
            status: 403,
            body: "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>\
                <Message>User: arn:aws:iam::111122223333:user/ops is not authorized to \
                perform: cloudformation:DescribeStacks</Message></Error>\
                <RequestId>id</RequestId></ErrorResponse>",
        },
    ])
    .await;
    let arguments = [
        "deploy",
        "--env",
        "prod",
        "--yes",
        "--skip-tests",
        "--endpoint-url",
        endpoint.url(),
    ];
    let failed = xtask::run(&arguments, &[]).await;
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    assert!(
        failed.stderr.contains("account      111122223333"),
        "{}",
        failed.stderr
    );
    let words = "not authorized to perform: cloudformation:DescribeStacks";
    assert!(failed.stderr.contains(words), "{}", failed.stderr);
    assert!(
        failed
            .stderr
            .contains("hint: this identity lacks a permission"),
        "{}",
        failed.stderr
    );
}

#[tokio::test]
async fn a_throttled_call_is_retried_and_then_reported() {
    let throttled = scripted::Answer::error(
        "DescribeStacks",
        400,
        "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code>\
         <Message>Rate exceeded</Message></Error></ErrorResponse>",
    );
    let endpoint = scripts::start(&[CALLER, throttled]).await;
    let url = endpoint.url();
    let arguments = [
        "deploy",
        "--env",
        "dev",
        "--skip-tests",
        "--yes",
        "--endpoint-url",
        url,
    ];
    let failed = xtask::run(&arguments, &[]).await;
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    let words =
        "error: could not read the stack crypto-watch-artifacts-dev: Throttling: Rate exceeded";
    assert!(failed.stderr.contains(words), "{}", failed.stderr);
    let hint = "hint: AWS is throttling this account: wait a minute and try again";
    assert!(failed.stderr.contains(hint), "{}", failed.stderr);
    // The deploy reads the stack at its start, and again before it deletes change sets.
    let of_bucket = "DescribeStacks&StackName=crypto-watch-artifacts-dev";
    assert_eq!(
        endpoint.requests(of_bucket).len() % 4,
        0,
        "four attempts for each call"
    );
}

/// Returns the error for an expired session in the JSON protocol.
const fn expired(action: &'static str) -> scripted::Answer {
    scripted::Answer::error(
        action,
        400,
        r#"{"__type":"com.amazon.coral.service#ExpiredTokenException","message":"The security token included in the request is expired"}"#,
    )
}

#[tokio::test]
async fn every_command_explains_an_expired_session_in_the_same_way() {
    let script = ["Query", "FilterLogEvents", "GetQueueUrl", "GetItem"].map(expired);
    for command in [
        "keys list --env prod",
        "keys show 0123456789AB --env prod",
        "logs --env prod",
        "dead-letters show --env prod",
    ] {
        let endpoint = Scripted::start(&script).await;
        let mut arguments: Vec<&str> = command.split(' ').collect();
        arguments.extend(["--endpoint-url", endpoint.url()]);
        let failed = xtask::run(&arguments, &[]).await;
        assert_eq!(failed.code, 1, "{command}: {}", failed.stderr);
        let code = "ExpiredTokenException: The security token included in the request is expired\n";
        assert!(failed.stderr.contains(code), "{}", failed.stderr);
        let hint = "hint: the AWS session has expired: sign in again, for example with `aws login` or `aws sso login`\n";
        assert!(failed.stderr.contains(hint), "{}", failed.stderr);
    }
}

#[tokio::test]
async fn a_wrong_clock_is_reported_with_the_difference() {
    let skewed = scripted::Answer::error(
        "Query",
        400,
        r#"{"__type":"com.amazon.coral.service#InvalidSignatureException","message":"Signature expired: 20260115T103000Z is now earlier than 20260115T104500Z (20260115T105000Z - 5 min.)"}"#,
    );
    let endpoint = Scripted::start(&[skewed]).await;
    let arguments = ["keys", "list", "--endpoint-url", endpoint.url()];
    let failed = xtask::run(&arguments, &[]).await;
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    let hint = "; this machine's clock is 20 min 0 s behind AWS's\n";
    assert!(failed.stderr.contains(hint), "{}", failed.stderr);
}
