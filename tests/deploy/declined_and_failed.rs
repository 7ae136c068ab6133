//! The state of AWS after a deploy that was declined or that failed.

use reqwest::Method;
use serde_json::{Value, json};
use tests::http;
use tests::ministack::{Ministack, REGION};

use crate::{assert_outcome, change_set, deploy, feed, url_without_prices};

const BUCKET_STACK: &str = "crypto-watch-artifacts-dev";

#[tokio::test]
async fn a_declined_first_deploy_leaves_no_stack_and_no_bucket() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let declined = deploy(&ministack, "dev", &url_without_prices(&ministack), &[]).await;
    assert_outcome(&declined, 3, "declined");
    assert!(
        declined.stderr.contains("hint: pass --yes"),
        "{}",
        declined.stderr
    );
    let lines = declined.json_lines();
    let table = json!({
        "action": "add", "type": "AWS::DynamoDB::Table", "logicalId": "Table",
        "properties": [], "replacedFor": [], "retained": false
    });
    change_set(&lines, BUCKET_STACK);
    let planned = change_set(&lines, "crypto-watch-dev");
    let changes = planned["changes"].as_array().unwrap();
    let is_table = |change: &&Value| change["logicalId"] == "Table";
    let mut added = changes.iter().find(is_table).unwrap().clone();
    let values = added.as_object_mut().unwrap().remove("values").unwrap();
    assert_eq!(added, table);
    let name = json!({"path": "TableName", "after": "crypto-watch-data-dev"});
    assert!(values.as_array().unwrap().contains(&name), "{values}");
    assert_eq!(ministack.stacks().await, Vec::<String>::new());
    assert_eq!(ministack.buckets().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_table_is_replaced_only_with_allow_table_replacement() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    // An older stack whose table has another primary key.
    let stack = "crypto-watch-dev";
    let table = json!({"Resources": {"Table": {"Type": "AWS::DynamoDB::Table", "Properties": {
        "TableName": "crypto-watch-earlier",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "Id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "Id", "KeyType": "HASH"}]
    }}}});
    ministack.create_stack(stack, &table).await;
    let (_feed, feed_url) = feed().await;
    let refused = deploy(&ministack, "dev", &feed_url, &["--yes"]).await;
    assert_outcome(&refused, 1, "failed");
    let hint = "pass --allow-table-replacement";
    assert!(refused.stderr.contains(hint), "{}", refused.stderr);
    let lines = refused.json_lines();
    let change = &change_set(&lines, stack)["changes"][0];
    assert_eq!(change["action"], "replace", "{change}");
    assert_eq!(change["replacedFor"], json!(["KeySchema", "TableName"]));
    assert_eq!(ministack.stacks().await, [stack]);
    assert_eq!(
        ministack.waiting_change_sets(stack).await,
        Vec::<String>::new()
    );

    let more = ["--allow-table-replacement"];
    let declined = deploy(&ministack, "dev", &feed_url, &more).await;
    assert_outcome(&declined, 3, "declined");

    let more = ["--allow-table-replacement", "--yes"];
    let replaced = deploy(&ministack, "dev", &feed_url, &more).await;
    assert_outcome(&replaced, 0, "deployed");
    let outputs = &replaced.last_json_line()["outputs"];
    assert_eq!(outputs["TableName"], "crypto-watch-data-dev");
}

#[tokio::test]
async fn a_declined_update_leaves_the_stack_unchanged() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let (_feed, feed_url) = feed().await;
    let first = deploy(&ministack, "dev", &feed_url, &["--yes"]).await;
    assert_outcome(&first, 0, "deployed");
    let declined = deploy(&ministack, "dev", &url_without_prices(&ministack), &[]).await;
    assert_outcome(&declined, 3, "declined");
    let stack = "crypto-watch-dev";
    assert_eq!(
        ministack.waiting_change_sets(stack).await,
        Vec::<String>::new()
    );
    let same = deploy(&ministack, "dev", &feed_url, &[]).await;
    assert_outcome(&same, 0, "unchanged");
}

#[tokio::test]
async fn a_failed_creation_names_its_cause_and_the_option_that_replaces_the_stack() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let (_feed, feed_url) = feed().await;
    ministack.refuse("AWS::Scheduler::Schedule", "the schedule is refused");
    let failed = deploy(&ministack, "staging", &feed_url, &["--yes"]).await;
    assert_outcome(&failed, 4, "rolled-back");
    let error = failed.last_json_line()["error"]
        .as_str()
        .unwrap()
        .to_owned();
    let cause = "UpdateSchedule (AWS::Scheduler::Schedule) CREATE_FAILED: the schedule is refused";
    assert!(error.contains(cause), "{error}");

    ministack.refuse_nothing();
    let stuck = deploy(&ministack, "staging", &feed_url, &["--yes"]).await;
    assert_outcome(&stuck, 1, "failed");
    assert!(
        stuck.stderr.contains("ROLLBACK_COMPLETE"),
        "{}",
        stuck.stderr
    );
    let hint = "hint: its creation or deletion failed; pass --replace-failed-stack";
    assert!(stuck.stderr.contains(hint), "{}", stuck.stderr);

    // If the operator declines the deploy, the failed stack is not deleted.
    let replacing = ["--replace-failed-stack"];
    let declined = deploy(&ministack, "staging", &feed_url, &replacing).await;
    assert_outcome(&declined, 3, "declined");
    let stacks = ministack.stacks().await;
    assert!(stacks.contains(&"crypto-watch-staging".to_owned()));

    // The failed stack retained the table, and the new stack imports it.
    let replacing = ["--yes", "--replace-failed-stack"];
    let recovered = deploy(&ministack, "staging", &feed_url, &replacing).await;
    assert_outcome(&recovered, 0, "deployed");
    let lines = recovered.json_lines();
    let imported: Vec<&Value> = change_set(&lines, "crypto-watch-staging")["changes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|change| change["action"] == "import")
        .map(|change| &change["logicalId"])
        .collect();
    assert_eq!(imported, ["Table"]);
    let warning = "imported with their contents and their present properties: Table";
    assert!(recovered.stderr.contains(warning), "{}", recovered.stderr);
    assert!(ministack.is_protected("crypto-watch-staging").await);
}

#[tokio::test]
async fn a_failed_update_is_rolled_back_and_the_previous_version_serves() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let (_feed, feed_url) = feed().await;
    let first = deploy(&ministack, "dev", &feed_url, &["--yes"]).await;
    assert_outcome(&first, 0, "deployed");
    let function = "crypto-watch-update-dev";
    let version = ministack.live_version(function).await;

    ministack.refuse("AWS::Lambda::Version", "no further version");
    let failed = deploy(
        &ministack,
        "dev",
        &url_without_prices(&ministack),
        &["--yes"],
    )
    .await;
    assert_outcome(&failed, 4, "rolled-back");
    assert!(
        failed.stderr.contains("no further version"),
        "{}",
        failed.stderr
    );
    assert!(failed.stderr.contains("hint:"), "{}", failed.stderr);
    assert_eq!(ministack.live_version(function).await, version);
    let outputs = first.last_json_line()["outputs"].clone();
    let api = ministack.api_url(outputs["ApiEndpoint"].as_str().unwrap());
    let url = format!("{api}/health");
    let health = http::send(&http::client(), Method::GET, &url, &[]).await;
    assert_eq!(health.status, 200, "{}", health.text);
}

#[tokio::test]
async fn a_name_conflict_is_explained_with_the_command_that_deletes_the_resource() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let name = "/aws/lambda/crypto-watch-api-dev";
    ministack.create_log_group(name).await;
    let refused = deploy(
        &ministack,
        "dev",
        &url_without_prices(&ministack),
        &["--yes"],
    )
    .await;
    assert_outcome(&refused, 1, "failed");
    let hint = format!(
        "hint: {name} (AWS::Logs::LogGroup) exists outside the stack: remove it with `aws cloudcontrol delete-resource --region {REGION} --type-name AWS::Logs::LogGroup --identifier {name}`, if nothing needs it; then run the command again\n"
    );
    assert!(refused.stderr.contains(&hint), "{}", refused.stderr);
}
