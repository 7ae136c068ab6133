//! The status of the update function.

use aws_sdk_dynamodb::types::AttributeValue;
use contract::items::{METADATA, PK, SK};
use shared::store::{
    LastSuccess, StatusStore as _, UpdateFailure, UpdateHistory, UpdateStatus, UpdateStore as _,
    UpdateSuccess,
};

use crate::at;
use crate::table::{TABLE, Table};

fn success() -> UpdateSuccess {
    UpdateSuccess {
        started_at: at("2026-01-15T10:30:00Z"),
        finished_at: at("2026-01-15T10:30:02Z"),
        newest_price: at("2026-01-15T10:29:40Z"),
        stored: 19,
        skipped: 1,
        provider: "coingecko".into(),
        duration_ms: 1_234,
    }
}

#[tokio::test]
async fn before_the_first_run_there_is_no_status() {
    let table = Table::create().await;
    assert_eq!(table.store().update_status().await, Ok(None));
}

#[tokio::test]
async fn a_success_is_stored_in_the_documented_form() {
    let table = Table::create().await;
    table.store().record_success(&success()).await.unwrap();
    let item = table
        .client()
        .get_item()
        .table_name(TABLE)
        .key(PK, AttributeValue::S("STATUS#UPDATE".into()))
        .key(SK, AttributeValue::S(METADATA.into()))
        .send()
        .await
        .unwrap()
        .item
        .unwrap();
    for (name, time) in [
        ("lastAttempt", "2026-01-15T10:30:00Z"),
        ("lastSuccess", "2026-01-15T10:30:02Z"),
        ("newestPrice", "2026-01-15T10:29:40Z"),
    ] {
        assert_eq!(item[name], AttributeValue::S(time.into()), "{name}");
    }
    assert_eq!(item["stored"], AttributeValue::N("19".into()));
    assert_eq!(item["skipped"], AttributeValue::N("1".into()));
    assert_eq!(item["durationMs"], AttributeValue::N("1234".into()));
    assert_eq!(item["provider"], AttributeValue::S("coingecko".into()));
}

#[tokio::test]
async fn a_failure_keeps_the_last_success_and_the_next_success_clears_the_failure() {
    let table = Table::create().await;
    let store = table.store();
    store.record_success(&success()).await.unwrap();
    store
        .record_failure(&UpdateFailure {
            started_at: at("2026-01-15T10:35:00Z"),
            error_code: "PROVIDER_UNAVAILABLE".into(),
        })
        .await
        .unwrap();
    let failed = UpdateStatus {
        last_attempt: at("2026-01-15T10:35:00Z"),
        newest_price: Some(at("2026-01-15T10:29:40Z")),
        error_code: Some("PROVIDER_UNAVAILABLE".into()),
    };
    assert_eq!(store.update_status().await, Ok(Some(failed.clone())));
    // The earlier success is still stored.
    let history = UpdateHistory {
        status: failed,
        last_success: Some(LastSuccess {
            finished_at: at("2026-01-15T10:30:02Z"),
            stored: 19,
            skipped: 1,
            provider: "coingecko".into(),
            duration_ms: 1_234,
        }),
    };
    assert_eq!(store.update_history().await, Ok(Some(history)));

    let next = UpdateSuccess {
        started_at: at("2026-01-15T10:40:00Z"),
        finished_at: at("2026-01-15T10:40:02Z"),
        newest_price: at("2026-01-15T10:39:40Z"),
        ..success()
    };
    store.record_success(&next).await.unwrap();
    let recovered = UpdateStatus {
        last_attempt: at("2026-01-15T10:40:00Z"),
        newest_price: Some(at("2026-01-15T10:39:40Z")),
        error_code: None,
    };
    assert_eq!(store.update_status().await, Ok(Some(recovered)));
}

#[tokio::test]
async fn a_failed_first_run_leaves_a_status_without_a_success() {
    let table = Table::create().await;
    let store = table.store();
    let failure = UpdateFailure {
        started_at: at("2026-01-15T10:35:00Z"),
        error_code: "PROVIDER_UNAVAILABLE".into(),
    };
    store.record_failure(&failure).await.unwrap();
    let status = store.update_status().await.unwrap().unwrap();
    assert_eq!(status.newest_price, None);
    let history = store.update_history().await.unwrap().unwrap();
    assert_eq!(history.last_success, None);
}

#[tokio::test]
async fn a_delayed_run_changes_nothing_after_the_success_of_a_later_run() {
    let table = Table::create().await;
    let store = table.store();
    let later = UpdateSuccess {
        started_at: at("2026-01-15T10:35:00Z"),
        finished_at: at("2026-01-15T10:35:01Z"),
        newest_price: at("2026-01-15T10:34:40Z"),
        ..success()
    };
    store.record_success(&later).await.unwrap();
    let known = store.update_status().await;

    store.record_success(&success()).await.unwrap();
    assert_eq!(store.update_status().await, known);
    let failure = UpdateFailure {
        started_at: at("2026-01-15T10:34:59Z"),
        error_code: "PROVIDER_FAILED".into(),
    };
    store.record_failure(&failure).await.unwrap();
    assert_eq!(store.update_status().await, known);
}

#[tokio::test]
async fn a_superseded_run_moves_the_last_attempt_and_removes_the_error_code() {
    let table = Table::create().await;
    let store = table.store();
    store.record_success(&success()).await.unwrap();
    let failure = UpdateFailure {
        started_at: at("2026-01-15T10:35:00Z"),
        error_code: "PROVIDER_FAILED".into(),
    };
    store.record_failure(&failure).await.unwrap();

    let begun = at("2026-01-15T10:40:00Z");
    store.record_superseded(begun).await.unwrap();
    let recorded = UpdateStatus {
        last_attempt: begun,
        newest_price: Some(success().newest_price),
        error_code: None,
    };
    assert_eq!(store.update_status().await, Ok(Some(recorded.clone())));

    let delayed = at("2026-01-15T10:39:00Z");
    store.record_superseded(delayed).await.unwrap();
    assert_eq!(store.update_status().await, Ok(Some(recorded)));
}

#[tokio::test]
async fn a_delayed_success_records_its_newest_price_and_keeps_the_failure() {
    let table = Table::create().await;
    let store = table.store();
    let failure = UpdateFailure {
        started_at: at("2026-01-15T10:35:00Z"),
        error_code: "PROVIDER_FAILED".into(),
    };
    store.record_failure(&failure).await.unwrap();
    store.record_success(&success()).await.unwrap();
    let status = UpdateStatus {
        last_attempt: at("2026-01-15T10:35:00Z"),
        newest_price: Some(at("2026-01-15T10:29:40Z")),
        error_code: Some("PROVIDER_FAILED".into()),
    };
    assert_eq!(store.update_status().await, Ok(Some(status)));
}
