//! Drift: the command `drift`, and the effect of drift on a deploy.

use tests::ministack::Ministack;

use crate::{assert_outcome, deploy, events, feed, run, url_without_prices};

const QUEUE: &str = "crypto-watch-update-dead-letters-dev";
const FUNCTION: &str = "crypto-watch-update-dev";

#[tokio::test]
async fn a_property_changed_by_hand_stops_a_deploy_until_the_operator_decides() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let (_feed, feed_url) = feed().await;
    let first = deploy(&ministack, "dev", &feed_url, &["--yes"]).await;
    assert_outcome(&first, 0, "deployed");
    let drift = ["drift", "--env", "dev", "--detailed-exitcode"];
    let none = run(&ministack, &drift).await;
    assert_eq!(none.code, 0, "{}{}", none.stdout, none.stderr);

    ministack.set_retention(QUEUE, 3_600).await;
    let found = run(&ministack, &drift).await;
    assert_eq!(found.code, 5, "{}{}", found.stdout, found.stderr);
    assert_eq!(
        found.stdout,
        "UpdateDeadLetters (AWS::SQS::Queue) was changed\n    \
         /MessageRetentionPeriod: 1209600 in the template, 3600 now\n"
    );
    let lines = run(&ministack, &["drift", "--env", "dev", "--output", "json"]).await;
    let difference = &lines.json_lines()[0]["differences"][0];
    assert_eq!(difference["path"], "/MessageRetentionPeriod");
    assert_eq!(lines.last_json_line()["outcome"], "drifted");

    let stopped = deploy(
        &ministack,
        "dev",
        &url_without_prices(&ministack),
        &["--yes"],
    )
    .await;
    assert_outcome(&stopped, 1, "failed");
    let hint = "hint: pass --on-drift continue to deploy";
    assert!(stopped.stderr.contains(hint), "{}", stopped.stderr);
    let lines = stopped.json_lines();
    assert_eq!(events(&lines, "change-set").len(), 0);

    let more = ["--yes", "--on-drift", "continue"];
    let deployed = deploy(&ministack, "dev", &url_without_prices(&ministack), &more).await;
    assert_outcome(&deployed, 0, "deployed");
}

#[tokio::test]
async fn a_deploy_does_not_recreate_a_deleted_table() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let (_feed, feed_url) = feed().await;
    let first = deploy(&ministack, "dev", &feed_url, &["--yes"]).await;
    assert_outcome(&first, 0, "deployed");
    ministack.delete_table("crypto-watch-data-dev").await;
    let reverted = "crypto-watch-data-dev was deleted, and the revert would create an empty table";
    for (more, words) in [
        (
            &["--yes"][..],
            "these resources were changed outside the stack: Table",
        ),
        (&["--yes", "--on-drift", "revert"], reverted),
    ] {
        let stopped = deploy(&ministack, "dev", &feed_url, more).await;
        assert_outcome(&stopped, 1, "failed");
        assert_eq!(events(&stopped.json_lines(), "change-set").len(), 0);
        let hint =
            "hint: restore the table with its data, as docs/operating.md#replace-a-deleted-table";
        for words in [words, hint] {
            assert!(stopped.stderr.contains(words), "{}", stopped.stderr);
        }
    }
}

#[tokio::test]
async fn a_rollback_is_reported_as_drift_and_reverted_on_request() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let (_feed, feed_url) = feed().await;
    let first = deploy(
        &ministack,
        "dev",
        &url_without_prices(&ministack),
        &["--yes"],
    )
    .await;
    assert_outcome(&first, 0, "deployed");
    let old = ministack.live_version(FUNCTION).await;
    let second = deploy(&ministack, "dev", &feed_url, &["--yes"]).await;
    assert_outcome(&second, 0, "deployed");
    let new = ministack.live_version(FUNCTION).await;
    assert_ne!(old, new);

    ministack.roll_back(FUNCTION, &new, &old).await;
    let stopped = deploy(&ministack, "dev", &feed_url, &["--yes"]).await;
    assert_outcome(&stopped, 1, "failed");
    let words =
        format!("{FUNCTION} was rolled back: version {old} serves, the stack's version is {new}");
    assert!(stopped.stderr.contains(&words), "{}", stopped.stderr);

    let more = ["--on-drift", "continue"];
    let continued = deploy(&ministack, "dev", &feed_url, &more).await;
    assert_outcome(&continued, 0, "unchanged");
    assert_eq!(ministack.live_version(FUNCTION).await, old);

    let more = ["--on-drift", "revert"];
    let declined = deploy(&ministack, "dev", &feed_url, &more).await;
    assert_outcome(&declined, 3, "declined");
    assert_eq!(ministack.live_version(FUNCTION).await, old);

    let more = ["--yes", "--on-drift", "revert"];
    let reverted = deploy(&ministack, "dev", &feed_url, &more).await;
    assert_outcome(&reverted, 0, "deployed");
    assert_eq!(ministack.live_version(FUNCTION).await, new);
    let same = deploy(&ministack, "dev", &feed_url, &[]).await;
    assert_outcome(&same, 0, "unchanged");
}
