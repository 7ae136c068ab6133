//! What happens when DynamoDB does not do what was asked.

use serde_json::{Value, json};
use shared::api_key::KeyId;
use shared::client::{ClientConfig, dynamodb_client};
use shared::decimal::Decimal;
use shared::error::StoreError;
use shared::price::Price;
use shared::rate_limit::{Admission, Window};
use shared::store::{ApiStore as _, Store, Stored, UpdateFailure, UpdateStore as _};
use shared::symbol::Symbol;
use tokio::net::TcpListener;

use crate::at;
use crate::script::Script;
use crate::table::{TABLE, Table};

fn key_id() -> KeyId {
    KeyId::parse("0123456789AB").unwrap()
}

fn window() -> Window {
    Window::at(at("2026-01-15T10:30:00Z"))
}

fn symbols() -> Vec<Symbol> {
    ["BTC", "ETH"]
        .map(|symbol| Symbol::find(symbol).unwrap())
        .to_vec()
}

/// An answer to `BatchGetItem` that holds the prices of the last `processed` of
/// the keys asked for, and names the others as unprocessed.
fn partial_answer(request: &Value, processed: usize) -> Value {
    let keys = request["RequestItems"][TABLE]["Keys"].as_array().unwrap();
    let (left, taken) = keys.split_at(keys.len() - processed);
    let items: Vec<_> = taken
        .iter()
        .map(|key| {
            let symbol = key["PK"]["S"].as_str().unwrap().replace("PRICE#", "");
            json!({
                "PK": key["PK"],
                "SK": key["SK"],
                "symbol": {"S": symbol},
                "price": {"N": "1"},
                "lastUpdated": {"S": "2026-01-15T10:30:00Z"},
                "fetchedAt": {"S": "2026-01-15T10:30:00Z"},
            })
        })
        .collect();
    let unprocessed = if left.is_empty() {
        json!({})
    } else {
        json!({TABLE: {"Keys": left}})
    };
    json!({"Responses": {TABLE: items}, "UnprocessedKeys": unprocessed})
}

fn server_error() -> (u16, Value) {
    let error = "com.amazonaws.dynamodb.v20120810#InternalServerError";
    (500, json!({"__type": error, "message": "broken"}))
}

#[tokio::test]
async fn keys_that_were_left_unprocessed_are_asked_for_again() {
    let script = Script::answering(|_, request| (200, partial_answer(request, 1))).await;
    let prices = script.store().prices(&symbols()).await.unwrap();
    let mut read: Vec<_> = prices.iter().map(|price| price.symbol.as_str()).collect();
    read.sort_unstable();
    assert_eq!(read, ["BTC", "ETH"]);
    assert_eq!(script.requests(), 2);
}

#[tokio::test]
async fn keys_that_stay_unprocessed_are_a_throttled_read() {
    let script = Script::answering(|_, request| (200, partial_answer(request, 0))).await;
    assert_eq!(
        script.store().prices(&symbols()).await,
        Err(StoreError::Throttled {
            operation: "BatchGetItem"
        })
    );
    assert_eq!(script.requests(), 4);
}

#[tokio::test]
async fn a_read_survives_one_server_error() {
    let script = Script::answering(|attempt, _| {
        if attempt == 0 {
            server_error()
        } else {
            (200, json!({}))
        }
    })
    .await;
    assert!(script.store().api_key(&key_id()).await.unwrap().is_none());
    assert_eq!(script.requests(), 2);
}

#[tokio::test]
async fn the_limiter_is_never_repeated() {
    let script = Script::answering(|_, _| server_error()).await;
    let answer = script.store().count_request(&key_id(), window(), 50).await;
    assert!(
        matches!(answer, Err(StoreError::Refused { .. })),
        "{answer:?}"
    );
    assert_eq!(script.requests(), 1);
}

#[tokio::test]
async fn the_note_of_a_keys_use_is_never_repeated() {
    let script = Script::answering(|_, _| server_error()).await;
    let now = at("2026-01-15T10:30:00Z");
    assert!(script.store().touch_api_key(&key_id(), now).await.is_err());
    assert_eq!(script.requests(), 1);
}

fn throttling() -> (u16, Value) {
    let error = "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException";
    (400, json!({"__type": error, "message": "slow down"}))
}

#[tokio::test]
async fn a_throttled_write_of_a_price_or_a_note_is_tried_again() {
    let script = Script::answering(|attempt, _| {
        if attempt % 2 == 0 {
            throttling()
        } else {
            (200, json!({}))
        }
    })
    .await;
    let store = script.store();
    let now = at("2026-01-15T10:30:00Z");
    let price = Price {
        symbol: symbols()[0],
        price: Decimal::parse("1").unwrap(),
        change_24h: None,
        market_cap: None,
        last_updated: now,
        fetched_at: now,
    };
    assert_eq!(store.put_price(&price).await, Ok(Stored::Stored));
    assert_eq!(script.requests(), 2);
    let failure = UpdateFailure {
        started_at: now,
        error_code: "PROVIDER_FAILED".into(),
    };
    store.record_failure(&failure).await.unwrap();
    assert_eq!(script.requests(), 4);
}

#[tokio::test]
async fn a_throttled_read_is_told_apart_after_its_retries() {
    let script = Script::answering(|_, _| throttling()).await;
    assert_eq!(
        script.store().update_status().await,
        Err(StoreError::Throttled {
            operation: "GetItem"
        })
    );
    assert_eq!(script.requests(), 3);
}

#[tokio::test]
async fn a_limiter_that_answers_without_a_count_has_failed() {
    let script = Script::answering(|_, _| (200, json!({}))).await;
    let answer = script.store().count_request(&key_id(), window(), 50).await;
    assert!(
        matches!(answer, Err(StoreError::MalformedItem { .. })),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_missing_table_is_told_apart() {
    let engine = Table::without_table().await;
    assert_eq!(
        engine.store().update_status().await,
        Err(StoreError::TableNotFound {
            operation: "GetItem"
        })
    );
}

#[tokio::test]
async fn a_refused_connection_is_an_unreachable_store() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = dynamodb_client(&ClientConfig::emulator(endpoint)).unwrap();
    let answer = Store::new(client, TABLE).update_status().await;
    assert!(
        matches!(answer, Err(StoreError::Unreachable { .. })),
        "{answer:?}"
    );
}

// The clock is paused: it jumps to the next timeout when nothing else is left
// to do, so that the test takes no time.
#[tokio::test(start_paused = true)]
async fn a_store_that_never_answers_times_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let client = dynamodb_client(&ClientConfig::emulator(endpoint)).unwrap();
    let store = Store::new(client, TABLE);
    let answer: Result<Admission, _> = store.count_request(&key_id(), window(), 50).await;
    assert_eq!(
        answer,
        Err(StoreError::Timeout {
            operation: "UpdateItem"
        })
    );
    drop(listener);
}
