//! The permissions boundary of an environment: the first deploy creates the boundary, later deploys
//! compare it with the rendered one, and only an administrator updates it.

use serde_json::{Value, json};
use tests::ministack::Ministack;
use tests::scripted::{self, Answer, Scripted};
use tests::xtask;

use crate::scripts::{self, CALLER, NO_STACK, PROD, deploy_to_prod};
use crate::{assert_outcome, change_set, deploy, feed, run};

const STACK: &str = "crypto-watch-boundary-dev";
const COMMAND: &str = "an administrator updates it: `cargo xtask boundary deploy --env dev`";

#[tokio::test]
async fn a_deploy_creates_a_missing_boundary_and_refuses_a_different_boundary() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let (_feed, feed_url) = feed().await;
    let first = deploy(&ministack, "dev", &feed_url, &["--yes"]).await;
    assert_outcome(&first, 0, "deployed");
    let lines = first.json_lines();
    let policy = json!({
        "action": "add", "type": "AWS::IAM::ManagedPolicy", "logicalId": "Boundary",
        "properties": [], "replacedFor": [], "retained": false
    });
    assert_eq!(change_set(&lines, STACK)["changes"], json!([policy]));
    assert!(ministack.is_protected(STACK).await);

    // An older Git revision's boundary, with one statement less.
    let older = infra::stack::boundary(infra::Environment::Dev)
        .render()
        .unwrap();
    let mut older: Value = older.as_value().clone();
    let statements =
        &mut older["Resources"]["Boundary"]["Properties"]["PolicyDocument"]["Statement"];
    statements.as_array_mut().unwrap().pop();
    ministack.update_stack(STACK, &older.to_string()).await;
    let refused = deploy(&ministack, "dev", &feed_url, &["--yes"]).await;
    assert_outcome(&refused, 1, "failed");
    let words = "the permissions boundary of dev is not the one of this revision";
    assert!(refused.stderr.contains(words), "{}", refused.stderr);
    assert!(refused.stderr.contains(COMMAND), "{}", refused.stderr);

    let arguments = ["boundary", "deploy", "--env", "dev"];
    let declined = run(&ministack, &arguments).await;
    assert_eq!(declined.code, 3, "{}", declined.stderr);
    let updated = run(&ministack, &[&arguments[..], &["--yes"]].concat()).await;
    assert_eq!(updated.code, 0, "{}", updated.stderr);
    let same = deploy(&ministack, "dev", &feed_url, &[]).await;
    assert_outcome(&same, 0, "unchanged");
    let again = run(&ministack, &arguments).await;
    assert_eq!(again.code, 0, "{}", again.stderr);
    let unchanged = format!("{STACK}: nothing to change");
    assert!(again.stderr.contains(&unchanged), "{}", again.stderr);
}

#[tokio::test]
async fn a_pipelines_deploy_without_a_boundary_names_the_administrators_command() {
    let endpoint = Scripted::start(&[CALLER, NO_STACK]).await;
    // Without `--skip-tests`: the deploy must fail before it starts the tests.
    let typed = ["deploy", "--env", "dev", "--yes", "--service-role"];
    let target = ["--endpoint-url", endpoint.url()];
    let refused = xtask::run(&[&typed[..], &target].concat(), &[]).await;
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    let words = "dev has no permissions boundary, and no role of the pipeline may create it";
    assert!(refused.stderr.contains(words), "{}", refused.stderr);
    let hint = "an administrator creates it: `cargo xtask boundary deploy --env dev`";
    assert!(refused.stderr.contains(hint), "{}", refused.stderr);
    assert!(endpoint.requests("CreateChangeSet").is_empty());
}

#[tokio::test]
async fn a_denied_creation_of_the_boundary_names_the_administrators_command() {
    const DENIED: Answer = Answer::error(
        "CreateChangeSet&StackName=crypto-watch-boundary-prod",
        403,
        "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>\
         <Message>not authorized to perform: cloudformation:CreateChangeSet</Message></Error></ErrorResponse>",
    );
    let endpoint = Scripted::start(&scripted::with_changes(&[DENIED], PROD)).await;
    let failed = deploy_to_prod(&endpoint).await;
    assert_outcome(&failed, 1, "failed");
    let words = "nothing was deployed: could not create the permissions boundary of prod: ";
    assert!(failed.stderr.contains(words), "{}", failed.stderr);
    assert!(failed.stderr.contains("AccessDenied"), "{}", failed.stderr);
    let hint = "an administrator creates it: `cargo xtask boundary deploy --env prod`";
    assert!(failed.stderr.contains(hint), "{}", failed.stderr);
    assert!(endpoint.requests("ExecuteChangeSet").is_empty());
    let deletion = "DeleteChangeSet&StackName=arn%3Aaws%3Acloudformation%3Aus-east-1%3A111122223333%3Astack%2Fcrypto-watch-prod%2F1";
    assert!(
        !endpoint.requests(deletion).is_empty(),
        "the change set of prod is deleted"
    );
}

#[tokio::test]
async fn a_deploy_is_refused_while_the_boundary_changes() {
    let [described, template] = scripts::boundary_with(STACK, "{}");
    let described = Answer {
        body: described
            .body
            .replace("CREATE_COMPLETE", "UPDATE_IN_PROGRESS")
            .leak(),
        ..described
    };
    let endpoint = Scripted::start(&[CALLER, described, template]).await;
    let typed = ["deploy", "--env", "dev", "--yes", "--skip-tests"];
    let target = ["--endpoint-url", endpoint.url()];
    let refused = xtask::run(&[&typed[..], &target].concat(), &[]).await;
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    let words = "an operation on crypto-watch-boundary-dev is in progress (UPDATE_IN_PROGRESS)";
    assert!(refused.stderr.contains(words), "{}", refused.stderr);
}
