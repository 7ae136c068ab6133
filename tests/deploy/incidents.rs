//! `rollback`, `status`, `logs` and `destroy` in situations that the emulator cannot produce: a CodeDeploy
//! deployment that moves traffic, paged responses and refused calls.

use serde_json::json;
use tests::scripted::{Answer, Scripted};
use tests::xtask::{self, Run};

use crate::scripts::{self, ALIAS, CALLER, stack};
use crate::{assert_outcome, events};

const MOVE_ALIAS: &str = "PUT /2015-03-31/functions/crypto-watch-api-prod/aliases/live";
const STOP: &str = "StopDeployment";

const DEPLOYMENT_IN_PROGRESS: Answer =
    Answer::ok("ListDeployments", r#"{"deployments":["d-A1B2C3"]}"#);
const NO_DEPLOYMENT_IN_PROGRESS: Answer = Answer {
    action: "ListDeployments",
    status: 400,
    body: r#"{"__type":"ApplicationDoesNotExistException","message":"No application found"}"#,
};
const STOPPED: Answer = Answer::ok(STOP, r#"{"status":"Pending"}"#);
/// An alias at version 7 that sends a tenth of the traffic to version 8.
const ALIAS_AT_7_AND_8: Answer = Answer::ok(
    ALIAS,
    r#"{"FunctionVersion":"7","RevisionId":"r1","RoutingConfig":{"AdditionalVersionWeights":{"8":0.1}}}"#,
);
const ALIAS_AT_7: Answer = Answer::ok(ALIAS, r#"{"FunctionVersion":"7","RevisionId":"r2"}"#);
const ALIAS_AT_8: Answer = Answer::ok(ALIAS, r#"{"FunctionVersion":"8","RevisionId":"r1"}"#);
const VERSIONS_PATH: &str = "GET /2015-03-31/functions/crypto-watch-api-prod/versions";
const FIRST_VERSIONS: Answer = Answer::ok(
    VERSIONS_PATH,
    r#"{"NextMarker":"6","Versions":[{"Version":"$LATEST","CodeSize":1987846},{"Version":"6","LastModified":"2026-01-13T10:30:00.000+0000","CodeSize":1987846}]}"#,
);
const MORE_VERSIONS: Answer = Answer::ok(
    VERSIONS_PATH,
    r#"{"Versions":[{"Version":"7","LastModified":"2026-01-14T10:30:00.000+0000","CodeSize":1987846},{"Version":"8","LastModified":"2026-01-15T10:30:00.000+0000","CodeSize":1987000}]}"#,
);

async fn on_prod(endpoint: &Scripted, command: &str, more: &[&str]) -> Run {
    let target = ["--env", "prod", "--endpoint-url", endpoint.url()];
    let json = ["--output", "json"];
    xtask::run(&[&[command], &target[..], &json, more].concat(), &[]).await
}

#[tokio::test]
async fn rollback_stops_a_deployment_and_waits_for_the_rollback_of_the_stack() {
    let endpoint = Scripted::start(&[
        CALLER,
        stack!("crypto-watch-prod", "UPDATE_IN_PROGRESS"),
        stack!("crypto-watch-prod", "UPDATE_ROLLBACK_IN_PROGRESS"),
        stack!("crypto-watch-prod", "UPDATE_ROLLBACK_COMPLETE"),
        DEPLOYMENT_IN_PROGRESS,
        ALIAS_AT_7_AND_8,
        ALIAS_AT_7,
        STOPPED,
        scripts::events!("e1" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_IN_PROGRESS" ""),
        scripts::events!("e2" "ApiAlias" "Lambda::Alias" "UPDATE_FAILED" "the deployment was stopped",
            "e1" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_IN_PROGRESS" ""),
        scripts::events!("e3" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_ROLLBACK_COMPLETE" "",
            "e2" "ApiAlias" "Lambda::Alias" "UPDATE_FAILED" "the deployment was stopped",
            "e1" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_IN_PROGRESS" ""),
    ])
    .await;
    let done = on_prod(&endpoint, "rollback", &["--yes"]).await;
    assert_outcome(&done, 0, "rolled-back");
    let stopped = endpoint.requests(STOP);
    assert_eq!(stopped.len(), 1);
    let body: serde_json::Value = serde_json::from_str(&stopped[0].body).unwrap();
    let expected = json!({"deploymentId": "d-A1B2C3", "autoRollbackEnabled": true});
    assert_eq!(body, expected);
    let lines = done.json_lines();
    let rollback = events(&lines, "rollback")[0];
    assert_eq!(rollback["from"], "8", "{rollback}");
    assert_eq!(rollback["to"], "7", "{rollback}");
    assert!(done.stderr.contains("10 % on version 8"), "{}", done.stderr);
    assert!(
        done.stderr.contains("the deployment was stopped"),
        "{}",
        done.stderr
    );
    assert!(endpoint.requests(MOVE_ALIAS).is_empty());
}

#[tokio::test]
async fn rollback_stops_no_deployment_if_declined_or_with_to_version() {
    let endpoint = Scripted::start(&[
        CALLER,
        stack!("crypto-watch-prod", "UPDATE_IN_PROGRESS"),
        DEPLOYMENT_IN_PROGRESS,
        ALIAS_AT_7_AND_8,
    ])
    .await;
    let declined = on_prod(&endpoint, "rollback", &[]).await;
    assert_outcome(&declined, 3, "declined");
    let chosen = on_prod(&endpoint, "rollback", &["--yes", "--to-version", "6"]).await;
    assert_outcome(&chosen, 1, "failed");
    assert!(endpoint.requests(STOP).is_empty());
}

#[tokio::test]
async fn rollback_fails_if_the_deployment_completes_before_it_is_stopped() {
    let endpoint = Scripted::start(&[
        CALLER,
        stack!("crypto-watch-prod", "UPDATE_IN_PROGRESS"),
        stack!("crypto-watch-prod", "UPDATE_COMPLETE"),
        DEPLOYMENT_IN_PROGRESS,
        ALIAS_AT_7_AND_8,
        STOPPED,
        scripts::events!("e1" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_IN_PROGRESS" ""),
        scripts::events!("e2" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_COMPLETE" "",
            "e1" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_IN_PROGRESS" ""),
    ])
    .await;
    let late = on_prod(&endpoint, "rollback", &["--yes"]).await;
    assert_outcome(&late, 1, "failed");
    assert!(
        late.stderr.contains("nothing was rolled back"),
        "{}",
        late.stderr
    );
    assert!(late.stderr.contains("hint: rerun"), "{}", late.stderr);
}

#[tokio::test]
async fn rollback_is_refused_during_a_stack_operation_that_moves_no_traffic() {
    let endpoint = Scripted::start(&[
        CALLER,
        stack!("crypto-watch-prod", "UPDATE_IN_PROGRESS"),
        NO_DEPLOYMENT_IN_PROGRESS,
    ])
    .await;
    let refused = on_prod(&endpoint, "rollback", &["--yes"]).await;
    assert_outcome(&refused, 1, "failed");
    assert!(
        refused
            .stderr
            .contains("is in progress (UPDATE_IN_PROGRESS)"),
        "{}",
        refused.stderr
    );
}

#[tokio::test]
async fn rollback_removes_the_weights_that_a_deployment_left() {
    let endpoint = Scripted::start(&[
        CALLER,
        stack!("crypto-watch-prod", "UPDATE_COMPLETE"),
        NO_DEPLOYMENT_IN_PROGRESS,
        ALIAS_AT_7_AND_8,
        Answer::ok(ALIAS, r#"{"FunctionVersion":"7","RevisionId":"r2","Description":"rolled back from version 8 to version 7"}"#),
        FIRST_VERSIONS,
        MORE_VERSIONS,
        Answer::ok(MOVE_ALIAS, r#"{"FunctionVersion":"7"}"#),
    ])
    .await;
    let done = on_prod(&endpoint, "rollback", &["--yes"]).await;
    assert_outcome(&done, 0, "rolled-back");
    assert!(
        done.stderr
            .contains("version 8, published 2026-01-15T10:30:00Z"),
        "{}",
        done.stderr
    );
    let moved = endpoint.requests(MOVE_ALIAS);
    let body: serde_json::Value = serde_json::from_str(&moved[0].body).unwrap();
    let expected = json!({
        "FunctionVersion": "7",
        "Description": "rolled back from version 8 to version 7",
        "RoutingConfig": {"AdditionalVersionWeights": {}},
        "RevisionId": "r1"
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn rollback_fails_if_the_alias_changes_meanwhile() {
    let endpoint = Scripted::start(&[
        CALLER,
        stack!("crypto-watch-prod", "UPDATE_COMPLETE"),
        NO_DEPLOYMENT_IN_PROGRESS,
        ALIAS_AT_8,
        FIRST_VERSIONS,
        MORE_VERSIONS,
        Answer {
            action: MOVE_ALIAS,
            status: 412,
            body: r#"{"__type":"PreconditionFailedException","message":"The RevisionId provided does not match"}"#,
        },
    ])
    .await;
    let failed = on_prod(&endpoint, "rollback", &["--yes"]).await;
    assert_outcome(&failed, 1, "failed");
    assert!(
        failed.stderr.contains("something else has moved the alias"),
        "{}",
        failed.stderr
    );
    assert_eq!(endpoint.requests(MOVE_ALIAS).len(), 1);
}

#[tokio::test]
async fn status_shows_the_moved_traffic_and_an_error_for_each_unreadable_part() {
    let endpoint = Scripted::start(&[
        stack!("crypto-watch-prod", "UPDATE_IN_PROGRESS"),
        DEPLOYMENT_IN_PROGRESS,
        ALIAS_AT_7_AND_8,
        FIRST_VERSIONS,
        MORE_VERSIONS,
    ])
    .await;
    let status = on_prod(&endpoint, "status", &[]).await;
    assert_eq!(status.code, 0, "{}", status.stderr);
    let status = status.last_json_line();
    let moved = json!({"deployment": "d-A1B2C3", "moved": {"version": "8", "percent": 10.0}});
    assert_eq!(status["rollout"], moved, "{status}");
    assert_eq!(
        status["api"]["published"], "2026-01-14T10:30:00Z",
        "{status}"
    );
    assert_eq!(status["api"]["publishedVersions"], 3, "{status}");
    assert_eq!(status["api"]["publishedBytes"], 5_962_692, "{status}");
    for unknown in ["update", "alarms", "lastUpdate"] {
        assert!(status[unknown]["error"].is_string(), "{status}");
    }
}

#[tokio::test]
async fn status_shows_no_rollout_on_an_emulator_without_codedeploy() {
    let endpoint = Scripted::start(&[
        stack!("crypto-watch-prod", "UPDATE_COMPLETE"),
        Answer {
            action: "ListDeployments",
            status: 400,
            body: r#"{"error": "Unsupported service: codedeploy"}"#,
        },
    ])
    .await;
    let status = on_prod(&endpoint, "status", &[]).await;
    assert_eq!(status.code, 0, "{}", status.stderr);
    let status = status.last_json_line();
    assert_eq!(status["rollout"], serde_json::Value::Null, "{status}");
}

async fn logs(endpoint: &Scripted, arguments: &[&str]) -> Run {
    let target = ["--env", "prod", "--endpoint-url", endpoint.url()];
    xtask::run(&[&["logs"], arguments, &target].concat(), &[]).await
}

/// Returns the bodies of the requests for log events.
fn searches(endpoint: &Scripted) -> Vec<serde_json::Value> {
    let requests = endpoint.requests("FilterLogEvents");
    let bodies = requests
        .iter()
        .map(|request| serde_json::from_str(&request.body));
    bodies.collect::<Result<_, _>>().unwrap()
}

#[tokio::test]
async fn logs_are_read_to_their_last_page() {
    let endpoint = Scripted::start(&[
        Answer::ok("FilterLogEvents", r#"{"nextToken":"more","events":[{"eventId":"1","logStreamName":"a","timestamp":1768473000007,"message":"first\n"}]}"#),
        Answer::ok("FilterLogEvents", r#"{"events":[{"eventId":"2","logStreamName":"b","timestamp":1768473001000,"message":"second\nhas two lines"}]}"#),
    ])
    .await;
    let pattern = "{ $.level = \"ERROR\" }";
    let arguments = ["--function", "api", "--since", "1h", "--filter", pattern];
    let logs = logs(&endpoint, &arguments).await;
    assert_eq!(logs.code, 0, "{}", logs.stderr);
    let expected = "2026-01-15T10:30:00.007Z  api     first\n2026-01-15T10:30:01.000Z  api     second\\nhas two lines\n";
    assert_eq!(logs.stdout, expected);
    let body = &searches(&endpoint)[1];
    assert_eq!(body["nextToken"], "more");
    assert_eq!(body["logGroupName"], "/aws/lambda/crypto-watch-api-prod");
    assert_eq!(body["filterPattern"], pattern);
}

#[tokio::test]
async fn the_logs_of_all_functions_are_merged_by_time_with_one_line_per_request() {
    // The pages in the order of the requests: api, update, verify, and the second page of api.
    let endpoint = Scripted::start(&[
        Answer::ok("FilterLogEvents", r#"{"nextToken":"more","events":[
            {"eventId":"1","timestamp":1768473000001,"message":"START RequestId: 1 Version: 7\n"},
            {"eventId":"2","timestamp":1768473000002,"message":"{\"Requests\":1.0,\"message\":\"request\",\"requestId\":\"a=\",\"method\":\"GET\",\"route\":\"GET /prices\",\"status\":503,\"code\":\"NO_PRICE\",\"durationMs\":2.5,\"keyId\":\"0123********\"}\n"}]}"#),
        Answer::ok("FilterLogEvents", r#"{"events":[{"eventId":"1","timestamp":1768473000004,"message":"{\"level\":\"INFO\",\"message\":\"update done\",\"stored\":20}"}]}"#),
        Answer::ok("FilterLogEvents", r#"{"events":[{"eventId":"1","timestamp":1768473000003,"message":"2026-01-15T10:30:00Z 9 Task timed out after 10.00 seconds"}]}"#),
        Answer::ok("FilterLogEvents", r#"{"events":[{"eventId":"3","timestamp":1768473000005,"message":"END RequestId: 1"},{"eventId":"4","timestamp":1768473000006,"message":"last"}]}"#),
    ])
    .await;
    let logs = logs(&endpoint, &[]).await;
    assert_eq!(logs.code, 0, "{}", logs.stderr);
    let expected = "\
2026-01-15T10:30:00.002Z  api     503 GET /prices 2.5 ms  requestId=a=  code=NO_PRICE  keyId=0123********
2026-01-15T10:30:00.003Z  verify  2026-01-15T10:30:00Z 9 Task timed out after 10.00 seconds
2026-01-15T10:30:00.004Z  update  INFO  update done  stored=20
2026-01-15T10:30:00.006Z  api     last
";
    assert_eq!(logs.stdout, expected);
    let searches = searches(&endpoint);
    let groups: Vec<_> = searches.iter().map(|body| &body["logGroupName"]).collect();
    let group = |function| format!("/aws/lambda/crypto-watch-{function}-prod");
    assert_eq!(
        groups,
        ["api", "update", "verify", "api"].map(group).each_ref()
    );
}

#[tokio::test]
async fn logs_can_be_filtered_by_status_key_and_request_id() {
    for (arguments, pattern) in [
        (
            &["--status", "5xx"][..],
            "{ $.status >= 500 && $.status <= 599 }",
        ),
        (
            &["--status", "404"],
            "{ $.status >= 404 && $.status <= 404 }",
        ),
        (&["--key", "0123456789AB"], "{ $.keyId = \"0123********\" }"),
        (
            &["--key", "0123456789AB", "--status", "429"],
            "{ $.status >= 429 && $.status <= 429 && $.keyId = \"0123********\" }",
        ),
        (
            &["--request-id", "JKJaXmPLvHcESHA="],
            "\"JKJaXmPLvHcESHA=\"",
        ),
    ] {
        let endpoint = Scripted::start(&[Answer::ok("FilterLogEvents", r#"{"events":[]}"#)]).await;
        let logs = logs(&endpoint, arguments).await;
        assert_eq!(logs.code, 0, "{}", logs.stderr);
        let searches = searches(&endpoint);
        assert_eq!(searches.len(), 3, "one request for each function");
        assert!(
            searches.iter().all(|body| body["filterPattern"] == pattern),
            "{searches:?}"
        );
    }
    let endpoint = Scripted::start(&[]).await;
    for refused in [
        &["--status", "6xx"][..],
        &["--status", "99"],
        &["--request-id", "a\" ?\"b"],
        &["--request-id", "a", "--status", "404"],
        &["--filter", "a", "--key", "0123456789AB"],
    ] {
        let logs = logs(&endpoint, refused).await;
        assert_eq!(logs.code, 2, "{refused:?}: {}", logs.stderr);
    }
    assert!(endpoint.all_requests().is_empty());
}

#[tokio::test]
async fn a_failed_deletion_names_its_earliest_cause() {
    let endpoint = Scripted::start(&[
        CALLER,
        stack!("crypto-watch-dev", "UPDATE_COMPLETE"),
        stack!("crypto-watch-dev", "DELETE_FAILED"),
        Answer::ok("GetTemplate", "<GetTemplateResponse><GetTemplateResult><TemplateBody>{}</TemplateBody></GetTemplateResult></GetTemplateResponse>"),
        Answer::ok("ListStackResources", "<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries><member>\
            <LogicalResourceId>ApiRole</LogicalResourceId><PhysicalResourceId>role</PhysicalResourceId>\
            <ResourceType>AWS::IAM::Role</ResourceType><ResourceStatus>CREATE_COMPLETE</ResourceStatus>\
            </member></StackResourceSummaries></ListStackResourcesResult></ListStackResourcesResponse>"),
        Answer::ok("DeleteStack", "<DeleteStackResponse/>"),
        scripts::events!("e1" "crypto-watch-dev" "CloudFormation::Stack" "UPDATE_COMPLETE" ""),
        scripts::events!("e4" "crypto-watch-dev" "CloudFormation::Stack" "DELETE_FAILED" "",
            "e3" "Queue" "SQS::Queue" "DELETE_FAILED" "the second",
            "e2" "ApiRole" "IAM::Role" "DELETE_FAILED" "the role is in use",
            "e1" "crypto-watch-dev" "CloudFormation::Stack" "UPDATE_COMPLETE" ""),
    ])
    .await;
    let target = ["--env", "dev", "--endpoint-url", endpoint.url()];
    let arguments = [&["destroy", "--yes", "--output", "json"], &target[..]];
    let failed = xtask::run(&arguments.concat(), &[]).await;
    assert_outcome(&failed, 1, "failed");
    let causes = "ApiRole (AWS::IAM::Role) DELETE_FAILED: the role is in use; then Queue";
    assert!(failed.stderr.contains(causes), "{}", failed.stderr);
    assert!(failed.stderr.contains("hint:"), "{}", failed.stderr);
}
