//! The questions of a deploy at a terminal, and the effect of each answer.

use tests::scripted::{Answer, Scripted};
use tests::xtask::{self, Run};

use crate::assert_outcome;
use crate::scripts::{self, CALLER, NO_CHANGE_SET, NO_STACK, prod, prod_arguments, stack};

async fn deploy_prod_at_terminal(endpoint: &Scripted, typed: &str) -> Run {
    xtask::run_at_terminal(&prod_arguments(endpoint), typed).await
}

#[tokio::test]
async fn prod_is_deployed_after_the_stacks_name_is_typed() {
    let endpoint = prod(&[]).await;
    let deployed = deploy_prod_at_terminal(&endpoint, "crypto-watch-prod\n").await;
    assert_outcome(&deployed, 0, "deployed");
    let question = "Deploy to prod in account 111122223333, us-east-1? Type crypto-watch-prod";
    assert!(deployed.stderr.contains(question), "{}", deployed.stderr);
    assert_eq!(endpoint.requests("ExecuteChangeSet").len(), 1);
}

#[tokio::test]
async fn prod_is_not_deployed_after_any_other_answer() {
    for typed in ["y\n", "crypto-watch-dev\n"] {
        let endpoint = prod(&[]).await;
        let declined = deploy_prod_at_terminal(&endpoint, typed).await;
        assert_outcome(&declined, 3, "declined");
        let words = "error: nothing was deployed: the answer was no";
        assert!(
            declined.stderr.contains(words),
            "{typed:?}: {}",
            declined.stderr
        );
        assert!(endpoint.requests("ExecuteChangeSet").is_empty());
    }
}

async fn deploy_dev_at_terminal(script: &[Answer], typed: &str) -> (Scripted, Run) {
    let endpoint = scripts::start(script).await;
    let arguments = ["deploy", "--env", "dev", "--skip-tests", "--output", "json"];
    let target = ["--endpoint-url", endpoint.url()];
    let run = xtask::run_at_terminal(&[&arguments[..], &target].concat(), typed).await;
    (endpoint, run)
}

/// A stack with termination protection whose creation failed.
const FAILED: &[Answer] = &[
    CALLER,
    stack!("DescribeStacks&StackName=crypto-watch-dev" => "crypto-watch-dev", "ROLLBACK_COMPLETE",
        "<EnableTerminationProtection>true</EnableTerminationProtection>"),
    NO_CHANGE_SET,
    Answer::ok(
        "GetTemplate",
        "<GetTemplateResponse><GetTemplateResult><TemplateBody>{}</TemplateBody></GetTemplateResult></GetTemplateResponse>",
    ),
    Answer::ok(
        "ListStackResources",
        "<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries/></ListStackResourcesResult></ListStackResourcesResponse>",
    ),
    Answer::ok(
        "UpdateTerminationProtection",
        "<UpdateTerminationProtectionResponse><UpdateTerminationProtectionResult/></UpdateTerminationProtectionResponse>",
    ),
    Answer::ok("DeleteStack", "<DeleteStackResponse/>"),
    scripts::events!("e1" "crypto-watch-dev" "CloudFormation::Stack" "ROLLBACK_COMPLETE" ""),
    scripts::events!(
        "e2" "crypto-watch-dev" "CloudFormation::Stack" "DELETE_COMPLETE" "",
        "e1" "crypto-watch-dev" "CloudFormation::Stack" "ROLLBACK_COMPLETE" ""
    ),
    stack!("DescribeStacks&StackName=arn%3Aaws%3Acloudformation%3Aus-east-1%3A111122223333%3Astack%2Fcrypto-watch-dev%2F1"
        => "crypto-watch-dev", "DELETE_COMPLETE", ""),
    NO_STACK,
];

#[tokio::test]
async fn a_failed_stack_is_kept_after_the_answer_no() {
    let (endpoint, declined) = deploy_dev_at_terminal(FAILED, "n\n").await;
    assert_outcome(&declined, 3, "declined");
    let question = "Delete what is left of crypto-watch-dev? [y/N]";
    assert!(declined.stderr.contains(question), "{}", declined.stderr);
    assert!(endpoint.requests("DeleteStack").is_empty());
    assert!(endpoint.requests("UpdateTerminationProtection").is_empty());
}

#[tokio::test]
async fn a_failed_stack_is_unprotected_and_deleted_after_the_answer_yes() {
    // After the deletion, there is no stack. The deploy then fails, because the script has no response
    // to `CreateChangeSet`.
    let mut script = FAILED.to_vec();
    script.insert(
        2,
        Answer {
            action: FAILED[1].action,
            ..NO_STACK
        },
    );
    let (endpoint, failed) = deploy_dev_at_terminal(&script, "y\n").await;
    assert_outcome(&failed, 1, "failed");
    let protection = endpoint.requests("UpdateTerminationProtection");
    assert!(protection[0].calls("UpdateTerminationProtection&EnableTerminationProtection=false"));
    assert_eq!(endpoint.requests("DeleteStack").len(), 1);
    let made = "CreateChangeSet&StackName=crypto-watch-dev&ChangeSetType=CREATE";
    assert!(!endpoint.requests(made).is_empty(), "{}", failed.stderr);
}

/// A stack whose update failed and whose rollback failed, too.
const STUCK: &[Answer] = &[
    CALLER,
    stack!("DescribeStacks&StackName=crypto-watch-dev" => "crypto-watch-dev", "UPDATE_ROLLBACK_FAILED",
        "<StackStatusReason>The following resource(s) failed to update: [ApiRole]</StackStatusReason>"),
    NO_CHANGE_SET,
    Answer::ok(
        "ContinueUpdateRollback",
        "<ContinueUpdateRollbackResponse><ContinueUpdateRollbackResult/></ContinueUpdateRollbackResponse>",
    ),
    scripts::events!("e1" "crypto-watch-dev" "CloudFormation::Stack" "UPDATE_ROLLBACK_FAILED" ""),
    NO_STACK,
];
const STUCK_BY_ID: &str = "DescribeStacks&StackName=arn%3Aaws%3Acloudformation%3Aus-east-1%3A111122223333%3Astack%2Fcrypto-watch-dev%2F1";

#[tokio::test]
async fn a_failed_rollback_continues_after_the_answer_yes() {
    let mut script = STUCK.to_vec();
    // The response to the second `DescribeStacks` by name, which comes after the rollback.
    let recovered = stack!("DescribeStacks" => "crypto-watch-dev", "UPDATE_ROLLBACK_COMPLETE", "");
    script.insert(
        2,
        Answer {
            action: STUCK[1].action,
            ..recovered
        },
    );
    script.extend([
        scripts::events!(
            "e2" "crypto-watch-dev" "CloudFormation::Stack" "UPDATE_ROLLBACK_COMPLETE" "",
            "e1" "crypto-watch-dev" "CloudFormation::Stack" "UPDATE_ROLLBACK_FAILED" ""
        ),
        Answer {
            action: STUCK_BY_ID,
            ..recovered
        },
    ]);
    let (endpoint, run) = deploy_dev_at_terminal(&script, "y\n").await;
    assert!(
        run.stderr.contains("failed to update: [ApiRole]"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr
            .contains("Continue the rollback of crypto-watch-dev?"),
        "{}",
        run.stderr
    );
    assert_eq!(endpoint.requests("ContinueUpdateRollback").len(), 1);
    // The deploy then continues, and fails because the script has no response to `DetectStackDrift`.
    assert!(
        !endpoint.requests("DetectStackDrift").is_empty(),
        "{}",
        run.stderr
    );
    assert_outcome(&run, 1, "failed");
}

#[tokio::test]
async fn a_rollback_that_fails_again_names_the_cause_and_the_command() {
    let mut script = STUCK.to_vec();
    script.extend([
        scripts::events!(
            "e3" "crypto-watch-dev" "CloudFormation::Stack" "UPDATE_ROLLBACK_FAILED" "",
            "e2" "ApiRole" "IAM::Role" "UPDATE_FAILED" "the role is gone",
            "e1" "crypto-watch-dev" "CloudFormation::Stack" "UPDATE_ROLLBACK_FAILED" ""
        ),
        Answer {
            action: STUCK_BY_ID,
            ..STUCK[1]
        },
    ]);
    let (endpoint, run) = deploy_dev_at_terminal(&script, "y\n").await;
    assert_outcome(&run, 1, "failed");
    let words = "the rollback of crypto-watch-dev failed again: ApiRole (AWS::IAM::Role) UPDATE_FAILED: the role is gone";
    assert!(run.stderr.contains(words), "{}", run.stderr);
    assert!(
        run.stderr.contains("with --resources-to-skip"),
        "{}",
        run.stderr
    );
    assert!(endpoint.requests("CreateChangeSet").is_empty());
}

/// A stack whose queue was deleted by hand. If the operator continues, the deploy fails,
/// because the script has no response to `CreateChangeSet`.
const DRIFTED: &[Answer] = &[
    CALLER,
    stack!("DescribeStacks&StackName=crypto-watch-dev" => "crypto-watch-dev", "UPDATE_COMPLETE", ""),
    NO_CHANGE_SET,
    Answer::ok(
        "GetTemplate",
        "<GetTemplateResponse><GetTemplateResult><TemplateBody>{}</TemplateBody></GetTemplateResult></GetTemplateResponse>",
    ),
    Answer::ok(
        "DetectStackDrift",
        "<DetectStackDriftResponse><DetectStackDriftResult><StackDriftDetectionId>d</StackDriftDetectionId></DetectStackDriftResult></DetectStackDriftResponse>",
    ),
    Answer::ok(
        "DescribeStackDriftDetectionStatus",
        "<DescribeStackDriftDetectionStatusResponse><DescribeStackDriftDetectionStatusResult><StackId>s</StackId><StackDriftDetectionId>d</StackDriftDetectionId><DetectionStatus>DETECTION_COMPLETE</DetectionStatus><Timestamp>2026-01-15T10:30:00Z</Timestamp></DescribeStackDriftDetectionStatusResult></DescribeStackDriftDetectionStatusResponse>",
    ),
    Answer::ok(
        "DescribeStackResourceDrifts",
        "<DescribeStackResourceDriftsResponse><DescribeStackResourceDriftsResult><StackResourceDrifts><member><StackId>s</StackId><LogicalResourceId>UpdateDeadLetters</LogicalResourceId><ResourceType>AWS::SQS::Queue</ResourceType><StackResourceDriftStatus>DELETED</StackResourceDriftStatus><Timestamp>2026-01-15T10:30:00Z</Timestamp></member></StackResourceDrifts></DescribeStackResourceDriftsResult></DescribeStackResourceDriftsResponse>",
    ),
    Answer::ok(
        "ListStackResources",
        "<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries/></ListStackResourcesResult></ListStackResourcesResponse>",
    ),
    NO_STACK,
];

#[tokio::test]
async fn drift_stops_a_deploy_unless_the_operator_chooses_otherwise() {
    for typed in ["stop\n", "y\n"] {
        let (endpoint, run) = deploy_dev_at_terminal(DRIFTED, typed).await;
        assert_outcome(&run, 3, "declined");
        let words = "nothing was deployed: the answer was to stop";
        assert!(run.stderr.contains(words), "{typed:?}: {}", run.stderr);
        assert!(endpoint.requests("CreateChangeSet").is_empty());
    }
    for (typed, reverts) in [("continue\n", false), ("r\n", true)] {
        let (endpoint, run) = deploy_dev_at_terminal(DRIFTED, typed).await;
        assert!(
            run.stderr
                .contains("UpdateDeadLetters (AWS::SQS::Queue) is gone"),
            "{}",
            run.stderr
        );
        let made = endpoint.requests("CreateChangeSet&StackName=crypto-watch-dev");
        let reverting = "CreateChangeSet&DeploymentMode=REVERT_DRIFT";
        assert_eq!(
            made[0].calls(reverting),
            reverts,
            "{typed:?}: {}",
            run.stderr
        );
    }
}
