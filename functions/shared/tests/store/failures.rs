//! What happens when DynamoDB does not do what was asked.

use std::num::NonZeroU32;

use serde_json::{Value, json};
use shared::api_key::KeyId;
use shared::client::{ClientConfig, dynamodb_client};
use shared::decimal::Decimal;
use shared::error::StoreError;
use shared::price::Price;
use shared::rate_limit::{Admission, Window};
use shared::store::{
    ApiStore as _, StatusStore as _, Store, Stored, StoredTogether, UpdateFailure, UpdateStore as _,
};
use shared::symbol::Symbol;
use tokio::net::{TcpListener, TcpSocket};

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
    assert_eq!(prices.unread, []);
    let mut read: Vec<_> = prices
        .found
        .iter()
        .map(|price| price.symbol.as_str())
        .collect();
    read.sort_unstable();
    assert_eq!(read, ["BTC", "ETH"]);
    assert_eq!(script.requests(), 2);
}

#[tokio::test]
async fn keys_that_stay_unprocessed_are_named_and_cost_no_other_price() {
    let script = Script::answering(|attempt, request| {
        let processed = usize::from(attempt == 0);
        (200, partial_answer(request, processed))
    })
    .await;
    let prices = script.store().prices(&symbols()).await.unwrap();
    assert_eq!((prices.found.len(), prices.unread.len()), (1, 1));
    assert_ne!(prices.found[0].symbol, prices.unread[0]);
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

fn prices() -> [Price; 2] {
    let now = at("2026-01-15T10:30:00Z");
    ["BTC", "ETH"].map(|name| Price {
        symbol: Symbol::find(name).unwrap(),
        price: Decimal::parse("1").unwrap(),
        change_24h: None,
        market_cap: None,
        last_updated: now,
        fetched_at: now,
    })
}

/// An error of DynamoDB's, with what it says beside its code.
fn refusal(code: &str, more: Value) -> (u16, Value) {
    let mut body = more;
    body["__type"] = format!("com.amazonaws.dynamodb.v20120810#{code}").into();
    (400, body)
}

/// A transaction that was cancelled for these reasons, one for each of its items.
fn cancelled(reasons: &[&str]) -> (u16, Value) {
    let items: Vec<_> = reasons.iter().map(|code| json!({"Code": code})).collect();
    let message = format!("Transaction cancelled [{}]", reasons.join(", "));
    refusal(
        "TransactionCanceledException",
        json!({"Message": message, "CancellationReasons": items}),
    )
}

#[tokio::test]
async fn every_attempt_of_a_transaction_has_its_token_and_the_next_one_another() {
    let script = Script::answering(|attempt, _| match attempt {
        0 => server_error(),
        1 => throttling(),
        _ => (200, json!({})),
    })
    .await;
    let store = script.store();
    for _ in 0..2 {
        assert_eq!(store.put_prices(&prices()).await, Ok(StoredTogether::All));
    }
    let requests = script.bodies();
    let tokens: Vec<_> = requests
        .iter()
        .map(|request| request["ClientRequestToken"].as_str().unwrap())
        .collect();
    let [first, second, third, next] = tokens[..] else {
        panic!("four requests: {tokens:?}");
    };
    assert_eq!([first, first], [second, third]);
    assert_ne!(first, next);
}

#[tokio::test]
async fn a_cancelled_transaction_names_what_is_superseded_and_is_not_repeated() {
    let script = Script::answering(|attempt, _| match attempt {
        0 => cancelled(&["None", "ConditionalCheckFailed"]),
        1 => cancelled(&["TransactionConflict", "ConditionalCheckFailed"]),
        _ => cancelled(&["ConditionalCheckFailed", "ConditionalCheckFailed"]),
    })
    .await;
    let store = script.store();
    let [bitcoin, ether] = prices().map(|price| price.symbol);
    for superseded in [vec![ether], vec![ether], vec![bitcoin, ether]] {
        assert_eq!(
            store.put_prices(&prices()).await,
            Ok(StoredTogether::None { superseded })
        );
    }
    assert_eq!(script.requests(), 3);
}

#[tokio::test]
async fn a_transaction_that_says_nothing_of_a_newer_price_has_failed_with_its_reasons() {
    for answer in [
        |_, _: &Value| cancelled(&["TransactionConflict", "None"]),
        |_, _: &Value| cancelled(&["None", "ThrottlingError"]),
        |_, _: &Value| cancelled(&["ValidationError", "None"]),
        |_, _: &Value| refusal("TransactionCanceledException", json!({"Message": "None"})),
    ] {
        let script = Script::answering(answer).await;
        let failed = script.store().put_prices(&prices()).await;
        let Err(StoreError::Refused { code, message, .. }) = failed else {
            panic!("{failed:?}");
        };
        assert_eq!(code, "TransactionCanceledException");
        assert!(message.contains("None"), "{message}");
        assert_eq!(script.requests(), 1);
    }
}

#[tokio::test]
async fn a_write_of_a_price_waits_for_a_transaction_that_has_it() {
    let script = Script::answering(|attempt, _| match attempt {
        0 => refusal("TransactionConflictException", json!({"message": "wait"})),
        _ => (200, json!({})),
    })
    .await;
    let [price, _] = prices();
    let put = script.store().put_price(&price).await;
    assert_eq!(put, Ok(Stored::Stored));
    assert_eq!(script.requests(), 2);
}

#[tokio::test]
async fn a_write_of_a_price_waits_for_no_transaction_for_ever() {
    let script = Script::answering(|_, _| {
        refusal("TransactionConflictException", json!({"message": "wait"}))
    })
    .await;
    let [price, _] = prices();
    assert!(script.store().put_price(&price).await.is_err());
    assert_eq!(script.requests(), 3);
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
    let [price, _] = prices();
    assert_eq!(store.put_price(&price).await, Ok(Stored::Stored));
    assert_eq!(script.requests(), 2);
    let failure = UpdateFailure {
        started_at: price.fetched_at,
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
    let answer = script
        .store()
        .count_request(&key_id(), window(), NonZeroU32::MAX)
        .await;
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
async fn a_refused_connection_is_told_apart() {
    // Bound and not listening: nobody else gets the port, and nobody answers.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let endpoint = format!("http://{}", socket.local_addr().unwrap());
    let client = dynamodb_client(&ClientConfig::emulator(endpoint)).unwrap();
    let answer = Store::new(client, TABLE).update_status().await;
    assert!(
        matches!(answer, Err(StoreError::NotConnected { .. })),
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
    let answer: Result<Admission, _> = store
        .count_request(&key_id(), window(), NonZeroU32::MAX)
        .await;
    assert_eq!(
        answer,
        Err(StoreError::Timeout {
            operation: "UpdateItem"
        })
    );
    drop(listener);
}
