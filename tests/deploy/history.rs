//! The records of deployments, the command that lists them, and a rollback to a commit.

use serde_json::{Value, json};
use tests::scripted::{self, Answer, Scripted};
use tests::xtask::{self, Run};

use crate::assert_outcome;
use crate::scripts::{self, PROD, deploy_to_prod, prod};
use crate::summary_and_status::with_records;

const ALIAS_AT_8: &str = r#"{"FunctionVersion":"8","RevisionId":"r1"}"#;

/// Returns the outcomes in the records that deploys to prod have written, in the order of the writes.
pub(crate) fn recorded_outcomes(endpoint: &Scripted) -> Vec<Value> {
    let records = "PUT /crypto-watch-artifacts-prod-111122223333-us-east-1/deployments/*";
    let written = endpoint.requests(records);
    let outcomes = written.iter().map(|request| {
        let record: Value = serde_json::from_str(&request.body).unwrap();
        let has_ended = record["outcome"] != "begun";
        assert_eq!(record["endedAt"].is_string(), has_ended, "{record}");
        record["outcome"].clone()
    });
    outcomes.collect()
}

async fn on_prod(endpoint: &Scripted, arguments: &[&str]) -> Run {
    let target = ["--env", "prod", "--endpoint-url", endpoint.url()];
    xtask::run(&[arguments, &target].concat(), &[]).await
}

#[tokio::test]
async fn history_lists_the_deployments_the_newest_first() {
    let endpoint = with_records(ALIAS_AT_8).await;
    let table = on_prod(&endpoint, &["history"]).await;
    assert_eq!(table.code, 0, "{}", table.stderr);
    let expected = "\
BEGAN                 OUTCOME   TOOK         VERSIONS         COMMIT             SUBJECT     BY   FROM
2026-01-15T10:30:00Z  deployed  11 min 05 s  api 8, update 3  c0ffee8 + changes  Cache less  ops  local
2026-01-15T10:30:00Z  deployed  11 min 05 s  api 7, update 3  c0ffee7            Cache less  ops  local
";
    assert_eq!(table.stdout, expected);

    let newest = on_prod(&endpoint, &["history", "--limit", "1", "--output", "json"]).await;
    let lines = newest.json_lines();
    let expected = json!({
        "commit": {"id": "c0ffee8", "dirty": true, "subject": "Cache less"},
        "deployer": "arn:aws:iam::111122223333:user/ops",
        "origin": "local",
        "beganAt": "2026-01-15T10:30:00Z",
        "endedAt": "2026-01-15T10:41:05Z",
        "durationSeconds": 665,
        "versions": {"api": "8", "update": "3"},
        "outcome": "deployed"
    });
    assert_eq!(lines, [expected]);
}

#[tokio::test]
async fn history_without_records_prints_a_message_and_no_table() {
    let endpoint = prod(&[]).await;
    let none = on_prod(&endpoint, &["history"]).await;
    assert_eq!((none.code, &*none.stdout), (0, ""), "{}", none.stderr);
    let words = "no deployments are recorded in crypto-watch-artifacts-prod-111122223333-us-east-1";
    assert!(none.stderr.contains(words), "{}", none.stderr);
}

#[tokio::test]
async fn rollback_to_a_commit_finds_the_version_of_the_commit() {
    let endpoint = with_records(ALIAS_AT_8).await;
    let move_alias = "PUT /2015-03-31/functions/crypto-watch-api-prod/aliases/live";
    let to = |commit| ["rollback", "--yes", "--to", commit];
    for (commit, words) in [
        (
            "c0ffee",
            "error: nothing was rolled back: several deployed commits begin with c0ffee: c0ffee7, c0ffee8",
        ),
        (
            "deadbeef",
            "error: nothing was rolled back: no recorded deployment published a version of api from a commit that begins with deadbeef",
        ),
    ] {
        let refused = on_prod(&endpoint, &to(commit)).await;
        assert_eq!(refused.code, 1, "{}", refused.stderr);
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
        let hint = "run `cargo xtask history --env prod` to list the commits";
        assert!(refused.stderr.contains(hint), "{}", refused.stderr);
    }
    let two_targets = [&to("c0ffee7")[..], &["--to-version", "7"]].concat();
    assert_eq!(on_prod(&endpoint, &two_targets).await.code, 2);
    assert_eq!(on_prod(&endpoint, &to("main")).await.code, 2);
    assert!(endpoint.requests(move_alias).is_empty());

    let arguments = ["rollback", "--env", "prod", "--to", "C0FFEE7"];
    let arguments = [&arguments[..], &["--endpoint-url", endpoint.url()]].concat();
    let declined = xtask::run_at_terminal(&arguments, "no\n").await;
    let question = "Roll crypto-watch-api-prod back to version 7 (commit c0ffee7 \"Cache less\")";
    assert!(declined.stderr.contains(question), "{}", declined.stderr);
    assert_eq!(declined.code, 3, "{}", declined.stderr);
}

#[tokio::test]
async fn a_rollback_to_a_commit_is_refused_while_traffic_moves() {
    let running = Answer::ok("ListDeployments", r#"{"deployments":["d-A1B2C3"]}"#);
    let endpoint = scripts::start(&scripted::with_changes(&[running], PROD)).await;
    let refused = on_prod(&endpoint, &["rollback", "--yes", "--to", "c0ffee7"]).await;
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    let hint = "hint: rerun without --to-version and --to: the rollback then stops the deployment";
    assert!(refused.stderr.contains(hint), "{}", refused.stderr);
}

#[tokio::test]
async fn a_deploy_that_fails_at_the_artifact_buckets_stack_is_recorded() {
    let changed = Answer::ok(
        "DescribeChangeSet&ChangeSetName=of-the-bucket",
        "<DescribeChangeSetResponse><DescribeChangeSetResult><Status>CREATE_COMPLETE</Status>\
         <ExecutionStatus>AVAILABLE</ExecutionStatus><Changes><member><Type>Resource</Type>\
         <ResourceChange><Action>Modify</Action><LogicalResourceId>Bucket</LogicalResourceId>\
         <ResourceType>AWS::S3::Bucket</ResourceType><Replacement>False</Replacement>\
         </ResourceChange></member></Changes></DescribeChangeSetResult></DescribeChangeSetResponse>",
    );
    // The deploy fails, because this response has no `StackId`.
    let endpoint = prod(&[changed]).await;
    let failed = deploy_to_prod(&endpoint).await;
    assert_outcome(&failed, 1, "failed");
    assert!(endpoint.requests("ExecuteChangeSet").is_empty());
    assert_eq!(recorded_outcomes(&endpoint), ["begun", "failed"]);
}
