//! Deploys after a rollback. `--realign` first points the aliases in the stack's template at the
//! versions that serve. `--on-drift revert` reverts the rollback; the emulator does not support this
//! option, so its tests use scripted responses.

use std::fs;

use ::xtask::build;
use contract::Function;
use infra::{Environment, names};
use serde_json::{Value, json};
use tests::ministack::Ministack;
use tests::scripted::{self, Answer, Scripted};
use tests::xtask::{self, Run};

use crate::baseline::DETECTION;
use crate::scripts::{self, ALIAS, CHANGE_SET, PROD};
use crate::{assert_outcome, deploy, deploy_another_revision, events, feed, run};

const MOVE_ALIAS: &str = "PUT /2015-03-31/functions/crypto-watch-api-prod/aliases/live";

/// An environment on the emulator whose API was deployed twice and rolled back.
struct RolledBack {
    ministack: Ministack,
    environment: Environment,
    feed_url: String,
    _feed: tests::local_stack::Service,
}

impl RolledBack {
    async fn prepare(environment: Environment) -> Option<Self> {
        let ministack = Ministack::start()?;
        let (feed, feed_url) = feed().await;
        let this = RolledBack {
            ministack,
            environment,
            feed_url,
            _feed: feed,
        };
        let first = this.deploy(&["--yes"]).await;
        assert_outcome(&first, 0, "deployed");
        deploy_another_revision(&this.ministack, environment, &this.feed_url).await;
        assert_eq!(this.live_version().await, "2");
        let rollback = ["rollback", "--env", environment.name(), "--yes"];
        let rolled_back = run(&this.ministack, &rollback).await;
        assert_eq!(rolled_back.code, 0, "{}", rolled_back.stderr);
        let note = "the next deploy reports this rollback as drift and stops: \
                    then pass --realign or --on-drift revert";
        assert!(rolled_back.stderr.contains(note), "{}", rolled_back.stderr);
        assert_eq!(this.live_version().await, "1");
        Some(this)
    }

    async fn deploy(&self, more: &[&str]) -> Run {
        let environment = self.environment.name();
        deploy(&self.ministack, environment, &self.feed_url, more).await
    }

    async fn live_version(&self) -> String {
        let function = names::function(Function::Api, self.environment);
        self.ministack.live_version(&function).await
    }

    /// Returns the API's alias in the deployed template.
    async fn alias(&self) -> Value {
        let stack = names::stack(self.environment);
        let answer = self.ministack.template(&stack).await;
        let template = answer.split_once("<TemplateBody>").unwrap().1;
        let template = template.split_once("</TemplateBody>").unwrap().0;
        let template = template.replace("&quot;", "\"").replace("&amp;", "&");
        let template: Value = serde_json::from_str(&template).unwrap();
        template["Resources"]["ApiAlias"].clone()
    }
}

fn assert_says(run: &Run, words: &str) {
    assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
}

/// Asserts that a deploy after a rollback stops and names both options, and then deploys with
/// `--realign`.
async fn realigns_after_a_rollback(environment: Environment) {
    let Some(rolled_back) = RolledBack::prepare(environment).await else {
        return;
    };
    let stopped = rolled_back.deploy(&["--yes"]).await;
    assert_outcome(&stopped, 1, "failed");
    assert_says(
        &stopped,
        "was rolled back: version 1 serves, the stack's version is 2",
    );
    let hint = "hint: pass --realign to deploy from the version that serves, or --on-drift revert to deploy";
    assert_says(&stopped, hint);
    if environment != Environment::Dev {
        let continued = rolled_back
            .deploy(&["--yes", "--on-drift", "continue"])
            .await;
        assert_outcome(&continued, 1, "failed");
        assert_says(
            &continued,
            "CodeDeploy moves only an alias that serves the stack's version",
        );
        assert_says(&continued, hint);
    }

    let declined = rolled_back.deploy(&["--realign"]).await;
    assert_outcome(&declined, 3, "declined");
    assert_says(
        &declined,
        "nothing was realigned: there is no terminal for the question",
    );
    assert!(
        rolled_back
            .ministack
            .waiting_change_sets(&names::stack(environment))
            .await
            .is_empty()
    );

    let deployed = rolled_back.deploy(&["--realign", "--yes"]).await;
    assert_outcome(&deployed, 0, "deployed");
    assert_says(&deployed, "stays at version 1; the stack's version is 2");
    assert_says(&deployed, ": realigned");
    // Only the alias is compared, because the emulator also lists the resources that refer to it.
    let lines = deployed.json_lines();
    let first = events(&lines, "change-set")[0]["changes"]
        .as_array()
        .unwrap();
    let alias = first
        .iter()
        .find(|change| change["logicalId"] == "ApiAlias");
    let changed = if environment == Environment::Dev {
        json!(["FunctionVersion"])
    } else {
        json!(["FunctionVersion", "UpdatePolicy"])
    };
    assert_eq!(alias.unwrap()["properties"], changed);
    assert_eq!(rolled_back.live_version().await, "3");
    let alias = rolled_back.alias().await;
    assert!(
        alias["Properties"]["FunctionVersion"].is_object(),
        "{alias}"
    );
    assert_eq!(
        alias["UpdatePolicy"].is_object(),
        environment != Environment::Dev,
        "{alias}"
    );

    let again = rolled_back.deploy(&["--realign"]).await;
    assert_outcome(&again, 0, "unchanged");
    assert_says(
        &again,
        "nothing to realign: every alias serves the stack's version",
    );
}

#[tokio::test]
async fn realign_deploys_dev_after_a_rollback() {
    realigns_after_a_rollback(Environment::Dev).await;
}

#[tokio::test]
async fn realign_deploys_staging_after_a_rollback() {
    realigns_after_a_rollback(Environment::Staging).await;
}

#[tokio::test]
async fn realign_deploys_prod_after_a_rollback() {
    realigns_after_a_rollback(Environment::Prod).await;
}

#[tokio::test]
async fn a_realigned_stack_stays_realigned_if_other_drift_stops_the_deploy() {
    let Some(rolled_back) = RolledBack::prepare(Environment::Staging).await else {
        return;
    };
    let queue = names::dead_letters(Environment::Staging);
    rolled_back.ministack.set_retention(&queue, 3_600).await;
    let stopped = rolled_back.deploy(&["--realign", "--yes"]).await;
    assert_outcome(&stopped, 1, "failed");
    assert_says(&stopped, ": realigned");
    assert_says(
        &stopped,
        "nothing was deployed: these resources were changed outside the stack: UpdateDeadLetters\n",
    );
    assert_eq!(rolled_back.live_version().await, "1");
    let alias = rolled_back.alias().await;
    assert_eq!(alias["Properties"]["FunctionVersion"], "1", "{alias}");
    assert_eq!(alias["UpdatePolicy"], Value::Null, "{alias}");

    let deployed = rolled_back
        .deploy(&["--on-drift", "continue", "--yes"])
        .await;
    assert_outcome(&deployed, 0, "deployed");
    assert_eq!(rolled_back.live_version().await, "3");
}

/// A folder with a saved plan and its zips.
struct SavedPlan {
    folder: tempfile::TempDir,
}

impl SavedPlan {
    async fn plan(rolled_back: &RolledBack, more: &[&str]) -> Self {
        let saved = SavedPlan {
            folder: tempfile::tempdir().unwrap(),
        };
        let file = saved.path("plan.json");
        let environment = rolled_back.environment.name();
        let plan = [
            "plan",
            "--env",
            environment,
            "--skip-tests",
            "--output",
            "json",
        ];
        let providers = [
            "--external-api-url",
            &rolled_back.feed_url,
            "--second-api-url",
            "none",
        ];
        let plan = [&plan[..], &providers, &["--out", &file], more].concat();
        let planned = run(&rolled_back.ministack, &plan).await;
        assert_outcome(&planned, 0, "planned");
        for zip in ["api.zip", "update.zip", "verify.zip"] {
            let built = build::folder().unwrap().join(zip);
            fs::copy(built, saved.path(zip)).unwrap();
        }
        saved
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    async fn deploy(&self, rolled_back: &RolledBack) -> Run {
        let (file, zips) = (self.path("plan.json"), self.path("."));
        let deploy = [
            "deploy",
            "--env",
            rolled_back.environment.name(),
            "--output",
            "json",
            "--yes",
        ];
        let plan = ["--plan", &file, "--artifacts", &zips];
        run(&rolled_back.ministack, &[&deploy[..], &plan].concat()).await
    }
}

#[tokio::test]
async fn a_plan_with_realign_realigns_without_a_deploy_and_the_next_plan_deploys() {
    let Some(rolled_back) = RolledBack::prepare(Environment::Staging).await else {
        return;
    };
    let first = SavedPlan::plan(&rolled_back, &["--realign"]).await;
    let original = fs::read_to_string(first.path("plan.json")).unwrap();
    let edited = original.replace(r#""realign": true"#, r#""realign": false"#);
    assert_ne!(edited, original);
    fs::write(first.path("plan.json"), edited).unwrap();
    let refused = first.deploy(&rolled_back).await;
    assert_outcome(&refused, 1, "failed");
    assert_says(
        &refused,
        "the template of the change set for crypto-watch-staging is not the one",
    );
    fs::write(first.path("plan.json"), original).unwrap();
    let realigned = first.deploy(&rolled_back).await;
    assert_outcome(&realigned, 0, "realigned");
    assert_says(&realigned, "with --external-api-url");
    assert_says(
        &realigned,
        "the stack is realigned; to deploy your changes, plan or deploy now, without --realign",
    );
    assert_eq!(rolled_back.live_version().await, "1");
    assert_eq!(
        rolled_back.alias().await["Properties"]["FunctionVersion"],
        "1"
    );

    let second = SavedPlan::plan(&rolled_back, &[]).await;
    let queue = names::dead_letters(Environment::Staging);
    rolled_back.ministack.set_retention(&queue, 3_600).await;
    let stopped = second.deploy(&rolled_back).await;
    assert_outcome(&stopped, 1, "failed");
    assert_says(
        &stopped,
        "nothing was deployed: these resources were changed outside the stack: UpdateDeadLetters\n",
    );
    rolled_back.ministack.set_retention(&queue, 1_209_600).await;
    let deployed = second.deploy(&rolled_back).await;
    assert_outcome(&deployed, 0, "deployed");
    assert_eq!(rolled_back.live_version().await, "3");
}

const DEPLOYMENT_IN_PROGRESS: Answer =
    Answer::ok("ListDeployments", r#"{"deployments":["d-A1B2C3"]}"#);
const NO_DEPLOYMENT_IN_PROGRESS: Answer = Answer::ok("ListDeployments", r#"{"deployments":[]}"#);
/// The resources of a stack that has deployed version 8.
const RESOURCES: Answer = Answer::ok(
    "ListStackResources",
    "<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries>\
     <member><LogicalResourceId>ApiVersion8</LogicalResourceId>\
     <PhysicalResourceId>arn:aws:lambda:us-east-1:111122223333:function:crypto-watch-api-prod:8</PhysicalResourceId>\
     <ResourceType>AWS::Lambda::Version</ResourceType><ResourceStatus>CREATE_COMPLETE</ResourceStatus></member>\
     <member><LogicalResourceId>ApiAlias</LogicalResourceId>\
     <PhysicalResourceId>arn:aws:lambda:us-east-1:111122223333:function:crypto-watch-api-prod:live</PhysicalResourceId>\
     <ResourceType>AWS::Lambda::Alias</ResourceType><ResourceStatus>CREATE_COMPLETE</ResourceStatus></member>\
     </StackResourceSummaries></ListStackResourcesResult></ListStackResourcesResponse>",
);
const TEMPLATE: Answer = Answer::ok(
    "GetTemplate",
    r#"<GetTemplateResponse><GetTemplateResult><TemplateBody>{"Resources":{"ApiAlias":{"Type":"AWS::Lambda::Alias","UpdatePolicy":{"CodeDeployLambdaAliasUpdate":{}},"Properties":{"Name":"live","FunctionVersion":{"Fn::GetAtt":["ApiVersion8","Version"]}}}}}</TemplateBody></GetTemplateResult></GetTemplateResponse>"#,
);
/// An alias at version 7 that still sends a tenth of the traffic to version 8.
const ALIAS_WITH_LEFTOVER_WEIGHT: Answer = Answer::ok(
    ALIAS,
    r#"{"FunctionVersion":"7","RevisionId":"r1","Description":"rolled back from version 8 to version 7","RoutingConfig":{"AdditionalVersionWeights":{"8":0.1}}}"#,
);
const ALIAS_AT_7: Answer = Answer::ok(
    ALIAS,
    r#"{"FunctionVersion":"7","RevisionId":"r2","Description":"rolled back from version 8 to version 7"}"#,
);
const NO_ALIAS: Answer = Answer {
    action: "GET /2015-03-31/functions/crypto-watch-update-prod/aliases/live",
    status: 404,
    body: r#"{"__type":"ResourceNotFoundException","message":"no alias"}"#,
};

/// Returns a response with a change set that modifies one property of one resource.
fn changes(id: &str, property: &str) -> Answer {
    let body = format!(
        "<DescribeChangeSetResponse><DescribeChangeSetResult><Status>CREATE_COMPLETE</Status>\
         <ExecutionStatus>AVAILABLE</ExecutionStatus><Changes><member><Type>Resource</Type>\
         <ResourceChange><Action>Modify</Action><LogicalResourceId>{id}</LogicalResourceId>\
         <ResourceType>AWS::Lambda::Alias</ResourceType><Replacement>False</Replacement>\
         <Details><member><Target><Attribute>Properties</Attribute><Name>{property}</Name>\
         <RequiresRecreation>Never</RequiresRecreation></Target></member></Details>\
         </ResourceChange></member></Changes></DescribeChangeSetResult></DescribeChangeSetResponse>"
    );
    Answer::ok(CHANGE_SET, body.leak())
}

/// Deploys to prod with `--realign`. `changes` replace responses of the script.
async fn realign(changes: &[Answer]) -> (Scripted, Run) {
    let script = [changes, &[RESOURCES, TEMPLATE, NO_ALIAS]].concat();
    let endpoint = scripts::start(&scripted::with_changes(&script, PROD)).await;
    let more = ["--yes", "--realign"];
    let run = xtask::run(
        &[&scripts::prod_arguments(&endpoint)[..], &more].concat(),
        &[],
    )
    .await;
    (endpoint, run)
}

#[tokio::test]
async fn nothing_is_realigned_while_a_deployment_moves_traffic() {
    let (endpoint, refused) = realign(&[DEPLOYMENT_IN_PROGRESS]).await;
    assert_outcome(&refused, 1, "failed");
    assert_says(
        &refused,
        "nothing was realigned: the deployment d-A1B2C3 is moving traffic",
    );
    assert_says(&refused, "stop it with `cargo xtask rollback --env prod`");
    assert!(endpoint.requests("CreateChangeSet").is_empty());
}

#[tokio::test]
async fn leftover_weights_are_removed_first_and_the_change_set_pins_the_live_version() {
    let script = [
        NO_DEPLOYMENT_IN_PROGRESS,
        ALIAS_WITH_LEFTOVER_WEIGHT,
        ALIAS_AT_7,
        Answer::ok(MOVE_ALIAS, r#"{"FunctionVersion":"7"}"#),
        changes("ApiAlias", "FunctionVersion"),
        // The change set of the deploy that follows the realignment.
        Answer::ok(
            CHANGE_SET,
            "<DescribeChangeSetResponse><DescribeChangeSetResult><Status>FAILED</Status>\
             <StatusReason>The submitted information didn't contain changes.</StatusReason>\
             </DescribeChangeSetResult></DescribeChangeSetResponse>",
        ),
        scripts::EVENTS_BEFORE,
        scripts::events!(
            "e3" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_COMPLETE" "",
            "e2" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_IN_PROGRESS" "",
            "e1" "crypto-watch-prod" "CloudFormation::Stack" "UPDATE_COMPLETE" ""
        ),
    ];
    let (endpoint, run) = realign(&script).await;
    assert_outcome(&run, 0, "unchanged");
    assert_says(
        &run,
        "crypto-watch-api-prod stays at version 7; the stack's version is 8",
    );
    assert_says(&run, "removes the weight 10 % on version 8");
    assert_says(&run, "crypto-watch-prod: realigned");
    let requests = endpoint.all_requests();
    let position = |action: &str| requests.iter().position(|request| request.calls(action));
    assert!(
        position(MOVE_ALIAS) < position("ExecuteChangeSet"),
        "{requests:?}"
    );
    let cleared: Value = serde_json::from_str(&endpoint.requests(MOVE_ALIAS)[0].body).unwrap();
    let expected = json!({
        "FunctionVersion": "7",
        "Description": "rolled back from version 8 to version 7",
        "RoutingConfig": {"AdditionalVersionWeights": {}},
        "RevisionId": "r1"
    });
    assert_eq!(cleared, expected);
    let created = &endpoint.requests("CreateChangeSet")[0].body;
    let template = form_field(created, "TemplateBody");
    let expected = r#"{"Resources":{"ApiAlias":{"Type":"AWS::Lambda::Alias","Properties":{"Name":"live","FunctionVersion":"7"}}}}"#;
    assert_eq!(template, expected);
    assert_eq!(form_field(created, "DeploymentMode"), "");
}

#[tokio::test]
async fn a_realignment_that_would_change_more_than_alias_versions_is_refused() {
    for other in [changes("ApiFunction", "Code"), changes("ApiAlias", "Name")] {
        let (endpoint, refused) = realign(&[NO_DEPLOYMENT_IN_PROGRESS, ALIAS_AT_7, other]).await;
        assert_outcome(&refused, 1, "failed");
        assert_says(
            &refused,
            "nothing was realigned: the change set would change more than the aliases",
        );
        assert!(endpoint.requests("ExecuteChangeSet").is_empty());
        assert_eq!(endpoint.requests("DeleteChangeSet").len(), 1);
    }
}

#[tokio::test]
async fn an_alias_at_latest_is_not_realigned() {
    let latest = Answer::ok(ALIAS, r#"{"FunctionVersion":"$LATEST","RevisionId":"r1"}"#);
    let (endpoint, refused) = realign(&[NO_DEPLOYMENT_IN_PROGRESS, latest]).await;
    assert_outcome(&refused, 1, "failed");
    assert_says(
        &refused,
        "crypto-watch-api-prod serves $LATEST, which is not a published version",
    );
    assert!(endpoint.requests("CreateChangeSet").is_empty());
}

#[tokio::test]
async fn realign_and_on_drift_revert_exclude_each_other() {
    let endpoint = scripts::start(PROD).await;
    let deploy = [
        "deploy",
        "--env",
        "prod",
        "--skip-tests",
        "--endpoint-url",
        endpoint.url(),
    ];
    let both = ["--realign", "--on-drift", "revert"];
    let refused = xtask::run(&[&deploy[..], &both].concat(), &[]).await;
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert_says(&refused, "two ways to continue after a rollback");
}

fn alias_at(version: &str) -> Answer {
    let body = format!(
        r#"{{"FunctionVersion":"{version}","RevisionId":"r","Description":"rolled back from version 8 to version 7"}}"#
    );
    Answer::ok(ALIAS, body.leak())
}

/// Returns a response with the resources of a stack that has this version of the API.
fn resources(version: &str) -> Answer {
    let arn = format!("function:crypto-watch-api-prod:{version}<");
    let body = RESOURCES
        .body
        .replace("function:crypto-watch-api-prod:8<", &arn);
    Answer::ok("ListStackResources", body.leak())
}

fn for_environment(environment: Environment, script: &[Answer]) -> Vec<Answer> {
    let name = format!("-{environment}");
    let named = |text: &str| -> &'static str { text.replace("-prod", &name).leak() };
    let answers = script.iter().map(|answer| Answer {
        action: named(answer.action),
        body: named(answer.body),
        ..*answer
    });
    answers.collect()
}

/// Deploys after a rollback with `--on-drift revert`. The change set publishes version
/// 9 and leaves the alias at `after`.
async fn revert(environment: Environment, after: &str) -> (Scripted, Run) {
    // The deploy reads the alias to find drift and to record the version for a later rollback. With
    // CodeDeploy, it also reads the alias before the traffic moves.
    let reads = if environment == Environment::Dev {
        2
    } else {
        3
    };
    let mut script = vec![alias_at("7"); reads];
    script.extend([
        alias_at(after),
        resources("8"),
        resources("9"),
        TEMPLATE,
        NO_ALIAS,
        Answer::ok(MOVE_ALIAS, r#"{"FunctionVersion":"8"}"#),
    ]);
    script.extend_from_slice(&DETECTION[..3]);
    let script = for_environment(environment, &scripted::with_changes(&script, PROD));
    let endpoint = scripts::start(&script).await;
    let deploy = ["deploy", "--skip-tests", "--output", "json", "--yes"];
    let to = [
        "--env",
        environment.name(),
        "--endpoint-url",
        endpoint.url(),
    ];
    let revert = ["--on-drift", "revert"];
    let run = xtask::run(&[&deploy[..], &to, &revert].concat(), &[]).await;
    (endpoint, run)
}

#[tokio::test]
async fn on_drift_revert_deploys_every_environment_after_a_rollback() {
    for environment in Environment::ALL {
        let (endpoint, deployed) = revert(environment, "9").await;
        assert_outcome(&deployed, 0, "deployed");
        assert_says(
            &deployed,
            "was rolled back: version 7 serves, the stack's version is 8",
        );
        let created = endpoint.requests("CreateChangeSet");
        let modes = created
            .iter()
            .map(|request| form_field(&request.body, "DeploymentMode"));
        assert_eq!(
            modes.collect::<Vec<_>>(),
            ["REVERT_DRIFT", "REVERT_DRIFT"],
            "{environment}"
        );
        let moved = MOVE_ALIAS.replace("prod", environment.name());
        assert!(endpoint.requests(&moved).is_empty(), "{environment}");
        let records = format!(
            "PUT /crypto-watch-artifacts-{environment}-111122223333-us-east-1/deployments/*"
        );
        let written = endpoint.requests(&records);
        let last: Value = serde_json::from_str(&written.last().unwrap().body).unwrap();
        assert_eq!(
            (&last["outcome"], &last["versions"]["api"]),
            (&json!("deployed"), &json!("9"))
        );
    }
}

#[tokio::test]
async fn an_alias_that_the_change_set_did_not_revert_fails_the_deploy() {
    let (_endpoint, failed) = revert(Environment::Prod, "6").await;
    assert_outcome(&failed, 1, "failed");
    assert_says(
        &failed,
        "crypto-watch-prod is deployed, but these differences were not reverted: ApiAlias",
    );
}

/// Returns a decoded field of a form, or an empty text if the field is missing.
fn form_field(form: &str, name: &str) -> String {
    let url = reqwest::Url::parse(&format!("http://form/?{form}")).unwrap();
    let field = url.query_pairs().find(|(field, _)| field == name);
    field
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}
