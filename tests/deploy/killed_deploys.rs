//! Killed deploys, and the deploys after them.

use nix::sys::signal::Signal;
use serde_json::Value;
use tests::local_stack::Service;
use tests::ministack::Ministack;
use tests::xtask;

use crate::{assert_outcome, at_the_question, deploy, deploy_arguments, feed, no_prices, with};

const STACK: &str = "crypto-watch-dev";

/// Starts a first deploy and kills it with SIGKILL after the event that `is_the_moment`
/// matches.
async fn deploy_and_kill(
    ministack: &Ministack,
    feed_url: &str,
    is_the_moment: impl Fn(&Value) -> bool,
) {
    let arguments = deploy_arguments(ministack, "dev", feed_url);
    let arguments = with(&arguments, &["--yes"]);
    let mut deploy = Service::start(xtask::command(&arguments, &[]));
    while !is_the_moment(&deploy.json_line().await) {}
    let (status, rest, stderr) = deploy.stop(Signal::SIGKILL).await;
    assert!(!status.success(), "{stderr}");
    assert!(!rest.contains("\"event\":\"result\""), "{rest}");
}

#[tokio::test]
async fn a_deploy_killed_at_the_question_is_planned_anew() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let terminal = at_the_question(&ministack).await;
    terminal.kill().await;
    assert_eq!(ministack.waiting_change_sets(STACK).await.len(), 1);
    let again = deploy(&ministack, "dev", &no_prices(&ministack), &["--yes"]).await;
    assert_outcome(&again, 0, "deployed");
    // AWS deletes the leftover change set when another one is executed. The emulator does
    // not.
    let same = deploy(&ministack, "dev", &no_prices(&ministack), &[]).await;
    assert_outcome(&same, 0, "unchanged");
}

#[tokio::test]
async fn a_deploy_killed_during_an_upload_begins_anew() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let (_feed, feed_url) = feed().await;
    deploy_and_kill(&ministack, &feed_url, |line| line["event"] == "artifact").await;
    let again = deploy(&ministack, "dev", &feed_url, &["--yes"]).await;
    assert_outcome(&again, 0, "deployed");
    // The plan of the killed deploy has no remaining effect.
    let same = deploy(&ministack, "dev", &feed_url, &["--yes"]).await;
    assert_outcome(&same, 0, "unchanged");
}

#[tokio::test]
async fn an_execution_continues_after_the_deploy_is_killed_and_the_next_deploy_finds_its_result() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let (_feed, feed_url) = feed().await;
    deploy_and_kill(&ministack, &feed_url, |line| {
        line["event"] == "resource" && line["stack"] == STACK
    })
    .await;
    assert_eq!(ministack.at_rest(STACK).await, "CREATE_COMPLETE");
    let again = deploy(&ministack, "dev", &feed_url, &["--yes"]).await;
    assert_outcome(&again, 0, "unchanged");
    let outputs = &again.last_json_line()["outputs"];
    assert!(outputs["ApiEndpoint"].is_string(), "{outputs}");
}
