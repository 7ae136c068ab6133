//! Deploys that are killed with SIGKILL, and the next deploy of the same stack.

use nix::sys::signal::Signal;
use serde_json::Value;
use tests::local_stack::Service;
use tests::ministack::Ministack;
use tests::xtask;

use crate::{
    append, assert_outcome, deploy, deploy_arguments, deploy_until_prompt, feed, url_without_prices,
};

const STACK: &str = "crypto-watch-dev";

/// Starts a first deploy and kills it with SIGKILL after the first event that `is_last` matches.
async fn deploy_and_kill(ministack: &Ministack, feed_url: &str, is_last: impl Fn(&Value) -> bool) {
    let arguments = deploy_arguments(ministack, "dev", feed_url);
    let arguments = append(&arguments, &["--yes"]);
    let mut deploy = Service::start(xtask::command(&arguments, &[]));
    while !is_last(&deploy.json_line().await) {}
    let (status, rest, stderr) = deploy.stop(Signal::SIGKILL).await;
    assert!(!status.success(), "{stderr}");
    assert!(!rest.contains("\"event\":\"result\""), "{rest}");
}

#[tokio::test]
async fn after_a_deploy_is_killed_at_the_prompt_the_next_deploy_succeeds() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let terminal = deploy_until_prompt(&ministack).await;
    terminal.kill().await;
    assert_eq!(ministack.waiting_change_sets(STACK).await.len(), 1);
    let again = deploy(
        &ministack,
        "dev",
        &url_without_prices(&ministack),
        &["--yes"],
    )
    .await;
    assert_outcome(&again, 0, "deployed");
    // The leftover change set is not checked: AWS deletes it when another change set of the stack is
    // executed, and the emulator does not.
    let same = deploy(&ministack, "dev", &url_without_prices(&ministack), &[]).await;
    assert_outcome(&same, 0, "unchanged");
}

#[tokio::test]
async fn if_a_deploy_is_killed_after_its_first_upload_the_next_deploy_succeeds() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let (_feed, feed_url) = feed().await;
    deploy_and_kill(&ministack, &feed_url, |line| line["event"] == "artifact").await;
    let again = deploy(&ministack, "dev", &feed_url, &["--yes"]).await;
    assert_outcome(&again, 0, "deployed");
    let same = deploy(&ministack, "dev", &feed_url, &["--yes"]).await;
    assert_outcome(&same, 0, "unchanged");
}

#[tokio::test]
async fn cloudformation_finishes_a_killed_deploy_and_the_next_deploy_changes_nothing() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let (_feed, feed_url) = feed().await;
    deploy_and_kill(&ministack, &feed_url, |line| {
        line["event"] == "resource" && line["stack"] == STACK
    })
    .await;
    assert_eq!(ministack.wait_for_operation(STACK).await, "CREATE_COMPLETE");
    let again = deploy(&ministack, "dev", &feed_url, &["--yes"]).await;
    assert_outcome(&again, 0, "unchanged");
    let outputs = &again.last_json_line()["outputs"];
    assert!(outputs["ApiEndpoint"].is_string(), "{outputs}");
}
