//! Failures of a deploy to prod: throttling, refused calls, an expired session, a rejected change set, a
//! failed rollback and a failed smoke test.

use serde_json::json;
use tests::scripted::{self, Answer, Scripted};
use tests::xtask::{self, Run};

use crate::scripts::{
    self, ALIAS, EVENTS_BEFORE, EVENTS_BEGUN, PROD, deploy_to_prod, prod, prod_arguments,
    prod_by_id, prod_updated, refusal,
};
use crate::{assert_outcome, events};

const PROTECTION: &str = "UpdateTerminationProtection";
const EVENTS: &str = "DescribeStackEvents";
const VERSIONS: &str = "GET /2015-03-31/functions/crypto-watch-api-prod/versions";
const HEALTH: &str = "GET /_aws/execute-api/a1b2c3/$default/health";

/// The number of attempts that the SDK makes for one call.
const ATTEMPTS: usize = 4;

/// The response to `UpdateTerminationProtection`, which a deploy calls before and after it executes
/// the change set.
const PROTECTED: Answer = Answer::ok(
    PROTECTION,
    "<UpdateTerminationProtectionResponse><UpdateTerminationProtectionResult/>\
     </UpdateTerminationProtectionResponse>",
);

#[track_caller]
fn assert_says(run: &Run, words: &str) {
    assert!(
        run.stderr.contains(words),
        "{words} is not in {}",
        run.stderr
    );
}

fn error(run: &Run) -> String {
    let result = run.last_json_line();
    result["error"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_deploy_waits_and_retries_if_aws_throttles_it_after_the_execution() {
    let throttled = refusal!(PROTECTION, "Throttling", "Rate exceeded");
    let mut script = vec![PROTECTED];
    script.extend([throttled; ATTEMPTS]);
    script.push(PROTECTED);
    let endpoint = prod(&script).await;
    let deployed = deploy_to_prod(&endpoint).await;
    assert_outcome(&deployed, 0, "deployed");
    assert_says(&deployed, "Throttling: Rate exceeded; trying again for");
}

#[tokio::test]
async fn an_error_after_the_execution_says_that_the_stack_is_deployed() {
    let denied = refusal!(PROTECTION, "AccessDenied", "not authorized");
    let expired = refusal!(PROTECTION, "ExpiredToken", "the token is expired");
    for (refused, words) in [
        (denied, "AccessDenied: not authorized"),
        (expired, "ExpiredToken: the token is expired"),
    ] {
        let endpoint = prod(&[PROTECTED, refused]).await;
        let failed = deploy_to_prod(&endpoint).await;
        assert_outcome(&failed, 1, "failed");
        let error = error(&failed);
        let beginning = "crypto-watch-prod is deployed, and its smoke test has not passed: ";
        assert!(error.starts_with(beginning), "{error}");
        assert!(error.contains(words), "{error}");
        let command = "run `cargo xtask deploy --env prod` to repeat the smoke test";
        assert_says(&failed, command);
        assert_eq!(endpoint.requests(HEALTH).len(), 0);
    }
}

#[tokio::test]
async fn a_deploy_follows_the_status_of_the_stack_while_its_events_are_throttled() {
    let throttled = refusal!(EVENTS, "Throttling", "Rate exceeded");
    let endpoint = prod(&[
        EVENTS_BEFORE,
        throttled,
        prod_by_id!("UPDATE_COMPLETE"),
        prod_updated!("UPDATE_IN_PROGRESS"),
        prod_updated!("UPDATE_COMPLETE"),
    ])
    .await;
    let deployed = deploy_to_prod(&endpoint).await;
    assert_outcome(&deployed, 0, "deployed");
    let warning = "warning: could not read the stack's events: Throttling: Rate exceeded; \
                   only the stack's status shows the end of the operation";
    assert_eq!(deployed.stderr.matches(warning).count(), 1);
}

#[tokio::test]
async fn an_expired_session_ends_the_deploy_at_once_with_a_hint_to_rerun() {
    let events_refused = refusal!(EVENTS, "ExpiredToken", "the token is expired");
    let status_refused = refusal!(
        prod_by_id!("any status").action,
        "ExpiredToken",
        "the token is expired"
    );
    for script in [
        vec![
            EVENTS_BEFORE,
            EVENTS_BEGUN,
            events_refused,
            prod_by_id!("UPDATE_IN_PROGRESS"),
        ],
        vec![
            EVENTS_BEFORE,
            EVENTS_BEGUN,
            prod_by_id!("UPDATE_COMPLETE"),
            prod_by_id!("UPDATE_IN_PROGRESS"),
            status_refused,
        ],
    ] {
        let endpoint = prod(&script).await;
        let lost = deploy_to_prod(&endpoint).await;
        assert_outcome(&lost, 1, "failed");
        assert_says(
            &lost,
            "error: the operation on crypto-watch-prod continues at AWS and cannot be followed any more: ",
        );
        assert_says(&lost, "ExpiredToken: the token is expired");
        assert_says(&lost, "sign in again");
        assert_says(
            &lost,
            "then run the same command again: it follows the operation to its end",
        );
        assert_eq!(lost.stderr.matches("trying again").count(), 0);
    }
}

/// The events of an update that CloudFormation's validation rejects. They do not name the invalid
/// resource, and refer to `DescribeEvents`.
const INVALID: Answer = scripts::events!(
    "e5" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_ROLLBACK_COMPLETE" "",
    "e4" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_ROLLBACK_IN_PROGRESS" "Validation failure detected. See operation's FAILED event for details.",
    "e3" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_FAILED" "Validation failed with 1 error(s). Call DescribeEvents to retrieve the full list of issues.",
    "e2" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_IN_PROGRESS" "",
    "e1" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_COMPLETE" ""
);
const OPERATION_EVENTS: &str = "DescribeEvents&OperationId=operation";
const BUCKET_EXISTS: Answer = Answer::ok(
    OPERATION_EVENTS,
    "<DescribeEventsResponse><DescribeEventsResult><OperationEvents><member>\
     <EventId>1</EventId><EventType>VALIDATION_ERROR</EventType>\
     <LogicalResourceId>Bucket</LogicalResourceId><ResourceType>AWS::S3::Bucket</ResourceType>\
     <ValidationFailureMode>FAIL</ValidationFailureMode>\
     <ValidationPath>/Resources/Bucket</ValidationPath>\
     <ValidationStatusReason>the bucket already exists</ValidationStatusReason>\
     </member></OperationEvents></DescribeEventsResult></DescribeEventsResponse>",
);

#[tokio::test]
async fn after_a_failed_validation_the_error_names_the_invalid_resource() {
    let rolled_back = prod_updated!("UPDATE_ROLLBACK_COMPLETE");
    let script = [EVENTS_BEFORE, INVALID, rolled_back, BUCKET_EXISTS];
    let endpoint = prod(&script).await;
    let invalid = deploy_to_prod(&endpoint).await;
    assert_outcome(&invalid, 4, "rolled-back");
    assert_eq!(
        error(&invalid),
        "crypto-watch-prod was rolled back (UPDATE_ROLLBACK_COMPLETE): Bucket (AWS::S3::Bucket), \
         at /Resources/Bucket: the bucket already exists"
    );

    let denied = refusal!(
        OPERATION_EVENTS,
        "AccessDenied",
        "not authorized to perform: cloudformation:DescribeEvents"
    );
    let endpoint = prod(&scripted::with_changes(&[denied], &script)).await;
    let unread = deploy_to_prod(&endpoint).await;
    assert_outcome(&unread, 4, "rolled-back");
    let error = error(&unread);
    assert!(error.contains("Validation failure detected."), "{error}");
    let words = "; the operation's events could not be read: AccessDenied: not authorized to perform: \
                 cloudformation:DescribeEvents";
    assert!(error.ends_with(words), "{error}");
}

#[tokio::test]
async fn a_failed_change_set_with_unreadable_events_is_reported() {
    let rejected = Answer::ok(
        scripts::CHANGE_SET,
        "<DescribeChangeSetResponse><DescribeChangeSetResult><Status>FAILED</Status>\
         <StatusReason>Validation failed. Call DescribeEvents.</StatusReason>\
         </DescribeChangeSetResult></DescribeChangeSetResponse>",
    );
    let denied = refusal!("DescribeEvents", "AccessDenied", "not authorized");
    let endpoint = prod(&[rejected, denied]).await;
    let failed = deploy_to_prod(&endpoint).await;
    assert_outcome(&failed, 1, "failed");
    assert_eq!(
        error(&failed),
        "CloudFormation cannot plan crypto-watch-prod: Validation failed. Call DescribeEvents.; \
         the operation's events could not be read: AccessDenied: not authorized"
    );
}

async fn deploy_with_rollback(endpoint: &Scripted) -> Run {
    let more = [
        "--yes",
        "--rollback-on-failed-smoke-test",
        "--smoke-test-timeout",
        "500ms",
    ];
    xtask::run(&[&prod_arguments(endpoint)[..], &more].concat(), &[]).await
}

#[tokio::test]
async fn a_version_is_not_rolled_back_if_the_api_does_not_respond() {
    // Nothing listens on port 9. A deploy replaces a URL without `.amazonaws.com` by the endpoint.
    let unreachable = scripts::stack!("DescribeStacks&StackName=crypto-watch-prod"
        => "crypto-watch-prod", "UPDATE_COMPLETE",
        "<Outputs><member><OutputKey>ApiEndpoint</OutputKey>\
         <OutputValue>http://127.0.0.1:9/.amazonaws.com</OutputValue></member></Outputs>");
    let endpoint = prod(&[unreachable]).await;
    let failed = deploy_with_rollback(&endpoint).await;
    assert_outcome(&failed, 1, "failed");
    let error = error(&failed);
    let beginning = "crypto-watch-prod is deployed, and its smoke test got no response: \
                     GET /health: no answer: ";
    assert!(error.starts_with(beginning), "{error}");
    assert_says(
        &failed,
        "hint: the version serves and nothing was rolled back",
    );
    let lines = failed.json_lines();
    assert!(events(&lines, "rollback").is_empty());
    let health = events(&lines, "smoke-test")[0];
    assert_eq!(health["passed"], json!(false), "{health}");
    assert!(endpoint.requests("PUT /2015-03-31/*").is_empty());
}

#[tokio::test]
async fn a_first_version_that_fails_its_smoke_test_cannot_be_rolled_back() {
    let absent = Answer {
        action: ALIAS,
        status: 404,
        body: r#"{"__type":"ResourceNotFoundException","Message":"no such alias"}"#,
    };
    let first = Answer::ok(ALIAS, r#"{"FunctionVersion":"1","RevisionId":"r1"}"#);
    // The deploy reads the alias twice before the update, and once afterwards.
    let mut script = vec![absent, absent, first];
    script.extend([
        Answer::ok(VERSIONS, r#"{"Versions":[{"Version":"1","CodeSize":1}]}"#),
        Answer::error(HEALTH, 500, "{}"),
    ]);
    let endpoint = prod(&script).await;
    let failed = deploy_with_rollback(&endpoint).await;
    assert_outcome(&failed, 1, "failed");
    let words = "crypto-watch-prod is deployed and fails its smoke test: GET /health: the response has status 500";
    assert_eq!(error(&failed), words);
    assert_says(&failed, "hint: no older version exists");
    assert!(endpoint.requests("PUT /2015-03-31/*").is_empty());
}

#[tokio::test]
async fn a_version_that_fails_its_smoke_test_is_rolled_back() {
    let alias = |body| Answer::ok(ALIAS, body);
    let endpoint = prod(&[
        alias(r#"{"FunctionVersion":"7","RevisionId":"r1"}"#),
        alias(r#"{"FunctionVersion":"7","RevisionId":"r1"}"#),
        alias(r#"{"FunctionVersion":"8","RevisionId":"r2"}"#),
        alias(
            r#"{"FunctionVersion":"7","RevisionId":"r3","Description":"rolled back from version 8 to version 7"}"#,
        ),
        Answer::ok(
            VERSIONS,
            r#"{"Versions":[{"Version":"7","CodeSize":1},{"Version":"8","CodeSize":1}]}"#,
        ),
        Answer::ok(
            "PUT /2015-03-31/functions/crypto-watch-api-prod/aliases/live",
            r#"{"FunctionVersion":"7"}"#,
        ),
        Answer::error(HEALTH, 500, "{}"),
    ])
    .await;
    let rolled_back = deploy_with_rollback(&endpoint).await;
    assert_outcome(&rolled_back, 4, "rolled-back");
    assert!(error(&rolled_back).ends_with("; the previous version serves again"));
    assert_eq!(events(&rolled_back.json_lines(), "rollback")[0]["to"], "7");
}

#[tokio::test]
async fn after_an_interrupted_smoke_test_the_error_says_that_the_stack_is_deployed() {
    use nix::sys::signal::Signal;
    use tests::local_stack::Service;

    let endpoint = prod(&[Answer::error(HEALTH, 500, "{}")]).await;
    let more = ["--yes", "--smoke-test-timeout", "5m"];
    let arguments = [&prod_arguments(&endpoint)[..], &more].concat();
    let mut deploy = Service::start(xtask::command(&arguments, &[]));
    while deploy.json_line().await["event"] != "update-run" {}
    let (status, stdout, stderr) = deploy.stop(Signal::SIGTERM).await;
    assert_eq!(status.code(), Some(1), "{stderr}");
    let words = "crypto-watch-prod is deployed, and its smoke test has not passed: interrupted";
    assert!(stdout.contains(words), "{stdout}");
    assert!(
        stderr.contains("hint: run `cargo xtask deploy --env prod`"),
        "{stderr}"
    );
}

#[tokio::test]
async fn without_a_terminal_a_failed_rollback_is_refused_with_its_cause() {
    let stuck = scripts::stack!("DescribeStacks&StackName=crypto-watch-prod"
        => "crypto-watch-prod", "UPDATE_ROLLBACK_FAILED",
        "<StackStatusReason>The following resource(s) failed to update: [ApiRole]</StackStatusReason>");
    let events = scripts::events!(
        "e3" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_ROLLBACK_FAILED" "",
        "e2" "ApiRole" "IAM::Role" "UPDATE_FAILED" "the role is gone",
        "e1" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_ROLLBACK_IN_PROGRESS" ""
    );
    let endpoint = scripts::start(&scripted::with_changes(&[stuck, events], PROD)).await;
    let refused = deploy_to_prod(&endpoint).await;
    assert_outcome(&refused, 1, "failed");
    assert_eq!(
        error(&refused),
        "nothing was deployed: the stack crypto-watch-prod is in UPDATE_ROLLBACK_FAILED: \
         The following resource(s) failed to update: [ApiRole]; \
         ApiRole (AWS::IAM::Role) UPDATE_FAILED: the role is gone"
    );
    assert_says(&refused, "aws cloudformation continue-update-rollback");
}
