//! `cargo xtask dead-letters`: updates that failed every attempt.

use serde_json::{Value, json};
use tests::ministack::Ministack;

use crate::run;

const QUEUE: &str = "crypto-watch-update-dead-letters-dev";

/// Returns Lambda's message about an invocation that failed every attempt.
fn record() -> String {
    let record = json!({
        "version": "1.0",
        "requestContext": {"condition": "RetriesExhausted", "approximateInvokeCount": 3},
        "responsePayload": {"errorType": "PROVIDER_FAILED", "errorMessage": "no price"},
    });
    record.to_string()
}

async fn show(ministack: &Ministack) -> Vec<Value> {
    let show = ["dead-letters", "show", "--env", "dev", "--output", "json"];
    let shown = run(ministack, &show).await;
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    shown.json_lines()
}

#[tokio::test]
async fn a_missing_queue_is_reported_with_a_hint() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    for command in ["show", "purge"] {
        let refused = run(&ministack, &["dead-letters", command, "--env", "staging"]).await;
        assert_eq!(refused.code, 1, "{}", refused.stderr);
        assert_eq!(refused.stdout, "");
        for part in [
            "there is no queue crypto-watch-update-dead-letters-staging",
            "hint: deploy first (`cargo xtask deploy --env staging`)",
        ] {
            assert!(refused.stderr.contains(part), "{}", refused.stderr);
        }
    }
}

#[tokio::test]
async fn messages_can_be_shown_repeatedly_and_are_purged_only_on_request() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    ministack.create_queue(QUEUE).await;
    assert_eq!(show(&ministack).await, Vec::<Value>::new());

    // One call returns at most 10 messages.
    for _ in 0..12 {
        ministack.send_message(QUEUE, &record()).await;
    }
    let shown = show(&ministack).await;
    assert_eq!(shown.len(), 12);
    for message in &shown {
        assert_eq!(message["from"], "lambda", "{message}");
        assert_eq!(message["code"], "PROVIDER_FAILED", "{message}");
        assert_eq!(message["error"], "no price", "{message}");
        assert!(message["sentAt"].is_string(), "{message}");
        assert_eq!(message["body"], record(), "{message}");
    }
    assert_eq!(show(&ministack).await, shown);

    let purge = ["dead-letters", "purge", "--env", "dev"];
    let declined = run(&ministack, &purge).await;
    assert_eq!(declined.code, 3, "{}", declined.stderr);
    assert!(declined.stderr.contains("nothing was deleted"));
    assert_eq!(show(&ministack).await, shown);

    let purged = run(&ministack, &[&purge[..], &["--yes"]].concat()).await;
    assert_eq!(purged.code, 0, "{}", purged.stderr);
    assert_eq!(show(&ministack).await, Vec::<Value>::new());
}
