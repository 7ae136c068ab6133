//! A deploy to prod while CodeDeploy moves the traffic and alarms watch it. The emulator has
//! neither, so AWS is scripted.

use serde_json::json;
use tests::scripted::Answer;

use crate::history::recorded_outcomes;
use crate::scripts::{self, ALARMS, ALIAS, BEFORE, deploy_to_prod, followed, prod};
use crate::{assert_outcome, events};

const ALARM: &str = "crypto-watch-api-errors-prod";

const CALM: Answer = Answer::ok(
    ALARMS,
    r#"{"MetricAlarms":[{"AlarmName":"crypto-watch-api-errors-prod","StateValue":"OK"}]}"#,
);
const UP: Answer = Answer::ok(
    ALARMS,
    r#"{"MetricAlarms":[{"AlarmName":"crypto-watch-api-errors-prod","StateValue":"ALARM"}]}"#,
);
const ON_7: Answer = Answer::ok(ALIAS, r#"{"FunctionVersion":"7","RevisionId":"r1"}"#);
const A_TENTH_ON_8: Answer = Answer::ok(
    ALIAS,
    r#"{"FunctionVersion":"7","RevisionId":"r2","RoutingConfig":{"AdditionalVersionWeights":{"8":0.1}}}"#,
);
const HALF_ON_8: Answer = Answer::ok(
    ALIAS,
    r#"{"FunctionVersion":"7","RevisionId":"r3","RoutingConfig":{"AdditionalVersionWeights":{"8":0.5}}}"#,
);
const ON_8: Answer = Answer::ok(ALIAS, r#"{"FunctionVersion":"8","RevisionId":"r4"}"#);

/// The update of the alias is in progress.
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

/// Number of responses that a deploy reads until it reads the traffic again: nine pauses,
/// each 1.5 times the one before, are more than five seconds.
const BETWEEN_LOOKS: usize = 10;

#[tokio::test]
async fn the_share_of_the_traffic_and_the_alarms_are_shown_while_it_moves() {
    let mut script = vec![CALM, UP];
    script.splice(0..0, [Answer::ok(ALARMS, r#"{"MetricAlarms":[]}"#)]);
    // Once before anything changes, once before traffic moves, then at each look.
    script.extend([ON_7, ON_7, A_TENTH_ON_8, HALF_ON_8, ON_8]);
    script.push(BEFORE);
    script.extend([MOVING; BETWEEN_LOOKS]);
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
    // Termination protection is turned on before any change of prod.
    assert!(!endpoint.requests("UpdateTerminationProtection").is_empty());
}

#[tokio::test]
async fn a_rollout_that_an_alarm_stopped_names_the_alarm_and_the_cause() {
    let calm = Answer::ok(ALARMS, r#"{"MetricAlarms":[]}"#);
    let script = [
        calm,
        UP,
        ON_7,
        ON_7,
        A_TENTH_ON_8,
        ON_7,
        BEFORE,
        MOVING,
        scripts::events!(
            "e6" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_ROLLBACK_COMPLETE" "",
            "e5" "UpdateVersion" "Lambda::Version" "UPDATE_FAILED" "Resource update cancelled",
            "e4" "ApiLiveAlias" "Lambda::Alias" "UPDATE_FAILED" "the deployment was stopped",
            "e3" "ApiLiveAlias" "Lambda::Alias" "UPDATE_IN_PROGRESS" "",
            "e2" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_IN_PROGRESS" "",
            "e1" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_COMPLETE" ""
        ),
        followed!("UPDATE_ROLLBACK_COMPLETE"),
    ];
    let endpoint = prod(&script).await;
    let back = deploy_to_prod(&endpoint).await;
    assert_outcome(&back, 4, "rolled-back");
    let error = back.last_json_line()["error"].as_str().unwrap().to_owned();
    let words = format!(
        "crypto-watch-prod was rolled back (UPDATE_ROLLBACK_COMPLETE): ApiLiveAlias \
         (AWS::Lambda::Alias) UPDATE_FAILED: the deployment was stopped; in alarm while traffic moved: {ALARM}"
    );
    assert_eq!(error, words);
    let hint = "hint: fix the cause, then run `cargo xtask deploy --env prod`";
    assert!(back.stderr.contains(hint), "{}", back.stderr);
    assert_eq!(recorded_outcomes(&endpoint), ["begun", "rolled-back"]);
}

#[tokio::test]
async fn an_alarm_in_alarm_stops_a_deploy_before_any_change() {
    let endpoint = prod(&[UP]).await;
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
    let discarded = endpoint.requests("DeleteChangeSet");
    assert_eq!(
        discarded.len(),
        3,
        "of the bucket twice, of prod once: {discarded:?}"
    );
}

#[tokio::test]
async fn an_alarm_in_alarm_is_ignored_with_the_option() {
    let endpoint = prod(&[UP]).await;
    let arguments = [
        &scripts::to_prod(&endpoint)[..],
        &["--yes", "--ignore-alarms"],
    ]
    .concat();
    let deployed = tests::xtask::run(&arguments, &[]).await;
    assert_outcome(&deployed, 0, "deployed");
    let words = format!("warning: these alarms are ignored: {ALARM}");
    assert!(deployed.stderr.contains(&words), "{}", deployed.stderr);
}
