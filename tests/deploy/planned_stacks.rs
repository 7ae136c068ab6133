//! Commands for a planned stack: a stack that has change sets and no resources.

use tests::scripted::{Answer, Scripted};
use tests::xtask::{self, Run};

use crate::assert_outcome;
use crate::scripts::{CALLER, NO_STACK, stack};

const PLANNED: &[Answer] = &[
    CALLER,
    stack!("DescribeStacks&StackName=crypto-watch-dev" => "crypto-watch-dev", "REVIEW_IN_PROGRESS", ""),
    NO_STACK,
];

async fn on_dev(endpoint: &Scripted, command: &str, more: &[&str]) -> Run {
    let target = ["--env", "dev", "--endpoint-url", endpoint.url()];
    xtask::run(&[&[command], &target[..], more].concat(), &[]).await
}

#[tokio::test]
async fn status_reports_a_planned_stack_as_text_and_json() {
    let endpoint = Scripted::start(PLANNED).await;
    let text = on_dev(&endpoint, "status", &[]).await;
    assert_eq!(text.code, 0, "{}", text.stderr);
    let line = "stack  crypto-watch-dev is only planned (REVIEW_IN_PROGRESS)";
    assert_eq!(text.stdout.lines().next(), Some(line), "{}", text.stdout);
    for command in [
        "`cargo xtask deploy --env dev` deploys it",
        "`aws cloudformation delete-stack --region us-east-1 --stack-name crypto-watch-dev` removes the plan",
    ] {
        assert!(text.stdout.contains(command), "{}", text.stdout);
    }
    let json = on_dev(&endpoint, "status", &["--output", "json"]).await;
    assert_eq!(json.code, 0, "{}", json.stderr);
    let stack = &json.last_json_line()["stack"];
    assert_eq!(stack["planned"], true, "{stack}");
    assert_eq!(stack["status"], "REVIEW_IN_PROGRESS", "{stack}");
}

#[tokio::test]
async fn commands_that_need_a_deployed_stack_refuse_a_planned_stack() {
    let endpoint = Scripted::start(PLANNED).await;
    for command in ["outputs", "drift", "rollback"] {
        let refused = on_dev(&endpoint, command, &[]).await;
        assert_eq!(refused.code, 1, "{command}: {}", refused.stderr);
        let words = "error: nothing is deployed: the stack crypto-watch-dev is only planned (REVIEW_IN_PROGRESS)";
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
        let hint = "hint: `cargo xtask deploy --env dev` deploys it";
        assert!(refused.stderr.contains(hint), "{}", refused.stderr);
    }
}

#[tokio::test]
async fn destroy_deletes_a_planned_stack() {
    let mut script = PLANNED.to_vec();
    // The second call of `DescribeStacks` follows the deletion.
    script.insert(
        2,
        Answer {
            action: PLANNED[1].action,
            ..NO_STACK
        },
    );
    script.extend([
        Answer::ok("DeleteStack", "<DeleteStackResponse/>"),
        crate::scripts::events!(
            "e1" "crypto-watch-dev" "CloudFormation::Stack" "REVIEW_IN_PROGRESS" "User Initiated"
        ),
    ]);
    let endpoint = Scripted::start(&script).await;
    let deleted = on_dev(&endpoint, "destroy", &["--yes", "--output", "json"]).await;
    assert_outcome(&deleted, 0, "destroyed");
    let words = "crypto-watch-dev is only planned (REVIEW_IN_PROGRESS)";
    assert!(deleted.stderr.contains(words), "{}", deleted.stderr);
    let lines = deleted.json_lines();
    let removal = crate::events(&lines, "removal")[0];
    assert_eq!(removal["planned"], true, "{removal}");
    assert_eq!(removal["status"], "REVIEW_IN_PROGRESS", "{removal}");
    assert_eq!(endpoint.requests("DeleteStack").len(), 1);
}
