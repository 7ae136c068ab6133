//! Deploys of stacks that are busy or have failed, and failed change sets. The emulator cannot produce
//! these situations.

use tests::scripted::{Answer, Request, Scripted};
use tests::xtask::{self, Run};

use crate::assert_outcome;
use crate::scripts::{self, CALLER, NO_CHANGE_SET, NO_STACK, deploy_to_prod, events, prod, stack};

async fn deploy(endpoint: &Scripted, more: &[&str]) -> Run {
    let deploy = ["deploy", "--env", "dev", "--skip-tests", "--yes"];
    let target = ["--output", "json", "--endpoint-url", endpoint.url()];
    xtask::run(&[&deploy[..], &target, more].concat(), &[]).await
}

#[tokio::test]
async fn a_failed_rollback_is_refused_with_the_command_to_continue_it() {
    let endpoint = scripts::start(
        const {
            &[
                CALLER,
                NO_STACK,
                stack!("crypto-watch-dev", "UPDATE_ROLLBACK_FAILED"),
                NO_CHANGE_SET,
            ]
        },
    )
    .await;
    let refused = deploy(&endpoint, &["--replace-failed-stack"]).await;
    assert_outcome(&refused, 1, "failed");
    let hint = "hint: fix the cause, then run `aws cloudformation continue-update-rollback --region us-east-1 --stack-name crypto-watch-dev`";
    assert!(refused.stderr.contains(hint), "{}", refused.stderr);
    assert!(endpoint.requests("CreateChangeSet").is_empty());
    assert!(endpoint.requests("DeleteStack").is_empty());
}

#[tokio::test]
async fn a_deploy_waits_for_a_running_operation_and_is_refused_if_that_fails() {
    let endpoint = scripts::start(
        const {
            &[
                CALLER,
                NO_STACK,
                stack!("crypto-watch-dev", "CREATE_IN_PROGRESS"),
                stack!("crypto-watch-dev", "ROLLBACK_IN_PROGRESS"),
                stack!("crypto-watch-dev", "ROLLBACK_COMPLETE"),
                events!("2" "crypto-watch-dev" "CloudFormation::Stack" "CREATE_IN_PROGRESS" "", "1" "crypto-watch-dev" "CloudFormation::Stack" "REVIEW_IN_PROGRESS" ""),
                events!("3" "crypto-watch-dev" "CloudFormation::Stack" "ROLLBACK_IN_PROGRESS" "", "2" "crypto-watch-dev" "CloudFormation::Stack" "CREATE_IN_PROGRESS" ""),
                events!("4" "crypto-watch-dev" "CloudFormation::Stack" "ROLLBACK_COMPLETE" "", "3" "crypto-watch-dev" "CloudFormation::Stack" "ROLLBACK_IN_PROGRESS" ""),
                NO_CHANGE_SET,
            ]
        },
    )
    .await;
    let refused = deploy(&endpoint, &[]).await;
    assert_outcome(&refused, 1, "failed");
    let followed = "CREATE_IN_PROGRESS is in progress; following it to its end";
    assert!(refused.stderr.contains(followed), "{}", refused.stderr);
    let words = "the stack crypto-watch-dev is in ROLLBACK_COMPLETE";
    assert!(refused.stderr.contains(words), "{}", refused.stderr);
    assert!(endpoint.requests("DeleteStack").is_empty());
}

/// A stack whose queue was deleted by hand. The change set fails in validation, and CloudFormation
/// refuses the first call that deletes the change set.
const DRIFTED: &[Answer] = &[
    CALLER,
    NO_STACK,
    stack!("crypto-watch-dev", "UPDATE_COMPLETE"),
    Answer::ok(
        "GetTemplate",
        "<GetTemplateResponse><GetTemplateResult><TemplateBody>{}</TemplateBody></GetTemplateResult></GetTemplateResponse>",
    ),
    Answer::ok(
        "DetectStackDrift",
        "<DetectStackDriftResponse><DetectStackDriftResult>\
        <StackDriftDetectionId>d</StackDriftDetectionId>\
        </DetectStackDriftResult></DetectStackDriftResponse>",
    ),
    Answer::ok(
        "DescribeStackDriftDetectionStatus",
        "<DescribeStackDriftDetectionStatusResponse><DescribeStackDriftDetectionStatusResult>\
        <StackId>s</StackId><StackDriftDetectionId>d</StackDriftDetectionId>\
        <DetectionStatus>DETECTION_IN_PROGRESS</DetectionStatus>\
        <Timestamp>2026-01-15T10:30:00Z</Timestamp>\
        </DescribeStackDriftDetectionStatusResult></DescribeStackDriftDetectionStatusResponse>",
    ),
    Answer::ok(
        "DescribeStackDriftDetectionStatus",
        "<DescribeStackDriftDetectionStatusResponse><DescribeStackDriftDetectionStatusResult>\
        <StackId>s</StackId><StackDriftDetectionId>d</StackDriftDetectionId>\
        <DetectionStatus>DETECTION_FAILED</DetectionStatus>\
        <DetectionStatusReason>Failed to detect drift on resources [Dashboard]\
        </DetectionStatusReason><Timestamp>2026-01-15T10:30:00Z</Timestamp>\
        </DescribeStackDriftDetectionStatusResult></DescribeStackDriftDetectionStatusResponse>",
    ),
    Answer::ok(
        "DescribeStackResourceDrifts",
        "<DescribeStackResourceDriftsResponse><DescribeStackResourceDriftsResult>\
        <StackResourceDrifts><member><StackId>s</StackId>\
        <LogicalResourceId>UpdateDeadLetters</LogicalResourceId>\
        <ResourceType>AWS::SQS::Queue</ResourceType>\
        <StackResourceDriftStatus>DELETED</StackResourceDriftStatus>\
        <Timestamp>2026-01-15T10:30:00Z</Timestamp></member></StackResourceDrifts>\
        </DescribeStackResourceDriftsResult></DescribeStackResourceDriftsResponse>",
    ),
    Answer::ok(
        "ListStackResources",
        "<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries/>\
        </ListStackResourcesResult></ListStackResourcesResponse>",
    ),
    Answer::ok(
        "CreateChangeSet",
        "<CreateChangeSetResponse><CreateChangeSetResult><Id>change-set</Id>\
        <StackId>s</StackId></CreateChangeSetResult></CreateChangeSetResponse>",
    ),
    Answer::ok(
        "DescribeChangeSet",
        "<DescribeChangeSetResponse><DescribeChangeSetResult><Status>FAILED</Status>\
        <StatusReason>Validation failed. Call DescribeEvents.</StatusReason>\
        </DescribeChangeSetResult></DescribeChangeSetResponse>",
    ),
    Answer::ok(
        "DescribeEvents",
        "<DescribeEventsResponse><DescribeEventsResult><OperationEvents><member>\
        <EventId>1</EventId><EventType>VALIDATION_ERROR</EventType>\
        <LogicalResourceId>Table</LogicalResourceId>\
        <ResourceType>AWS::DynamoDB::Table</ResourceType>\
        <ValidationPath>/Resources/Table/Properties/TableName</ValidationPath>\
        <ValidationStatusReason>it exists already</ValidationStatusReason>\
        </member></OperationEvents></DescribeEventsResult></DescribeEventsResponse>",
    ),
    Answer {
        action: "DeleteChangeSet",
        status: 400,
        body: "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidChangeSetStatus</Code>\
            <Message>it is in CREATE_IN_PROGRESS</Message></Error></ErrorResponse>",
    },
    Answer::ok(
        "DeleteChangeSet",
        "<DeleteChangeSetResponse><DeleteChangeSetResult/></DeleteChangeSetResponse>",
    ),
];

#[tokio::test]
async fn on_drift_revert_creates_a_reverting_change_set_and_deletes_it_if_it_fails() {
    let endpoint = scripts::start(DRIFTED).await;
    let failed = deploy(&endpoint, &["--on-drift", "revert"]).await;
    assert_outcome(&failed, 1, "failed");
    let unchecked = "not checked for drift: Failed to detect drift on resources [Dashboard]";
    assert!(failed.stderr.contains(unchecked), "{}", failed.stderr);
    let drift = "UpdateDeadLetters (AWS::SQS::Queue) is gone";
    assert!(failed.stderr.contains(drift), "{}", failed.stderr);
    let reason =
        "Table (AWS::DynamoDB::Table), at /Resources/Table/Properties/TableName: it exists already";
    assert!(failed.stderr.contains(reason), "{}", failed.stderr);

    let made = endpoint.requests("CreateChangeSet");
    let has = |request: &Request, field: &str| request.body.split('&').any(|other| other == field);
    for fields in &made {
        let updates = has(fields, "ChangeSetType=UPDATE");
        assert_eq!(has(fields, "DeploymentMode=REVERT_DRIFT"), updates);
        assert_ne!(has(fields, "ImportExistingResources=true"), updates);
    }
    let updates = made
        .iter()
        .filter(|fields| has(fields, "ChangeSetType=UPDATE"));
    assert_eq!(updates.count(), 1);
    // One call for each of the two stacks, and one more because the first call was refused.
    assert!(endpoint.requests("DeleteChangeSet").len() > 2);
}

#[tokio::test]
async fn a_failed_drift_detection_stops_the_deploy_except_with_on_drift_continue() {
    static SCRIPT: &[Answer] = &[
        CALLER,
        NO_STACK,
        stack!("crypto-watch-dev", "UPDATE_COMPLETE"),
        Answer {
            action: "DetectStackDrift",
            status: 403,
            body: "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>\
                <Message>not authorized to perform: cloudformation:DetectStackDrift</Message>\
                </Error></ErrorResponse>",
        },
        NO_CHANGE_SET,
    ];
    let endpoint = scripts::start(SCRIPT).await;
    let refused = deploy(&endpoint, &[]).await;
    assert_outcome(&refused, 1, "failed");
    let hint = "hint: to deploy without drift detection, pass --on-drift continue";
    assert!(refused.stderr.contains(hint), "{}", refused.stderr);
    assert!(endpoint.requests("CreateChangeSet").is_empty());

    let endpoint = scripts::start(SCRIPT).await;
    let more = ["--on-drift", "continue"];
    let continued = deploy(&endpoint, &more).await;
    assert!(
        continued
            .stderr
            .contains("continuing without drift detection"),
        "{}",
        continued.stderr
    );
    assert!(!endpoint.requests("CreateChangeSet").is_empty());
}

#[tokio::test]
async fn a_change_set_whose_execution_is_refused_is_deleted() {
    let refused = Answer::error(
        "ExecuteChangeSet",
        400,
        "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidChangeSetStatus</Code>\
         <Message>the stack is busy</Message></Error></ErrorResponse>",
    );
    let endpoint = prod(&[refused]).await;
    let failed = deploy_to_prod(&endpoint).await;
    assert_outcome(&failed, 1, "failed");
    assert!(
        failed.stderr.contains("the stack is busy"),
        "{}",
        failed.stderr
    );
    let deletion = "DeleteChangeSet&StackName=arn%3Aaws%3Acloudformation%3Aus-east-1%3A111122223333%3Astack%2Fcrypto-watch-prod%2F1";
    assert!(
        !endpoint.requests(deletion).is_empty(),
        "the change set of prod is deleted"
    );
}
