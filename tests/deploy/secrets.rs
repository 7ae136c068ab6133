//! The API keys for the price providers: secrets that a deploy references and never reads.

use tests::ministack::{Ministack, REGION};
use tests::scripted::Answer;
use tests::xtask::{self, Run};

use crate::scripts::{self, CALLER};
use crate::{assert_outcome, deploy, feed, run};

const NAME: &str = "crypto-watch/dev/external-api-key";
const UPDATE: &str = "crypto-watch-update-dev";
const VARIABLE: &str = "EXTERNAL_API_KEY";
const FROM_SECRET: [&str; 3] = ["--from-secret", "external-api-key", "--yes"];

#[track_caller]
fn assert_refused(run: &Run, words: &str, hint: &str) {
    assert_outcome(run, 1, "failed");
    for words in [words, &format!("hint: {hint}")] {
        assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
    }
}

#[tokio::test]
async fn a_rotated_key_reaches_the_function_with_the_next_deploy() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let (_feed, feed_url) = feed().await;
    let deploy = async || deploy(&ministack, "dev", &feed_url, &FROM_SECRET).await;

    assert_refused(
        &deploy().await,
        &format!("there is no secret {NAME} in {REGION}"),
        &format!("run `aws secretsmanager create-secret --name {NAME} --region {REGION} "),
    );
    assert_eq!(ministack.stacks().await, [""; 0]);

    ministack.create_secret(NAME, "CG-first").await;
    let first = deploy().await;
    assert_outcome(&first, 0, "deployed");
    assert_eq!(ministack.variable(UPDATE, VARIABLE).await, "CG-first");
    assert_outcome(&deploy().await, 0, "unchanged");

    let before = ministack.live_version(UPDATE).await;
    ministack.put_secret_value(NAME, "CG-second").await;
    let rotated = deploy().await;
    assert_outcome(&rotated, 0, "deployed");
    assert_eq!(ministack.variable(UPDATE, VARIABLE).await, "CG-second");
    assert_ne!(ministack.live_version(UPDATE).await, before);

    // A new version with the same value is deployed, too.
    let before = ministack.live_version(UPDATE).await;
    ministack.put_secret_value(NAME, "CG-second").await;
    assert_outcome(&deploy().await, 0, "deployed");
    assert_ne!(ministack.live_version(UPDATE).await, before);

    for run in [&first, &rotated] {
        let printed = format!("{}{}", run.stdout, run.stderr);
        assert!(
            printed.contains(NAME) && !printed.contains("CG-"),
            "{printed}"
        );
    }
    let template = ministack.template("crypto-watch-dev").await;
    assert!(template.contains(NAME) && !template.contains("CG-"));
    // `diff` shows the secret, because it was an option of the deploy and is not in the settings.
    let arguments = ["diff", "--env", "dev", "--output", "json"];
    let diff = run(&ministack, &arguments).await.last_json_line();
    assert!(diff.to_string().contains(VARIABLE), "{diff}");

    ministack.delete_secret(NAME).await;
    assert_refused(
        &deploy().await,
        &format!("the secret {NAME} is being deleted"),
        &format!("run `aws secretsmanager restore-secret --secret-id {NAME} --region {REGION}"),
    );
}

#[tokio::test]
async fn a_missing_permission_for_a_secret_is_reported_before_the_tests_start() {
    let denied = Answer {
        action: "DescribeSecret",
        status: 400,
        body: r#"{"__type":"AccessDeniedException","Message":"not authorized to perform: secretsmanager:DescribeSecret"}"#,
    };
    let endpoint = scripts::start(&[CALLER, denied]).await;
    // Without `--skip-tests`: the deploy must fail before it starts the tests.
    let arguments = ["deploy", "--env", "dev", "--output", "json"];
    let target = ["--region", REGION, "--endpoint-url", endpoint.url()];
    let refused = xtask::run(&[&arguments[..], &FROM_SECRET, &target].concat(), &[]).await;
    assert_refused(
        &refused,
        &format!("could not look up the secret {NAME}: AccessDeniedException: "),
        "this identity lacks a permission",
    );
    assert!(endpoint.requests("GetSecretValue").is_empty());
}
