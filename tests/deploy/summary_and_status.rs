//! The summary above a deploy's prompt, the commit in `status` and in prompts, and a status with
//! unreadable parts.

use serde_json::json;
use tests::scripted::{self, Answer, Scripted};
use tests::xtask::{self, Run};

use crate::assert_outcome;
use crate::scripts::{self, ALIAS, CHANGE_SET, PROD, prod, prod_arguments, refusal};

/// A change set with more than one kind of change.
const CHANGES: Answer = Answer::ok(
    CHANGE_SET,
    "<DescribeChangeSetResponse><DescribeChangeSetResult><Status>CREATE_COMPLETE</Status>\
     <ExecutionStatus>AVAILABLE</ExecutionStatus><Changes>\
     <member><Type>Resource</Type><ResourceChange><Action>Modify</Action>\
     <LogicalResourceId>ApiLiveAlias</LogicalResourceId><ResourceType>AWS::Lambda::Alias</ResourceType>\
     <Replacement>False</Replacement></ResourceChange></member>\
     <member><Type>Resource</Type><ResourceChange><Action>Modify</Action>\
     <LogicalResourceId>Queue</LogicalResourceId><ResourceType>AWS::SQS::Queue</ResourceType>\
     <Replacement>True</Replacement></ResourceChange></member>\
     <member><Type>Resource</Type><ResourceChange><Action>Remove</Action>\
     <LogicalResourceId>OldTopic</LogicalResourceId><ResourceType>AWS::SNS::Topic</ResourceType>\
     </ResourceChange></member></Changes></DescribeChangeSetResult></DescribeChangeSetResponse>",
);

/// The deployed template, with an alarm that the rendered template does not have.
const DEPLOYED: Answer = Answer::ok(
    "GetTemplate",
    "<GetTemplateResponse><GetTemplateResult><TemplateBody>\
     {\"Resources\":{\"OldAlarm\":{\"Type\":\"AWS::CloudWatch::Alarm\",\"Properties\":{}}}}\
     </TemplateBody></GetTemplateResult></GetTemplateResponse>",
);

#[tokio::test]
async fn the_summary_is_printed_directly_above_the_prompt() {
    let endpoint = prod(&[CHANGES, DEPLOYED]).await;
    let declined = xtask::run_at_terminal(&prod_arguments(&endpoint), "no\n").await;
    assert_outcome(&declined, 3, "declined");
    let lines: Vec<&str> = declined.stderr.lines().map(str::trim_end).collect();
    let question = lines
        .iter()
        .position(|line| line.starts_with("Deploy to prod in account"));
    let summary = lines[question.unwrap() - 1];
    let beginning = "summary: 1 REMOVE (OldTopic), 1 REPLACE (Queue), 1 modify; permissions: ";
    assert!(summary.starts_with(beginning), "{summary}");
    assert!(
        summary.contains(" widened, 0 narrowed; weaker alarms or rollout gates: 1"),
        "{summary}"
    );
    // Without a Git checkout, the commit is unknown.
    if declined.stderr.contains("commit       unknown") {
        assert!(!summary.contains("; commit "), "{summary}");
    } else {
        assert!(summary.contains("; commit "), "{summary}");
    }
    let change = "  REPLACE      Queue                     AWS::SQS::Queue";
    assert!(lines.contains(&change), "{}", declined.stderr);
    let weakened = "  ! OldAlarm                  removed";
    assert!(lines.contains(&weakened), "{}", declined.stderr);
}

async fn status(endpoint: &Scripted, more: &[&str]) -> Run {
    let target = ["status", "--env", "prod", "--endpoint-url", endpoint.url()];
    xtask::run(&[&target, more].concat(), &[]).await
}

const RECORDS: &str = "GET /crypto-watch-artifacts-prod-111122223333-us-east-1*";
const OLDER: &str = "deployments/20260114T103000Z-deploy-1.json";
const NEWER: &str = "deployments/20260115T103000Z-deploy-2.json";

/// Starts an endpoint for prod with the records of two deployments and this alias of the API.
pub(crate) async fn with_records(alias: &'static str) -> Scripted {
    let listed = format!(
        "<ListBucketResult><Contents><Key>{OLDER}</Key></Contents>\
         <Contents><Key>{NEWER}</Key></Contents></ListBucketResult>"
    );
    let record = |version: &str, dirty: bool| {
        json!({
            "environment": "prod",
            "changeSet": "deploy-1",
            "beganAt": "2026-01-15T10:30:00Z",
            "commit": {"id": format!("c0ffee{version}"), "dirty": dirty, "subject": "Cache less"},
            "deployer": "arn:aws:iam::111122223333:user/ops",
            "origin": "local",
            "endedAt": "2026-01-15T10:41:05Z",
            "artifacts": [],
            "outcome": "deployed",
            "versions": {"api": version, "update": "3"}
        })
        .to_string()
    };
    let object = |key: &str, body: String| {
        let action = format!("GET /crypto-watch-artifacts-prod-111122223333-us-east-1/{key}");
        Answer::ok(action.leak(), body.leak())
    };
    let script = [
        Answer::ok(ALIAS, alias),
        Answer::ok(
            "GET /2015-03-31/functions/crypto-watch-api-prod/versions",
            r#"{"Versions":[{"Version":"7","CodeSize":1},{"Version":"8","CodeSize":1}]}"#,
        ),
        Answer::ok(RECORDS, listed.leak()),
        object(OLDER, record("7", false)),
        object(NEWER, record("8", true)),
    ];
    scripts::start(&scripted::with_changes(&script, PROD)).await
}

#[tokio::test]
async fn status_names_the_commit_of_the_live_version() {
    let endpoint = with_records(r#"{"FunctionVersion":"8","RevisionId":"r1"}"#).await;
    let text = status(&endpoint, &[]).await.stdout;
    let line = "deployment   commit c0ffee8 \"Cache less\", with uncommitted changes; deployed at \
                2026-01-15T10:30:00Z by arn:aws:iam::111122223333:user/ops (local)";
    assert!(text.lines().any(|found| found == line), "{text}");

    let endpoint = with_records(r#"{"FunctionVersion":"7","RevisionId":"r1"}"#).await;
    let json = status(&endpoint, &["--output", "json"]).await;
    let json = json.last_json_line();
    let expected = json!({"id": "c0ffee7", "dirty": false, "subject": "Cache less"});
    assert_eq!(json["deployment"]["commit"], expected, "{json}");
}

#[tokio::test]
async fn status_with_an_unreadable_stack_shows_the_rest_and_fails() {
    let denied = refusal!(
        "DescribeStacks&StackName=crypto-watch-prod",
        "AccessDenied",
        "not authorized"
    );
    let versions = Answer::ok(
        "GET /2015-03-31/functions/crypto-watch-api-prod/versions",
        r#"{"Versions":[{"Version":"7","CodeSize":1}]}"#,
    );
    let script = scripted::with_changes(&[denied, versions], PROD);
    let endpoint = scripts::start(&script).await;
    let partial = status(&endpoint, &[]).await;
    assert_eq!(partial.code, 1, "{}", partial.stdout);
    for line in [
        "stack        unknown: could not read the stack crypto-watch-prod: AccessDenied",
        "api          version 7",
    ] {
        let found = partial.stdout.lines().any(|found| found.starts_with(line));
        assert!(found, "{line}: {}", partial.stdout);
    }
}

#[tokio::test]
async fn status_that_can_read_nothing_fails_with_the_reason() {
    let expired = refusal!("DescribeStacks", "ExpiredToken", "the token is expired");
    let endpoint = Scripted::start(&[expired]).await;
    let unreadable = status(&endpoint, &[]).await;
    assert_eq!(unreadable.code, 1, "{}", unreadable.stdout);
    assert_eq!(unreadable.stdout, "");
    let words = "error: could not read the stack crypto-watch-prod: ExpiredToken";
    assert!(unreadable.stderr.contains(words), "{}", unreadable.stderr);
}

#[tokio::test]
async fn the_prompt_of_a_rollback_names_the_commit() {
    let endpoint = with_records(r#"{"FunctionVersion":"8","RevisionId":"r1"}"#).await;
    let arguments = [
        "rollback",
        "--env",
        "prod",
        "--endpoint-url",
        endpoint.url(),
    ];
    let declined = xtask::run_at_terminal(&arguments, "no\n").await;
    assert_eq!(declined.code, 3, "{}", declined.stderr);
    let question =
        "Roll crypto-watch-api-prod back to version 7 (commit c0ffee7 \"Cache less\") in account";
    assert!(declined.stderr.contains(question), "{}", declined.stderr);
}
