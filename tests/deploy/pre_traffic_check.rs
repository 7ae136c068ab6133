//! The pre-traffic check of staging and prod: the verify function tests a new version before the version
//! gets traffic. The emulator calls the function as CodeDeploy calls a hook.

use infra::{Environment, names};
use serde_json::json;
use tests::ministack::Ministack;

use crate::{assert_outcome, deploy, deploy_another_revision, feed, run};

async fn a_version_that_refuses_keys_or_fails_to_count_gets_no_traffic(environment: Environment) {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let name = environment.name();
    let (_feed, feed_url) = feed().await;
    let first = deploy(&ministack, name, &feed_url, &["--yes"]).await;
    assert_outcome(&first, 0, "deployed");
    deploy_another_revision(&ministack, environment, &feed_url).await;
    let function = names::function(contract::Function::Api, environment);
    let before = ministack.live_version(&function).await;
    assert_ne!(before, "1", "a healthy version passes the check");

    let denied =
        json!({"__type": "com.amazon.coral.service#AccessDeniedException", "Message": "no"});
    for (action, request_part, status, body, reason) in [
        // The version finds no key and refuses every key.
        (
            "GetItem",
            "APIKEY#",
            200,
            json!({}),
            "a key that was created just now is refused",
        ),
        // The role of the version lacks the permission to count requests.
        (
            "UpdateItem",
            "APIKEY#",
            400,
            denied,
            "the table or the limiter fails",
        ),
    ] {
        ministack.override_dynamodb(action, request_part, status, &body);
        let refused = deploy(&ministack, name, &feed_url, &["--yes"]).await;
        ministack.reset_dynamodb();
        assert_outcome(&refused, 4, "rolled-back");
        let words = "failed its pre-traffic check";
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
        let words = format!("GET /prices?symbols=BTC: {reason}");
        assert!(refused.stderr.contains(&words), "{}", refused.stderr);
        assert_eq!(ministack.live_version(&function).await, before, "{reason}");
    }

    let passed = deploy(&ministack, name, &feed_url, &["--yes"]).await;
    assert_outcome(&passed, 0, "deployed");
    assert_ne!(ministack.live_version(&function).await, before);
    let listed = run(&ministack, &["keys", "list", "--env", name]).await;
    assert!(listed.stderr.contains("has no keys"), "{}", listed.stderr);
}

#[tokio::test]
async fn in_staging_a_version_that_refuses_keys_or_fails_to_count_gets_no_traffic() {
    a_version_that_refuses_keys_or_fails_to_count_gets_no_traffic(Environment::Staging).await;
}

#[tokio::test]
async fn in_prod_a_version_that_refuses_keys_or_fails_to_count_gets_no_traffic() {
    a_version_that_refuses_keys_or_fails_to_count_gets_no_traffic(Environment::Prod).await;
}
