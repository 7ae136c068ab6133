//! Deploys to prod while CodeDeploy moves traffic and alarms watch the new version. The emulator
//! supports neither, so the responses of AWS are scripted.

use serde_json::json;
use tests::scripted::Answer;

use crate::history::recorded_outcomes;
use crate::scripts::{self, ALARMS, ALIAS, EVENTS_BEFORE, deploy_to_prod, prod, prod_by_id};
use crate::{assert_outcome, events};

const ALARM: &str = "crypto-watch-api-errors-prod";

const NO_ALARMS: Answer = Answer::ok(ALARMS, r#"{"MetricAlarms":[]}"#);
const ALARM_OK: Answer = Answer::ok(
    ALARMS,
    r#"{"MetricAlarms":[{"AlarmName":"crypto-watch-api-errors-prod","StateValue":"OK"}]}"#,
);
const IN_ALARM: Answer = Answer::ok(
    ALARMS,
    r#"{"MetricAlarms":[{"AlarmName":"crypto-watch-api-errors-prod","StateValue":"ALARM"}]}"#,
);
const ALIAS_AT_7: Answer = Answer::ok(ALIAS, r#"{"FunctionVersion":"7","RevisionId":"r1"}"#);
const TENTH_ON_8: Answer = Answer::ok(
    ALIAS,
    r#"{"FunctionVersion":"7","RevisionId":"r2","RoutingConfig":{"AdditionalVersionWeights":{"8":0.1}}}"#,
);
const HALF_ON_8: Answer = Answer::ok(
    ALIAS,
    r#"{"FunctionVersion":"7","RevisionId":"r3","RoutingConfig":{"AdditionalVersionWeights":{"8":0.5}}}"#,
);
const ALIAS_AT_8: Answer = Answer::ok(ALIAS, r#"{"FunctionVersion":"8","RevisionId":"r4"}"#);

/// The events while the alias is being updated.
const MOVING: Answer = scripts::events!(
    "e3" "ApiLiveAlias" "Lambda::Alias" "UPDATE_IN_PROGRESS" "",
    "e2" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_IN_PROGRESS" "",
    "e1" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_COMPLETE" ""
);
const MOVED: Answer = scripts::events!(
    "e5" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_COMPLETE" "",
    "e4" "ApiLiveAlias" "Lambda::Alias" "UPDATE_COMPLETE" "",
    "e3" "ApiLiveAlias" "Lambda::Alias" "UPDATE_IN_PROGRESS" "",
    "e2" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_IN_PROGRESS" "",
    "e1" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_COMPLETE" ""
);

/// The reads of the events while the alias is being updated. The pauses between ten reads take 7.5 s:
/// 0.1 s, and each next pause 1.5 times as long. In this time, the deploy reads the traffic twice, with
/// an interval of 5 s. It reads the traffic once more after the update of the alias.
const EVENT_READS: usize = 10;

#[tokio::test]
async fn a_deploy_shows_the_moved_share_of_traffic_and_the_alarms() {
    let mut script = vec![NO_ALARMS, ALARM_OK, IN_ALARM];
    // The deploy reads the alias before any change, before the traffic moves, and then at each read
    // of the traffic.
    script.extend([ALIAS_AT_7, ALIAS_AT_7, TENTH_ON_8, HALF_ON_8, ALIAS_AT_8]);
    script.push(EVENTS_BEFORE);
    script.extend([MOVING; EVENT_READS]);
    script.push(MOVED);
    let endpoint = prod(&script).await;
    let deployed = deploy_to_prod(&endpoint).await;
    assert_outcome(&deployed, 0, "deployed");
    let lines = deployed.json_lines();
    let seen: Vec<_> = events(&lines, "traffic")
        .into_iter()
        .map(|line| {
            (
                line["version"].clone(),
                line["percent"].clone(),
                line["alarms"].clone(),
            )
        })
        .collect();
    let alarm = |state: &str| json!([{"name": ALARM, "state": state}]);
    let expected = [(10, "OK"), (50, "ALARM"), (100, "ALARM")]
        .map(|(percent, state)| (json!("8"), json!(percent), alarm(state)));
    assert_eq!(seen, expected, "{}", deployed.stderr);
    let shown = format!("traffic: 50 % on version 8; alarms: {ALARM} ALARM");
    assert!(deployed.stderr.contains(&shown), "{}", deployed.stderr);
    assert!(!endpoint.requests("UpdateTerminationProtection").is_empty());
}

#[tokio::test]
async fn a_rollout_that_an_alarm_stopped_names_the_alarm_and_the_cause() {
    let script = [
        NO_ALARMS,
        IN_ALARM,
        ALIAS_AT_7,
        ALIAS_AT_7,
        TENTH_ON_8,
        ALIAS_AT_7,
        EVENTS_BEFORE,
        MOVING,
        scripts::events!(
            "e6" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_ROLLBACK_COMPLETE" "",
            "e5" "UpdateVersion" "Lambda::Version" "UPDATE_FAILED" "Resource update cancelled",
            "e4" "ApiLiveAlias" "Lambda::Alias" "UPDATE_FAILED" "the deployment was stopped",
            "e3" "ApiLiveAlias" "Lambda::Alias" "UPDATE_IN_PROGRESS" "",
            "e2" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_IN_PROGRESS" "",
            "e1" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_COMPLETE" ""
        ),
        prod_by_id!("UPDATE_ROLLBACK_COMPLETE"),
    ];
    let endpoint = prod(&script).await;
    let rolled_back = deploy_to_prod(&endpoint).await;
    assert_outcome(&rolled_back, 4, "rolled-back");
    let error = rolled_back.last_json_line()["error"]
        .as_str()
        .unwrap()
        .to_owned();
    let words = format!(
        "crypto-watch-prod was rolled back (UPDATE_ROLLBACK_COMPLETE): ApiLiveAlias \
         (AWS::Lambda::Alias) UPDATE_FAILED: the deployment was stopped; in alarm while traffic moved: {ALARM}"
    );
    assert_eq!(error, words);
    let hint = "hint: fix the cause, then run `cargo xtask deploy --env prod`";
    assert!(rolled_back.stderr.contains(hint), "{}", rolled_back.stderr);
    assert_eq!(recorded_outcomes(&endpoint), ["begun", "rolled-back"]);
}

#[tokio::test]
async fn an_alarm_in_alarm_stops_a_deploy_before_any_change() {
    let endpoint = prod(&[IN_ALARM]).await;
    let refused = deploy_to_prod(&endpoint).await;
    assert_outcome(&refused, 1, "failed");
    let words = format!(
        "CodeDeploy would roll the deploy back, because these alarms are in alarm: {ALARM}"
    );
    assert!(refused.stderr.contains(&words), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("hint: see docs/runbook.md"),
        "{}",
        refused.stderr
    );
    assert!(endpoint.requests("ExecuteChangeSet").is_empty());
    let deletions = endpoint.requests("DeleteChangeSet");
    assert_eq!(
        deletions.len(),
        3,
        "two calls for the bucket's stack and one for prod's: {deletions:?}"
    );
}

#[tokio::test]
async fn with_ignore_alarms_an_alarm_in_alarm_does_not_stop_a_deploy() {
    let endpoint = prod(&[IN_ALARM]).await;
    let arguments = [
        &scripts::prod_arguments(&endpoint)[..],
        &["--yes", "--ignore-alarms"],
    ]
    .concat();
    let deployed = tests::xtask::run(&arguments, &[]).await;
    assert_outcome(&deployed, 0, "deployed");
    let words = format!("warning: these alarms are ignored: {ALARM}");
    assert!(deployed.stderr.contains(&words), "{}", deployed.stderr);
}
