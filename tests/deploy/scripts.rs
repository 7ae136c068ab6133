//! Scripted responses that several tests use, and the script of a successful deploy to prod. Responses to
//! the same action are sent in their order, and the last one repeats.

use infra::{Environment, names};
use tests::scripted::{self, Answer, Scripted};
use tests::xtask::{self, Run};

/// A response that describes a stack with this status. The second form is only for requests that match
/// the action, and adds XML elements.
macro_rules! stack {
    ($name:literal, $status:literal) => {
        stack!("DescribeStacks" => $name, $status, "")
    };
    ($action:literal => $name:literal, $status:literal, $more:literal) => {
        ::tests::scripted::Answer::ok(
            $action,
            concat!(
                "<DescribeStacksResponse><DescribeStacksResult><Stacks><member>",
                "<StackId>arn:aws:cloudformation:us-east-1:111122223333:stack/", $name, "/1",
                "</StackId><StackName>", $name, "</StackName><StackStatus>", $status,
                "</StackStatus><CreationTime>2026-01-15T10:30:00Z</CreationTime>", $more,
                "</member></Stacks></DescribeStacksResult></DescribeStacksResponse>",
            ),
        )
    };
}

/// A response with the events of a stack, the newest first: id, resource, type, status and reason.
macro_rules! events {
    ($($id:literal $resource:literal $type:literal $status:literal $reason:literal),+) => {
        ::tests::scripted::Answer::ok(
            "DescribeStackEvents",
            concat!(
                "<DescribeStackEventsResponse><DescribeStackEventsResult><StackEvents>",
                $("<member><EventId>", $id, "</EventId><OperationId>operation</OperationId>",
                  "<LogicalResourceId>", $resource, "</LogicalResourceId>",
                  "<ResourceType>AWS::", $type, "</ResourceType>",
                  "<Timestamp>2026-01-15T10:31:00Z</Timestamp>",
                  "<ResourceStatus>", $status, "</ResourceStatus>",
                  "<ResourceStatusReason>", $reason, "</ResourceStatusReason></member>",)+
                "</StackEvents></DescribeStackEventsResult></DescribeStackEventsResponse>",
            ),
        )
    };
}

pub(crate) use {events, stack};

pub(crate) const CALLER: Answer = Answer::ok(
    "GetCallerIdentity",
    "<GetCallerIdentityResponse><GetCallerIdentityResult>\
        <Arn>arn:aws:iam::111122223333:user/ops</Arn><UserId>AIDA</UserId>\
        <Account>111122223333</Account>\
        </GetCallerIdentityResult></GetCallerIdentityResponse>",
);

pub(crate) const NO_STACK: Answer = Answer::error(
    "DescribeStacks",
    400,
    "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code>\
        <Message>Stack with id s does not exist</Message></Error></ErrorResponse>",
);

pub(crate) const NO_CHANGE_SET: Answer = Answer::error(
    "DeleteChangeSet",
    404,
    "<ErrorResponse><Error><Type>Sender</Type><Code>ChangeSetNotFound</Code>\
        <Message>it does not exist</Message></Error></ErrorResponse>",
);

/// The request for the API's alias in prod.
pub(crate) const ALIAS: &str = "GET /2015-03-31/functions/crypto-watch-api-prod/aliases/live";
pub(crate) const ALARMS: &str = "DescribeAlarms";
pub(crate) const CHANGE_SET: &str = "DescribeChangeSet";

/// The response to a request for prod's stack by its id. A deploy sends such requests while it
/// follows an operation.
macro_rules! prod_by_id {
    ($status:literal) => {
        crate::scripts::stack!(
            "DescribeStacks&StackName=arn%3Aaws%3Acloudformation%3Aus-east-1%3A111122223333%3Astack%2Fcrypto-watch-prod%2F1"
                => "crypto-watch-prod", $status, ""
        )
    };
}
pub(crate) use prod_by_id;

/// The same response as `prod_by_id!`, but with the time of an update that has begun.
macro_rules! prod_updated {
    ($status:literal) => {
        crate::scripts::stack!(
            "DescribeStacks&StackName=arn%3Aaws%3Acloudformation%3Aus-east-1%3A111122223333%3Astack%2Fcrypto-watch-prod%2F1"
                => "crypto-watch-prod", $status, "<LastUpdatedTime>2026-01-15T10:31:00Z</LastUpdatedTime>"
        )
    };
}
pub(crate) use prod_updated;

macro_rules! refusal {
    ($action:expr, $code:literal, $message:literal) => {
        ::tests::scripted::Answer::error(
            $action,
            400,
            concat!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>",
                $code,
                "</Code><Message>",
                $message,
                "</Message></Error></ErrorResponse>"
            ),
        )
    };
}
pub(crate) use refusal;

/// The events after the update of prod's stack has begun.
pub(crate) const EVENTS_BEGUN: Answer = events!(
    "e2" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_IN_PROGRESS" "",
    "e1" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_COMPLETE" ""
);
/// The events before the update of prod's stack.
pub(crate) const EVENTS_BEFORE: Answer =
    events!("e1" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_COMPLETE" "");

/// A successful update of prod: the API's alias moves to version 8.
pub(crate) const PROD: &[Answer] = &[
    CALLER,
    stack!("DescribeStacks&StackName=crypto-watch-artifacts-prod"
        => "crypto-watch-artifacts-prod", "UPDATE_COMPLETE", ""),
    stack!("DescribeStacks&StackName=crypto-watch-prod"
        => "crypto-watch-prod", "UPDATE_COMPLETE",
        "<Outputs><member><OutputKey>ApiEndpoint</OutputKey>\
         <OutputValue>http://a1b2c3.execute-api.localhost</OutputValue></member></Outputs>"),
    Answer::ok(
        "CreateChangeSet&StackName=crypto-watch-artifacts-prod",
        "<CreateChangeSetResponse><CreateChangeSetResult><Id>of-the-bucket</Id>\
         <StackId>s</StackId></CreateChangeSetResult></CreateChangeSetResponse>",
    ),
    Answer::ok(
        "CreateChangeSet",
        "<CreateChangeSetResponse><CreateChangeSetResult><Id>of-prod</Id>\
         <StackId>arn:aws:cloudformation:us-east-1:111122223333:stack/crypto-watch-prod/1</StackId>\
         </CreateChangeSetResult></CreateChangeSetResponse>",
    ),
    Answer::ok(
        "DescribeChangeSet&ChangeSetName=of-the-bucket",
        "<DescribeChangeSetResponse><DescribeChangeSetResult><Status>FAILED</Status>\
         <StatusReason>The submitted information didn't contain changes.</StatusReason>\
         </DescribeChangeSetResult></DescribeChangeSetResponse>",
    ),
    Answer::ok(
        CHANGE_SET,
        "<DescribeChangeSetResponse><DescribeChangeSetResult><Status>CREATE_COMPLETE</Status>\
         <ExecutionStatus>AVAILABLE</ExecutionStatus><Changes><member><Type>Resource</Type>\
         <ResourceChange><Action>Modify</Action><LogicalResourceId>ApiLiveAlias</LogicalResourceId>\
         <ResourceType>AWS::Lambda::Alias</ResourceType><Replacement>False</Replacement>\
         </ResourceChange></member></Changes></DescribeChangeSetResult></DescribeChangeSetResponse>",
    ),
    Answer::ok(
        "DeleteChangeSet",
        "<DeleteChangeSetResponse><DeleteChangeSetResult/></DeleteChangeSetResponse>",
    ),
    Answer::ok(
        "GetTemplate",
        "<GetTemplateResponse><GetTemplateResult><TemplateBody>{}</TemplateBody>\
         </GetTemplateResult></GetTemplateResponse>",
    ),
    Answer::ok(
        "UpdateTerminationProtection",
        "<UpdateTerminationProtectionResponse><UpdateTerminationProtectionResult/>\
         </UpdateTerminationProtectionResponse>",
    ),
    Answer::ok(
        "ExecuteChangeSet",
        "<ExecuteChangeSetResponse><ExecuteChangeSetResult/></ExecuteChangeSetResponse>",
    ),
    Answer::ok(ALARMS, r#"{"MetricAlarms":[]}"#),
    Answer::ok(
        "GetDeploymentGroup",
        r#"{"deploymentGroupInfo":{"alarmConfiguration":{"enabled":true,"alarms":[{"name":"crypto-watch-api-errors-prod"}]}}}"#,
    ),
    Answer::ok(ALIAS, r#"{"FunctionVersion":"7","RevisionId":"r1"}"#),
    EVENTS_BEFORE,
    events!(
        "e3" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_COMPLETE" "",
        "e2" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_IN_PROGRESS" "",
        "e1" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_COMPLETE" ""
    ),
    prod_by_id!("UPDATE_COMPLETE"),
    Answer::ok(
        "PUT /crypto-watch-artifacts-prod-111122223333-us-east-1/*",
        "",
    ),
    Answer::ok(
        "HEAD /crypto-watch-artifacts-prod-111122223333-us-east-1/*",
        "",
    ),
    Answer::ok(
        "DELETE /crypto-watch-artifacts-prod-111122223333-us-east-1/*",
        "",
    ),
    Answer::ok(
        "GET /crypto-watch-artifacts-prod-111122223333-us-east-1*",
        "<ListBucketResult></ListBucketResult>",
    ),
    Answer::ok(
        "POST /2015-03-31/functions/crypto-watch-update-prod/invocations",
        "null",
    ),
    Answer::ok(
        "GET /_aws/execute-api/a1b2c3/$default/health",
        r#"{"status":"healthy","checks":{"dynamodb":"ok"}}"#,
    ),
    Answer {
        action: "GET /_aws/execute-api/a1b2c3/$default/prices",
        status: 401,
        body: r#"{"code":"UNAUTHORIZED"}"#,
    },
    Answer {
        action: "GET /_aws/execute-api/a1b2c3/$default/no-such-path",
        status: 404,
        body: r#"{"code":"NOT_FOUND"}"#,
    },
    Answer::ok(
        "GET /_aws/execute-api/a1b2c3/$default/prices#key", // With an API key.
        r#"{"data":[{"symbol":"BTC","price":103663}]}"#,
    ),
    Answer::ok("PutItem", "{}"),
    Answer::ok("DeleteItem", "{}"),
    NO_STACK,
];

/// Starts an endpoint with these responses, and with the permissions boundary of every environment.
pub(crate) async fn start(script: &[Answer]) -> Scripted {
    let boundaries = Environment::ALL.into_iter().flat_map(boundary);
    let script: Vec<Answer> = script.iter().copied().chain(boundaries).collect();
    Scripted::start(&script).await
}

/// Returns the responses for the stack of an environment's permissions boundary.
fn boundary(environment: Environment) -> [Answer; 2] {
    let stack = names::boundary_stack(environment);
    let template = infra::stack::boundary(environment).render().unwrap();
    boundary_with(&stack, &template.to_json())
}

/// Returns the responses for a stack of a permissions boundary with this template.
pub(crate) fn boundary_with(stack: &str, template: &str) -> [Answer; 2] {
    // An `Answer` has only static texts.
    let text = |text: String| -> &'static str { text.leak() };
    [
        Answer::ok(
            text(format!("DescribeStacks&StackName={stack}")),
            text(format!(
                "<DescribeStacksResponse><DescribeStacksResult><Stacks><member>\
                 <StackId>arn:aws:cloudformation:us-east-1:111122223333:stack/{stack}/1</StackId>\
                 <StackName>{stack}</StackName><StackStatus>CREATE_COMPLETE</StackStatus>\
                 <CreationTime>2026-01-15T10:30:00Z</CreationTime>\
                 </member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
            )),
        ),
        Answer::ok(
            text(format!("GetTemplate&StackName={stack}")),
            text(format!(
                "<GetTemplateResponse><GetTemplateResult><TemplateBody>{template}</TemplateBody>\
                 </GetTemplateResult></GetTemplateResponse>"
            )),
        ),
    ]
}

/// Starts an endpoint with the script [`PROD`], in which `changes` replace responses.
pub(crate) async fn prod(changes: &[Answer]) -> Scripted {
    start(&scripted::with_changes(changes, PROD)).await
}

pub(crate) fn prod_arguments(endpoint: &Scripted) -> [&str; 10] {
    let url = endpoint.url();
    [
        "deploy",
        "--env",
        "prod",
        "--skip-tests",
        "--output",
        "json",
        "--on-drift",
        "continue",
        "--endpoint-url",
        url,
    ]
}

pub(crate) async fn deploy_to_prod(endpoint: &Scripted) -> Run {
    xtask::run(&[&prod_arguments(endpoint)[..], &["--yes"]].concat(), &[]).await
}
