//! `cargo xtask keys create`.

use reqwest::Method;
use tests::local_stack::LocalStack;
use tests::ministack::Ministack;
use tests::xtask;

use crate::{assert_outcome, deploy, feed, run};

#[tokio::test]
async fn a_key_for_a_table_that_is_not_there_says_what_to_do() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let keys = ["keys", "create", "--name", "watch", "--env", "staging"];
    let refused = run(&ministack, &keys).await;
    assert_eq!(
        (refused.code, refused.stdout.as_str()),
        (1, ""),
        "{}",
        refused.stderr
    );
    assert!(
        refused.stderr.contains("crypto-watch-data-staging"),
        "{}",
        refused.stderr
    );
    assert!(
        refused
            .stderr
            .contains("hint: deploy first (`cargo xtask deploy --env staging`)"),
        "{}",
        refused.stderr
    );
}

#[tokio::test]
async fn a_key_is_alone_on_stdout_and_opens_nothing_it_was_not_made_for() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let (_feed, feed_url) = feed().await;
    let first = deploy(&ministack, "dev", &feed_url, &["--yes"]).await;
    assert_outcome(&first, 0, "deployed");
    let made = run(&ministack, &["keys", "create", "--name", "watch"]).await;
    assert_eq!(made.code, 0, "{}", made.stderr);
    let key = made.stdout.strip_suffix('\n').unwrap();
    let parts: Vec<usize> = key.split('_').map(str::len).collect();
    assert_eq!(parts, [2, 12, 43], "{key}");
    assert!(!made.stderr.contains(key), "{}", made.stderr);
    let unnamed = run(&ministack, &["keys", "create", "--name", " "]).await;
    assert_eq!(unnamed.code, 2, "{}", unnamed.stderr);
}

#[tokio::test]
async fn a_key_made_for_a_local_stack_opens_it() {
    let stack = LocalStack::start(&[]).await;
    let endpoint = stack.table_endpoint.as_str();
    let arguments = [
        "keys",
        "create",
        "--name",
        "curl",
        "--endpoint-url",
        endpoint,
    ];
    let made = xtask::run(&arguments, &[]).await;
    assert_eq!(made.code, 0, "{}", made.stderr);
    let headers = [("X-API-Key", made.stdout.trim())];
    let prices = stack.send(Method::GET, "/prices/BTC", &headers).await;
    assert_ne!(prices.status, 401, "{}", prices.text);
}
