//! Commands escape control sequences, for a terminal or for GitHub Actions, in texts from AWS.

use tests::scripted::{Answer, Scripted};
use tests::xtask::{self, Run};

use crate::scripts::{self, CALLER, stack};

/// A line break, a workflow command of GitHub Actions in both forms, a sequence that clears the
/// screen, and a bidirectional override.
macro_rules! hostile {
    () => {
        r"a first line\n::stop-commands::x\u001b[2J\u009b2J\u202e##[add-mask]y"
    };
}

/// A similar text in XML, without `ESC[2J`, because XML cannot contain ESC.
macro_rules! hostile_xml {
    () => {
        "a first line&#10; ::stop-commands::x&#x9b;2J&#x202e;##[add-mask]y"
    };
}

#[track_caller]
fn assert_harmless(run: &Run) {
    let shown = [run.stdout.as_str(), run.stderr.as_str()].concat();
    assert!(
        shown.contains("stop-commands::x"),
        "the text is missing: {shown:?}"
    );
    for line in shown.split('\n') {
        let is_control = |character: char| {
            (character.is_control() && character != '\t')
                || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        assert!(!line.contains(is_control), "{line:?}");
        assert!(!line.trim_start().starts_with("::"), "{line:?}");
        assert!(!line.contains("##["), "{line:?}");
    }
}

/// Runs a command twice against scripted responses: with text and with JSON as its output.
async fn run_both(script: &[Answer], command: &str) -> [Run; 2] {
    let mut runs = Vec::new();
    for output in ["text", "json"] {
        let endpoint = Scripted::start(script).await;
        let mut arguments: Vec<&str> = command.split(' ').collect();
        arguments.extend(["--output", output, "--endpoint-url", endpoint.url()]);
        runs.push(xtask::run(&arguments, &[]).await);
    }
    runs.try_into().unwrap()
}

#[tokio::test]
async fn dead_letters_are_shown_escaped() {
    let script = [
        Answer::ok("GetQueueUrl", r#"{"QueueUrl":"http://127.0.0.1/q"}"#),
        Answer::ok(
            "ReceiveMessage",
            concat!(
                r#"{"Messages":[{"MessageId":"1","ReceiptHandle":"1","Attributes":{"SentTimestamp":"1764265800000"},"Body":""#,
                hostile!(),
                r#""}]}"#
            ),
        ),
        Answer::ok("ReceiveMessage", "{}"),
        Answer::ok(
            "ChangeMessageVisibilityBatch",
            r#"{"Successful":[],"Failed":[]}"#,
        ),
    ];
    let [text, json] = run_both(&script, "dead-letters show --env prod").await;
    for run in [&text, &json] {
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert_harmless(run);
    }
    assert_eq!(text.stdout.lines().count(), 2, "{}", text.stdout);
    let message = json.last_json_line();
    let body: String = serde_json::from_str(concat!("\"", hostile!(), "\"")).unwrap();
    assert_eq!(message["body"], body, "JSON decodes to the original text");
}

#[tokio::test]
async fn a_keys_name_is_escaped() {
    let script = [Answer::ok(
        "GetItem",
        concat!(
            r#"{"Item":{"PK":{"S":"APIKEY#0123456789AB"},"SK":{"S":"METADATA"},"keyId":{"S":"0123456789AB"},"name":{"S":""#,
            hostile!(),
            r#""},"createdAt":{"S":"2026-01-15T10:30:00Z"},"enabled":{"BOOL":true},"secretHash":{"S":"0000000000000000000000000000000000000000000000000000000000000000"}}}"#
        ),
    )];
    for run in run_both(&script, "keys show 0123456789AB --env prod").await {
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert_harmless(&run);
    }
}

#[tokio::test]
async fn names_in_the_list_of_keys_are_escaped() {
    let script = [
        Answer::ok(
            "Query",
            r#"{"Items":[{"PK":{"S":"APIKEY#0123456789AB"},"SK":{"S":"METADATA"}}]}"#,
        ),
        Answer::ok(
            "BatchGetItem",
            concat!(
                r#"{"Responses":{"crypto-watch-data-prod":[{"PK":{"S":"APIKEY#0123456789AB"},"SK":{"S":"METADATA"},"keyId":{"S":"0123456789AB"},"name":{"S":""#,
                hostile!(),
                r#""},"createdAt":{"S":"2026-01-15T10:30:00Z"},"enabled":{"BOOL":true},"secretHash":{"S":"0000000000000000000000000000000000000000000000000000000000000000"}}]}}"#
            ),
        ),
    ];
    for run in run_both(&script, "keys list --env prod").await {
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert_harmless(&run);
    }
}

#[tokio::test]
async fn drift_is_escaped() {
    let script = [
        CALLER,
        stack!("DescribeStacks" => "crypto-watch-prod", "UPDATE_COMPLETE", ""),
        Answer::ok(
            "GetTemplate",
            "<GetTemplateResponse><GetTemplateResult><TemplateBody>{}</TemplateBody></GetTemplateResult></GetTemplateResponse>",
        ),
        Answer::ok(
            "GET /crypto-watch-artifacts-prod-111122223333-us-east-1*",
            "<ListBucketResult></ListBucketResult>",
        ),
        Answer::ok(
            "ListStackResources",
            "<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries/>\
             </ListStackResourcesResult></ListStackResourcesResponse>",
        ),
        Answer::ok(
            "DetectStackDrift",
            "<DetectStackDriftResponse><DetectStackDriftResult><StackDriftDetectionId>d</StackDriftDetectionId>\
             </DetectStackDriftResult></DetectStackDriftResponse>",
        ),
        Answer::ok(
            "DescribeStackDriftDetectionStatus",
            "<DescribeStackDriftDetectionStatusResponse><DescribeStackDriftDetectionStatusResult>\
             <StackId>s</StackId><StackDriftDetectionId>d</StackDriftDetectionId><StackDriftStatus>DRIFTED</StackDriftStatus>\
             <DetectionStatus>DETECTION_COMPLETE</DetectionStatus><Timestamp>2026-01-15T10:30:00Z</Timestamp>\
             </DescribeStackDriftDetectionStatusResult></DescribeStackDriftDetectionStatusResponse>",
        ),
        Answer::ok(
            "DescribeStackResourceDrifts",
            concat!(
                "<DescribeStackResourceDriftsResponse><DescribeStackResourceDriftsResult><StackResourceDrifts><member>\
                 <StackId>s</StackId><LogicalResourceId>Queue</LogicalResourceId><PhysicalResourceId>q</PhysicalResourceId>\
                 <ResourceType>AWS::SQS::Queue</ResourceType><StackResourceDriftStatus>MODIFIED</StackResourceDriftStatus>\
                 <Timestamp>2026-01-15T10:30:00Z</Timestamp><PropertyDifferences><member><PropertyPath>/DelaySeconds</PropertyPath>\
                 <ExpectedValue>1</ExpectedValue><ActualValue>",
                hostile_xml!(),
                "</ActualValue><DifferenceType>NOT_EQUAL</DifferenceType></member></PropertyDifferences></member>\
                 </StackResourceDrifts></DescribeStackResourceDriftsResult></DescribeStackResourceDriftsResponse>"
            ),
        ),
    ];
    for run in run_both(&script, "drift --env prod").await {
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert_harmless(&run);
    }
}

#[tokio::test]
async fn a_log_is_escaped() {
    let script = [Answer::ok(
        "FilterLogEvents",
        concat!(
            r#"{"events":[{"timestamp":1764265800000,"logStreamName":"s","eventId":"1","message":""#,
            hostile!(),
            r#""}]}"#
        ),
    )];
    for run in run_both(&script, "logs --env prod").await {
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert_harmless(&run);
    }
}

#[tokio::test]
async fn a_stack_output_is_escaped() {
    let script = [
        stack!("DescribeStacks" => "crypto-watch-prod", "UPDATE_COMPLETE",
        "<Outputs><member><OutputKey>ApiEndpoint</OutputKey><OutputValue>a first line&#10; ::stop-commands::x&#x9b;2J&#x202e;##[add-mask]y</OutputValue></member></Outputs>"),
    ];
    for run in run_both(&script, "outputs --env prod").await {
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert_harmless(&run);
    }
}

#[tokio::test]
async fn an_error_of_aws_is_escaped() {
    let denied = Answer::error(
        "GetCallerIdentity",
        403,
        concat!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>",
            hostile_xml!(),
            "</Message></Error><RequestId>id</RequestId></ErrorResponse>"
        ),
    );
    for run in run_both(&[denied], "deploy --env prod --yes").await {
        assert_eq!(run.code, 1, "{}", run.stderr);
        assert_harmless(&run);
    }
}

#[tokio::test]
async fn the_events_and_resources_of_a_stack_are_escaped() {
    let script = [
        CALLER,
        stack!("DescribeStacks&StackName=crypto-watch-dev" => "crypto-watch-dev", "UPDATE_COMPLETE", ""),
        stack!("DescribeStacks&StackName=arn%3Aaws%3Acloudformation%3Aus-east-1%3A111122223333%3Astack%2Fcrypto-watch-dev%2F1"
            => "crypto-watch-dev", "DELETE_FAILED", ""),
        Answer::ok(
            "GetTemplate",
            "<GetTemplateResponse><GetTemplateResult><TemplateBody>{}</TemplateBody></GetTemplateResult></GetTemplateResponse>",
        ),
        Answer::ok(
            "ListStackResources",
            concat!(
                "<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries><member>\
                 <LogicalResourceId>Queue</LogicalResourceId><ResourceType>AWS::SQS::Queue</ResourceType>\
                 <LastUpdatedTimestamp>2026-01-15T10:30:00Z</LastUpdatedTimestamp><ResourceStatus>CREATE_COMPLETE</ResourceStatus>\
                 <PhysicalResourceId>",
                hostile_xml!(),
                "</PhysicalResourceId></member></StackResourceSummaries></ListStackResourcesResult></ListStackResourcesResponse>"
            ),
        ),
        Answer::ok("DeleteStack", "<DeleteStackResponse/>"),
        scripts::events!("e1" "crypto-watch-dev" "CloudFormation::Stack" "UPDATE_COMPLETE" ""),
        scripts::events!(
            "e3" "crypto-watch-dev" "CloudFormation::Stack" "DELETE_FAILED" "",
            "e2" "Queue" "SQS::Queue" "DELETE_FAILED" "a first line&#10; ::stop-commands::x&#x9b;2J&#x202e;##[add-mask]y",
            "e1" "crypto-watch-dev" "CloudFormation::Stack" "UPDATE_COMPLETE" ""
        ),
    ];
    for run in run_both(&script, "destroy --env dev --yes").await {
        assert_eq!(run.code, 1, "{}", run.stderr);
        assert!(
            run.stderr.contains("could not be deleted"),
            "{}",
            run.stderr
        );
        assert_harmless(&run);
    }
}
