//! The zips and command-line binaries (copies of `xtask-cloud`) that a deploy keeps in the artifact bucket.

use serde_json::{Value, json};
use tests::ministack::{ACCOUNT, Ministack, REGION};

use crate::{assert_outcome, deploy, events, feed, url_without_prices};

fn bucket() -> String {
    format!("crypto-watch-artifacts-dev-{ACCOUNT}-{REGION}")
}

/// Returns the key of a zip whose digest is this number.
fn zip(number: u8) -> String {
    format!("api/{number:064x}.zip")
}

/// Returns the key of a command-line binary whose digest is this number.
fn command_line(number: u8) -> String {
    format!("command-line/{number:064x}")
}

fn record(number: u8) -> String {
    format!("deployments/20200101T0000{number:02}Z-deploy-{number}.json")
}

#[tokio::test]
async fn the_zips_and_binaries_of_the_last_ten_deployments_are_kept() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let (_feed, feed_url) = feed().await;
    let first = deploy(&ministack, "dev", &feed_url, &["--yes"]).await;
    assert_outcome(&first, 0, "deployed");
    let bucket = bucket();
    let mut kept = ministack.keys(&bucket).await;
    assert_eq!(kept.len(), 4, "three zips and a record: {kept:?}");
    // Twelve earlier deployments, each with its own zip and its own command-line binary.
    ministack.set_s3_time("2020-01-01T00:00:00.000Z");
    for number in 0..12 {
        let content = json!({
            "environment": "dev", "changeSet": "deploy", "beganAt": "2020-01-01T00:00:00Z",
            "artifacts": [zip(number)],
            "commandLine": {"key": command_line(number), "sha256": "0"}
        });
        ministack
            .put_object(&bucket, &record(number), content.to_string())
            .await;
        for key in [zip(number), command_line(number)] {
            ministack.put_object(&bucket, &key, "bytes").await;
        }
    }
    ministack
        .put_object(&bucket, "api/notes.txt", "an unrelated file")
        .await;
    ministack.reset_s3_time();
    // A zip that another deploy has just uploaded.
    ministack.put_object(&bucket, &zip(200), "zip").await;
    kept.push(zip(200));

    let second = deploy(
        &ministack,
        "dev",
        &url_without_prices(&ministack),
        &["--yes"],
    )
    .await;
    assert_outcome(&second, 0, "deployed");
    let lines = second.json_lines();
    // The last ten deployments are the two of this test and eight of the twelve earlier ones.
    let unused: Vec<String> = (0..4).map(zip).chain((0..4).map(command_line)).collect();
    let pruned = json!({"event": "pruned", "bucket": bucket, "keys": unused});
    assert_eq!(events(&lines, "pruned"), [&pruned]);
    kept.extend((4..12).map(zip));
    kept.extend((4..12).map(command_line));
    kept.extend((4..12).map(record));
    kept.push("api/notes.txt".to_owned());
    kept.sort_unstable();
    let (new, found): (Vec<String>, Vec<String>) = ministack
        .keys(&bucket)
        .await
        .into_iter()
        .partition(|key| key.starts_with("deployments/") && !kept.contains(key));
    assert_eq!(found, kept);
    assert_eq!(new.len(), 1, "the record of the second deployment");
}

#[tokio::test]
async fn an_object_with_the_key_of_a_zip_but_other_bytes_is_replaced() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let (_feed, feed_url) = feed().await;
    let first = deploy(&ministack, "dev", &feed_url, &["--yes"]).await;
    assert_outcome(&first, 0, "deployed");
    let lines = first.json_lines();
    let key = events(&lines, "artifact")[0]["key"].as_str().unwrap();
    ministack.put_object(&bucket(), key, "other bytes").await;

    let second = deploy(
        &ministack,
        "dev",
        &url_without_prices(&ministack),
        &["--yes"],
    )
    .await;
    assert_outcome(&second, 0, "deployed");
    let lines = second.json_lines();
    let uploaded = events(&lines, "artifact")
        .into_iter()
        .filter(|artifact| artifact["uploaded"] == true)
        .map(|artifact| artifact["key"].as_str().unwrap());
    assert_eq!(uploaded.collect::<Vec<_>>(), [key]);
}

#[tokio::test]
async fn a_missing_zip_of_the_deployed_version_causes_a_warning() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    // An older stack whose zip is not in the bucket.
    let function = json!({"Resources": {"Old": {"Type": "AWS::Lambda::Function", "Properties": {
        "FunctionName": "crypto-watch-earlier",
        "Runtime": "provided.al2023",
        "Handler": "bootstrap",
        "Role": "arn:aws:iam::000000000000:role/earlier",
        "Code": {"S3Bucket": bucket(), "S3Key": zip(7)}
    }}}});
    ministack.create_stack("crypto-watch-dev", &function).await;
    let (_feed, feed_url) = feed().await;
    let deployed = deploy(&ministack, "dev", &feed_url, &["--yes"]).await;
    assert_outcome(&deployed, 0, "deployed");
    let lines = deployed.json_lines();
    let names_zip = |line: &&&Value| line["message"].as_str().unwrap().contains(&zip(7));
    let warnings = events(&lines, "warning");
    assert!(warnings.iter().any(|line| names_zip(&line)), "{warnings:?}");
}
