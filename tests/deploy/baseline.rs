//! The baseline: differences from the template that a deployment records, and that later deploys do not
//! count as drift. The results of CloudFormation's drift detection are scripted.

use std::fmt::Write as _;

use serde_json::{Value, json};
use tests::scripted::{self, Answer, Scripted};
use tests::xtask::{self, Run};

use crate::scripts::{self, PROD};
use crate::{assert_outcome, events};

const BUCKET: &str = "crypto-watch-artifacts-prod-111122223333-us-east-1";
const RECORDS: &str = "PUT /crypto-watch-artifacts-prod-111122223333-us-east-1/deployments/*";
const DETECT_PROD: &str = "DetectStackDrift&StackName=arn%3Aaws%3Acloudformation%3Aus-east-1%3A111122223333%3Astack%2Fcrypto-watch-prod%2F1";
const DRIFT_OF_PROD: &str = "DescribeStackResourceDrifts&StackName=arn%3Aaws%3Acloudformation%3Aus-east-1%3A111122223333%3Astack%2Fcrypto-watch-prod%2F1";

const DETECTED: &str = "<DetectStackDriftResponse><DetectStackDriftResult>\
    <StackDriftDetectionId>d</StackDriftDetectionId></DetectStackDriftResult>\
    </DetectStackDriftResponse>";

/// A drift detection that finds no drift, in a stack without aliases.
pub(crate) const DETECTION: [Answer; 4] = [
    Answer::ok("DetectStackDrift", DETECTED),
    Answer::ok(
        "DescribeStackDriftDetectionStatus",
        "<DescribeStackDriftDetectionStatusResponse><DescribeStackDriftDetectionStatusResult>\
         <StackId>s</StackId><StackDriftDetectionId>d</StackDriftDetectionId>\
         <DetectionStatus>DETECTION_COMPLETE</DetectionStatus>\
         <Timestamp>2026-01-15T10:30:00Z</Timestamp>\
         </DescribeStackDriftDetectionStatusResult></DescribeStackDriftDetectionStatusResponse>",
    ),
    Answer::ok(
        "DescribeStackResourceDrifts",
        "<DescribeStackResourceDriftsResponse><DescribeStackResourceDriftsResult>\
         <StackResourceDrifts/></DescribeStackResourceDriftsResult>\
         </DescribeStackResourceDriftsResponse>",
    ),
    Answer::ok(
        "ListStackResources",
        "<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries/>\
         </ListStackResourcesResult></ListStackResourcesResponse>",
    ),
];

/// The events of a deployment that updates the queue, the schedule, a role and the table.
const UPDATED: Answer = scripts::events!(
    "e7" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_COMPLETE" "",
    "e6" "Table" "DynamoDB::Table" "UPDATE_COMPLETE" "",
    "e5" "ApiRole" "IAM::Role" "UPDATE_COMPLETE" "",
    "e4" "Schedule" "Scheduler::Schedule" "UPDATE_COMPLETE" "",
    "e3" "Queue" "SQS::Queue" "UPDATE_COMPLETE" "",
    "e2" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_IN_PROGRESS" "",
    "e1" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_COMPLETE" ""
);

/// Returns a response with a change set of these resources, each with its action.
fn change_set(changes: &[(&str, &str)]) -> Answer {
    let members = changes
        .iter()
        .fold(String::new(), |mut members, (id, action)| {
            let _ = write!(
                members,
                "<member><Type>Resource</Type><ResourceChange><Action>{action}</Action>\
             <LogicalResourceId>{id}</LogicalResourceId>\
             <ResourceType>AWS::CloudFormation::WaitCondition</ResourceType>\
             <Replacement>False</Replacement></ResourceChange></member>"
            );
            members
        });
    let body = format!(
        "<DescribeChangeSetResponse><DescribeChangeSetResult><Status>CREATE_COMPLETE</Status>\
         <ExecutionStatus>AVAILABLE</ExecutionStatus><Changes>{members}</Changes>\
         </DescribeChangeSetResult></DescribeChangeSetResponse>"
    );
    Answer::ok(scripts::CHANGE_SET, body.leak())
}

/// A resource whose property `Order` has another value than in the template, where it is `sorted`.
#[derive(Debug, Clone, Copy)]
struct Difference {
    logical_id: &'static str,
    resource_type: &'static str,
    actual: &'static str,
}

const fn reversed(logical_id: &'static str, resource_type: &'static str) -> Difference {
    Difference {
        logical_id,
        resource_type,
        actual: "reversed",
    }
}

const QUEUE: Difference = reversed("Queue", "SQS::Queue");
const SCHEDULE: Difference = reversed("Schedule", "Scheduler::Schedule");

/// Returns a response with the differences that a drift detection finds in prod's stack.
fn drift_of_prod(found: &[Difference]) -> Answer {
    let members = found.iter().fold(String::new(), |mut members, difference| {
        let Difference {
            logical_id,
            resource_type,
            actual,
        } = difference;
        let _ = write!(
            members,
            "<member><StackId>s</StackId><LogicalResourceId>{logical_id}</LogicalResourceId>\
             <PhysicalResourceId>{logical_id}-1</PhysicalResourceId>\
             <ResourceType>AWS::{resource_type}</ResourceType>\
             <StackResourceDriftStatus>MODIFIED</StackResourceDriftStatus>\
             <Timestamp>2026-01-15T10:30:00Z</Timestamp><PropertyDifferences><member>\
             <PropertyPath>/Order</PropertyPath><ExpectedValue>sorted</ExpectedValue>\
             <ActualValue>{actual}</ActualValue><DifferenceType>NOT_EQUAL</DifferenceType>\
             </member></PropertyDifferences></member>"
        );
        members
    });
    let body = format!(
        "<DescribeStackResourceDriftsResponse><DescribeStackResourceDriftsResult>\
         <StackResourceDrifts>{members}</StackResourceDrifts>\
         </DescribeStackResourceDriftsResult></DescribeStackResourceDriftsResponse>"
    );
    Answer::ok(DRIFT_OF_PROD, body.leak())
}

/// Returns the responses of a bucket with the record of one deployment.
fn bucket_with_record(record: &Value) -> [Answer; 2] {
    let key = "deployments/20260115T103000Z-deploy-1.json";
    let listed =
        format!("<ListBucketResult><Contents><Key>{key}</Key></Contents></ListBucketResult>");
    [
        Answer::ok(format!("GET /{BUCKET}*").leak(), listed.leak()),
        Answer::ok(
            format!("GET /{BUCKET}/deployments/*").leak(),
            record.to_string().leak(),
        ),
    ]
}

/// A deploy of the update [`UPDATED`] to prod.
struct Deploy {
    /// The results of drift detection before and after the deployment.
    drift: [Vec<Difference>; 2],
    responses: Vec<Answer>,
    on_drift: &'static str,
}

impl Deploy {
    fn with_drift(before: &[Difference], after: &[Difference]) -> Self {
        Deploy {
            drift: [before.to_vec(), after.to_vec()],
            responses: Vec::new(),
            on_drift: "stop",
        }
    }

    fn with_responses(mut self, responses: &[Answer]) -> Self {
        self.responses.extend(responses);
        self
    }

    fn on_drift(self, on_drift: &'static str) -> Self {
        Deploy { on_drift, ..self }
    }

    async fn run(self) -> FinishedDeploy {
        let updated = ["Queue", "Schedule", "ApiRole", "Table"].map(|id| (id, "Modify"));
        let mut script = vec![scripts::EVENTS_BEFORE, UPDATED, change_set(&updated)];
        script.extend(self.drift.map(|drift| drift_of_prod(&drift)));
        let script = scripted::with_changes(&script, &[PROD, &DETECTION].concat());
        let endpoint = scripts::start(&scripted::with_changes(&self.responses, &script)).await;
        let url = endpoint.url();
        let deploy = [
            "deploy",
            "--env",
            "prod",
            "--skip-tests",
            "--output",
            "json",
            "--yes",
        ];
        let on_drift = ["--on-drift", self.on_drift, "--endpoint-url", url];
        let run = xtask::run(&[&deploy[..], &on_drift].concat(), &[]).await;
        FinishedDeploy { endpoint, run }
    }
}

struct FinishedDeploy {
    endpoint: Scripted,
    run: Run,
}

impl FinishedDeploy {
    /// Returns the deployment's record as the deploy wrote it last.
    fn record(&self) -> Value {
        let written = self.endpoint.requests(RECORDS);
        let last = written
            .last()
            .unwrap_or_else(|| panic!("{}", self.run.stderr));
        serde_json::from_str(&last.body).unwrap()
    }

    fn assert_says(&self, words: &str) {
        assert!(
            self.run.stderr.contains(words),
            "{words}: {}",
            self.run.stderr
        );
    }
}

#[tokio::test]
async fn a_difference_in_the_baseline_stops_a_deploy_only_if_its_value_changes() {
    let first = Deploy::with_drift(&[], &[SCHEDULE]).run().await;
    assert_outcome(&first.run, 0, "deployed");
    first.assert_says(
        "recorded as the baseline: later deploys do not count these differences as drift (1):",
    );
    first.assert_says(
        "  Schedule (AWS::Scheduler::Schedule) /Order: sorted in the template, reversed now",
    );
    let record = first.record();
    assert_eq!(record["outcome"], "deployed");
    let known = json!({
        "stack": "crypto-watch-prod", "logicalId": "Schedule", "physicalId": "Schedule-1",
        "type": "AWS::Scheduler::Schedule",
        "difference": {"path": "/Order", "expected": "sorted", "actual": "reversed"}
    });
    assert_eq!(record["baseline"], json!([known]));
    let lines = first.run.json_lines();
    assert_eq!(events(&lines, "baseline")[0]["added"], json!([known]));

    let second =
        Deploy::with_drift(&[SCHEDULE], &[SCHEDULE]).with_responses(&bucket_with_record(&record));
    let second = second.run().await;
    assert_outcome(&second.run, 0, "deployed");
    second.assert_says(
        "crypto-watch-prod: differences in the baseline of the last deployment, which do not count as drift (1):",
    );
    assert_eq!(second.record()["baseline"], json!([known]));
    let lines = second.run.json_lines();
    assert!(events(&lines, "baseline").is_empty(), "{lines:?}");
    assert!(events(&lines, "not-in-baseline").is_empty(), "{lines:?}");

    let another = Difference {
        actual: "another",
        ..SCHEDULE
    };
    let third =
        Deploy::with_drift(&[another], &[]).with_responses(&bucket_with_record(&second.record()));
    let third = third.run().await;
    assert_outcome(&third.run, 1, "failed");
    third.assert_says(
        "nothing was deployed: these resources were changed outside the stack: Schedule",
    );
    assert!(third.endpoint.requests("ExecuteChangeSet").is_empty());
}

#[tokio::test]
async fn a_difference_that_the_deployment_does_not_explain_stops_the_next_deploy() {
    let untouched = reversed("Topic", "SNS::Topic");
    let never_in_baseline = reversed("ApiRole", "IAM::Role");
    let table = reversed("Table", "DynamoDB::Table");
    let changed_again = Difference {
        actual: "another",
        ..QUEUE
    };
    let imported = change_set(&[("Table", "Import")]);
    // The events report an update of the table, but this change set does not list the table.
    let unlisted = change_set(&[("Queue", "Modify")]);
    let before: &[Difference] = &[QUEUE];
    for (before, after, response, list) in [
        (&[][..], untouched, None, "changedMeanwhile"),
        (&[], never_in_baseline, None, "changedMeanwhile"),
        (&[], table, Some(imported), "changedMeanwhile"),
        (&[], table, Some(unlisted), "changedMeanwhile"),
        (before, QUEUE, None, "continued"),
        (before, changed_again, None, "changedMeanwhile"),
    ] {
        let after = [after];
        let deploy = Deploy::with_drift(before, &after).with_responses(response.as_slice());
        let deployed = deploy.on_drift("continue").run().await;
        assert_outcome(&deployed.run, 0, "deployed");
        assert_eq!(deployed.record()["baseline"], json!([]), "{after:?}");
        let lines = deployed.run.json_lines();
        let found = &events(&lines, "not-in-baseline")[0][list];
        assert_eq!(found[0]["logicalId"], after[0].logical_id, "{after:?}");
        if list == "changedMeanwhile" {
            deployed.assert_says(
                "warning: differences that arose during the deployment; the next deploy reports them as drift: ",
            );
        }

        let next =
            Deploy::with_drift(&after, &[]).with_responses(&bucket_with_record(&deployed.record()));
        let next = next.run().await;
        assert_outcome(&next.run, 1, "failed");
        next.assert_says("nothing was deployed: these resources were changed outside the stack: ");
    }
}

#[tokio::test]
async fn a_difference_that_was_not_reverted_fails_the_deploy() {
    let reverted = Deploy::with_drift(&[QUEUE], &[])
        .on_drift("revert")
        .run()
        .await;
    assert_outcome(&reverted.run, 0, "deployed");
    let not_reverted = Deploy::with_drift(&[QUEUE], &[QUEUE]).on_drift("revert");
    let not_reverted = not_reverted.run().await;
    assert_outcome(&not_reverted.run, 1, "failed");
    not_reverted.assert_says(
        "error: crypto-watch-prod is deployed, but these differences were not reverted: Queue",
    );
    let record = not_reverted.record();
    assert_eq!(
        (&record["outcome"], &record["baseline"]),
        (&json!("failed"), &json!([]))
    );
}

#[tokio::test]
async fn after_a_failed_drift_detection_a_deployment_records_no_baseline() {
    let first = Deploy::with_drift(&[], &[SCHEDULE]).run().await;
    let refused = Answer::error(
        DETECT_PROD,
        400,
        "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code>\
         <Message>Drift detection is not possible now</Message></Error></ErrorResponse>",
    );
    let failing = [Answer::ok(DETECT_PROD, DETECTED), refused];
    let second = Deploy::with_drift(&[SCHEDULE], &[])
        .with_responses(&failing)
        .with_responses(&bucket_with_record(&first.record()));
    let second = second.run().await;
    assert_outcome(&second.run, 0, "deployed");
    second.assert_says("warning: crypto-watch-prod is deployed; no baseline was recorded: ");
    second.assert_says("Drift detection is not possible now");
    let record = second.record();
    assert_eq!(
        (&record["outcome"], &record["baseline"]),
        (&json!("deployed"), &Value::Null)
    );
}

#[tokio::test]
async fn a_baseline_is_recorded_even_if_the_smoke_test_fails() {
    let broken = Answer {
        action: "GET /_aws/execute-api/a1b2c3/$default/health",
        status: 500,
        body: "{}",
    };
    let failed = Deploy::with_drift(&[], &[SCHEDULE])
        .with_responses(&[broken])
        .run()
        .await;
    assert_outcome(&failed.run, 1, "failed");
    let record = failed.record();
    assert_eq!(record["outcome"], "failed");
    assert_eq!(record["baseline"][0]["logicalId"], "Schedule");
    let next = Deploy::with_drift(&[SCHEDULE], &[SCHEDULE])
        .with_responses(&bucket_with_record(&record))
        .run()
        .await;
    assert_outcome(&next.run, 0, "deployed");
}

#[tokio::test]
async fn drift_and_plan_report_baseline_differences_separately_from_drift() {
    let first = Deploy::with_drift(&[], &[SCHEDULE]).run().await;
    let found = drift_of_prod(&[SCHEDULE, QUEUE]);
    let script = [&bucket_with_record(&first.record())[..], &[found]].concat();
    let script = scripted::with_changes(&script, &[PROD, &DETECTION].concat());
    let endpoint = scripts::start(&script).await;
    let target = [
        "--env",
        "prod",
        "--output",
        "json",
        "--endpoint-url",
        endpoint.url(),
    ];
    let drift = xtask::run(
        &[&["drift", "--detailed-exitcode"], &target[..]].concat(),
        &[],
    )
    .await;
    assert_eq!(drift.code, 5, "{}", drift.stderr);
    let message = "crypto-watch-prod: differences in the baseline of the last deployment, ";
    assert!(drift.stderr.contains(message), "{}", drift.stderr);
    let lines = drift.json_lines();
    assert_eq!(events(&lines, "drift")[0]["logicalId"], "Queue");
    assert_eq!(events(&lines, "baseline")[0]["logicalId"], "Schedule");
    let result = drift.last_json_line();
    assert_eq!(
        (&result["resources"], &result["baseline"]),
        (&json!(1), &json!(1))
    );

    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("plan.json");
    let plan = ["plan", "--skip-tests", "--out", out.to_str().unwrap()];
    let planned = xtask::run(&[&plan[..], &target].concat(), &[]).await;
    assert_outcome(&planned, 1, "failed");
    assert!(planned.stderr.contains(message), "{}", planned.stderr);
    let words = "nothing was deployed: these resources were changed outside the stack: Queue\n";
    assert!(planned.stderr.contains(words), "{}", planned.stderr);
}
