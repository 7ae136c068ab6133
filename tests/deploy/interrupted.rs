//! Deploys that a signal interrupts: while planning, at the prompt and during the execution.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use tests::http::eventually;
use tests::local_stack::Service;
use tests::ministack::Ministack;
use tests::scripted::{Answer, Scripted};
use tests::xtask::{self, Terminal};

use crate::history::recorded_outcomes;
use crate::scripts::{CHANGE_SET, EVENTS_BEFORE, EVENTS_BEGUN, prod, prod_arguments, prod_by_id};
use crate::{assert_outcome, deploy_until_prompt};

/// The time in which a deploy must reach the stage at which a test interrupts it.
const LIMIT: Duration = Duration::from_mins(5);

fn deploy(endpoint: &Scripted) -> Service {
    let arguments = [&prod_arguments(endpoint)[..], &["--yes"]].concat();
    Service::start(xtask::command(&arguments, &[]))
}

async fn wait_for(endpoint: &Scripted, action: &str) {
    let is_called = async || (!endpoint.requests(action).is_empty()).then_some(());
    eventually(action, LIMIT, is_called).await;
}

fn last_line(stdout: &str) -> Value {
    let last = stdout.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_default()
}

#[tokio::test]
async fn a_deploy_interrupted_while_it_plans_deletes_its_change_set() {
    let planning = Answer::ok(
        CHANGE_SET,
        "<DescribeChangeSetResponse><DescribeChangeSetResult><Status>CREATE_IN_PROGRESS</Status>\
         </DescribeChangeSetResult></DescribeChangeSetResponse>",
    );
    // A terminal that is closed sends SIGHUP.
    for signal in [Signal::SIGINT, Signal::SIGHUP] {
        let endpoint = prod(&[planning]).await;
        let deploy = deploy(&endpoint);
        wait_for(&endpoint, "DescribeChangeSet&ChangeSetName=of-prod").await;
        let (status, stdout, stderr) = deploy.stop(signal).await;
        assert_eq!(status.code(), Some(3), "{stderr}");
        assert_eq!(last_line(&stdout)["outcome"], "declined", "{stdout}");
        let words = "error: nothing was deployed: interrupted";
        assert!(stderr.contains(words), "{stderr}");
        wait_for(&endpoint, "DeleteChangeSet").await;
        assert!(endpoint.requests("ExecuteChangeSet").is_empty());
    }
}

#[tokio::test]
async fn a_deploy_interrupted_during_the_execution_does_not_cancel_the_update() {
    let endpoint = prod(&[
        EVENTS_BEFORE,
        EVENTS_BEGUN,
        prod_by_id!("UPDATE_IN_PROGRESS"),
    ])
    .await;
    let mut deploy = deploy(&endpoint);
    while deploy.json_line().await["event"] != "resource" {}
    // Until now, the deploy has deleted only the artifact stack's change set, which had no changes.
    let deletions = endpoint.requests("DeleteChangeSet").len();
    let (status, stdout, stderr) = deploy.stop(Signal::SIGTERM).await;
    assert_eq!(status.code(), Some(1), "{stderr}");
    assert_eq!(last_line(&stdout)["outcome"], "failed", "{stdout}");
    let words = "error: interrupted; CloudFormation finishes an operation that it has begun";
    assert!(stderr.contains(words), "{stderr}");
    let hint = "hint: run the same command again: it reports the state of the stack";
    assert!(stderr.contains(hint), "{stderr}");
    assert_eq!(endpoint.requests("DeleteChangeSet").len(), deletions);
    assert!(endpoint.requests("CancelUpdateStack").is_empty());
    assert_eq!(recorded_outcomes(&endpoint), ["begun", "interrupted"]);
}

#[tokio::test]
async fn a_first_deploy_interrupted_at_the_prompt_leaves_no_stack_and_no_bucket() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    // A dropped SSH session sends SIGHUP.
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let terminal = deploy_until_prompt(&ministack).await;
        assert!(
            !ministack.stacks().await.is_empty(),
            "the stacks of the change sets exist"
        );
        terminal.signal(signal);
        let run = terminal.end().await;
        assert_outcome(&run, 3, "declined");
        assert!(run.stderr.contains("stopping cleanly"), "{}", run.stderr);
        assert_eq!(ministack.stacks().await, Vec::<String>::new(), "{signal}");
        assert_eq!(ministack.buckets().await, Vec::<String>::new(), "{signal}");
    }
}

#[tokio::test]
async fn a_second_interruption_stops_at_once_and_names_what_may_be_left() {
    // A change set that CloudFormation refuses to delete.
    let busy = Answer::error(
        "DeleteChangeSet",
        400,
        "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidChangeSetStatus</Code>\
         <Message>it is in CREATE_IN_PROGRESS</Message></Error></ErrorResponse>",
    );
    let planning = Answer::ok(
        CHANGE_SET,
        "<DescribeChangeSetResponse><DescribeChangeSetResult><Status>CREATE_IN_PROGRESS</Status>\
         </DescribeChangeSetResult></DescribeChangeSetResponse>",
    );
    let bucket = Answer::ok(
        "DescribeChangeSet&ChangeSetName=of-the-bucket",
        planning.body,
    );
    let endpoint = prod(&[planning, bucket, busy]).await;
    let arguments = [&prod_arguments(&endpoint)[..], &["--yes"]].concat();
    let terminal = Terminal::start(&arguments);
    wait_for(&endpoint, "DescribeChangeSet").await;
    terminal.signal(Signal::SIGINT);
    wait_for(&endpoint, "DeleteChangeSet").await;
    terminal.signal(Signal::SIGINT);
    let run = terminal.end().await;
    assert_outcome(&run, 1, "failed");
    let words = "stopped at once: a change set may still exist, or an operation may be in progress";
    assert!(run.stderr.contains(words), "{}", run.stderr);
    assert!(
        run.stderr.contains("hint: run the same command again"),
        "{}",
        run.stderr
    );
}
