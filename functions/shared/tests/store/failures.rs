//! Failures of DynamoDB: the store's errors and retries.

use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::{Value, json};
use shared::api_key::{KeyId, Maker, TemporaryKey};
use shared::client::{ClientConfig, dynamodb_client};
use shared::currency::ListedCurrency;
use shared::decimal::Decimal;
use shared::error::StoreError;
use shared::history::Slot;
use shared::price::Price;
use shared::rate::Rate;
use shared::rate_limit::{Admission, Window};
use shared::store::{
    ApiStore as _, StatusStore as _, Store, Stored, StoredTogether, UpdateFailure,
    UpdateStore as _, UpdateSuccess, VerifyStore as _, WithDeadline as _,
};
use shared::symbol::Symbol;
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::Instant;

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

/// Makes a response to `BatchGetItem` with the prices of the last `processed` keys. The other keys
/// are unprocessed.
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
async fn unprocessed_keys_are_requested_again() {
    let script = Script::answering(|_, request| (200, partial_answer(request, 1))).await;
    let prices = script.store().prices(&symbols(), None).await.unwrap();
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
async fn keys_that_stay_unprocessed_are_named_and_affect_no_other_price() {
    let script = Script::answering(|attempt, request| {
        let processed = usize::from(attempt == 0);
        (200, partial_answer(request, processed))
    })
    .await;
    let prices = script.store().prices(&symbols(), None).await.unwrap();
    assert_eq!((prices.found.len(), prices.unread.len()), (1, 1));
    assert_ne!(prices.found[0].symbol, prices.unread[0]);
    assert_eq!(script.requests(), 4, "the request and three retries");
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
async fn the_write_of_the_last_use_of_a_key_is_never_retried() {
    let script = Script::answering(|_, _| server_error()).await;
    let now = at("2026-01-15T10:30:00Z");
    assert!(script.store().touch_api_key(&key_id(), now).await.is_err());
    assert_eq!(script.requests(), 1);
}

fn throttling() -> (u16, Value) {
    let error = "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException";
    (400, json!({"__type": error, "message": "slow down"}))
}

fn slot() -> Slot {
    Slot::of(at("2026-01-15T10:30:00Z"))
}

fn rate() -> Rate {
    Rate {
        currency: ListedCurrency::find("EUR").unwrap(),
        value: Decimal::parse("0.92").unwrap(),
        change_24h: None,
        last_updated: at("2026-01-15T10:30:00Z"),
        fetched_at: at("2026-01-15T10:30:00Z"),
    }
}

fn prices() -> [Price; 2] {
    let now = at("2026-01-15T10:30:00Z");
    ["BTC", "ETH"].map(|name| Price {
        symbol: Symbol::find(name).unwrap(),
        price: Decimal::parse("1").unwrap(),
        change_24h: None,
        market_cap: None,
        volume_24h: None,
        last_updated: now,
        fetched_at: now,
    })
}

/// Makes an error of DynamoDB with further members.
fn refusal(code: &str, more: Value) -> (u16, Value) {
    let mut body = more;
    body["__type"] = format!("com.amazonaws.dynamodb.v20120810#{code}").into();
    (400, body)
}

/// Makes the error of a cancelled transaction. Each price has two reasons: for its item and its sample.
fn cancelled(reasons: &[&str]) -> (u16, Value) {
    let items: Vec<_> = reasons.iter().map(|code| json!({"Code": code})).collect();
    let message = format!("Transaction cancelled [{}]", reasons.join(", "));
    refusal(
        "TransactionCanceledException",
        json!({"Message": message, "CancellationReasons": items}),
    )
}

#[tokio::test]
async fn each_transaction_has_a_new_token_that_its_retries_repeat() {
    let script = Script::answering(|attempt, _| match attempt {
        0 => server_error(),
        1 => throttling(),
        _ => (200, json!({})),
    })
    .await;
    let store = script.store();
    for _ in 0..2 {
        assert_eq!(
            store.put_run(&prices(), &[], slot()).await,
            Ok(StoredTogether::All)
        );
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
async fn a_cancelled_transaction_names_the_superseded_coins_and_is_not_retried() {
    let script = Script::answering(|attempt, _| match attempt {
        0 => cancelled(&["None", "None", "ConditionalCheckFailed", "None"]),
        1 => cancelled(&[
            "TransactionConflict",
            "None",
            "ConditionalCheckFailed",
            "None",
        ]),
        _ => cancelled(&[
            "ConditionalCheckFailed",
            "None",
            "ConditionalCheckFailed",
            "None",
        ]),
    })
    .await;
    let store = script.store();
    let [bitcoin, ether] = prices().map(|price| price.symbol);
    for superseded in [vec![ether], vec![ether], vec![bitcoin, ether]] {
        assert_eq!(
            store.put_run(&prices(), &[], slot()).await,
            Ok(StoredTogether::None {
                superseded,
                superseded_rates: Vec::new(),
            })
        );
    }
    assert_eq!(script.requests(), 3);
}

#[tokio::test]
async fn a_transaction_cancelled_for_other_reasons_is_an_error_with_the_reasons() {
    for answer in [
        |_, _: &Value| cancelled(&["TransactionConflict", "None", "None", "None"]),
        |_, _: &Value| cancelled(&["None", "TransactionConflict", "None", "None"]),
        |_, _: &Value| cancelled(&["None", "None", "None", "ThrottlingError"]),
        |_, _: &Value| cancelled(&["ValidationError", "None", "None", "None"]),
        |_, _: &Value| refusal("TransactionCanceledException", json!({"Message": "None"})),
    ] {
        let script = Script::answering(answer).await;
        let failed = script.store().put_run(&prices(), &[], slot()).await;
        let Err(StoreError::Refused { code, message, .. }) = failed else {
            panic!("{failed:?}");
        };
        assert_eq!(code, "TransactionCanceledException");
        assert!(message.contains("None"), "{message}");
        assert_eq!(script.requests(), 1);
    }
}

#[tokio::test]
async fn a_write_that_conflicts_with_a_transaction_or_is_throttled_is_retried() {
    let script = Script::answering(|attempt, _| match attempt {
        0 => cancelled(&["None", "TransactionConflict"]),
        1 => cancelled(&["ThrottlingError", "None"]),
        _ => (200, json!({})),
    })
    .await;
    let [price, _] = prices();
    let put = script.store().put_price(&price, slot()).await;
    assert_eq!(put, Ok(Stored::Stored));
    assert_eq!(script.requests(), 3);
}

#[tokio::test]
async fn a_write_that_always_conflicts_with_a_transaction_fails() {
    let script = Script::answering(|_, _| cancelled(&["TransactionConflict", "None"])).await;
    let [price, _] = prices();
    assert!(script.store().put_price(&price, slot()).await.is_err());
    assert_eq!(script.requests(), 3);
}

#[tokio::test]
async fn a_throttled_write_of_a_price_or_a_status_is_retried() {
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
    assert_eq!(store.put_price(&price, slot()).await, Ok(Stored::Stored));
    assert_eq!(script.requests(), 2);
    let failure = UpdateFailure {
        started_at: price.fetched_at,
        error_code: "PROVIDER_FAILED".into(),
    };
    store.record_failure(&failure).await.unwrap();
    assert_eq!(script.requests(), 4);
}

#[tokio::test]
async fn a_read_that_stays_throttled_is_a_throttling_error() {
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
async fn a_response_to_count_request_without_a_count_is_an_error() {
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
async fn a_missing_table_has_its_own_error() {
    let emulator = Table::without_table().await;
    assert_eq!(
        emulator.store().update_status().await,
        Err(StoreError::TableNotFound {
            operation: "GetItem"
        })
    );
}

#[tokio::test]
async fn a_refused_connection_has_its_own_error() {
    // The socket is bound and does not listen, so connections are refused, and no other process
    // gets the port.
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

// With `start_paused`, Tokio's clock jumps to the next timeout when all tasks wait.
#[tokio::test(start_paused = true)]
async fn a_table_that_never_responds_is_a_timeout() {
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

/// Asserts that a call ends by the deadline of its store.
async fn assert_ends_by<T: std::fmt::Debug>(
    deadline: Instant,
    call: impl Future<Output = Result<T, StoreError>>,
) {
    let result = call.await;
    assert!(
        matches!(result, Err(StoreError::Timeout { .. })),
        "{result:?}"
    );
    let late = Instant::now() - deadline;
    assert!(late < Duration::from_millis(5), "{late:?}");
}

// The deadline of 500 ms is shorter than every timeout of the client.
#[tokio::test(start_paused = true)]
async fn every_call_ends_by_its_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let client = dynamodb_client(&ClientConfig::emulator(endpoint)).unwrap();
    let store = Store::new(client, TABLE);
    let now = at("2026-01-15T10:30:00Z");
    let [price, _] = prices();
    let success = UpdateSuccess {
        started_at: now,
        finished_at: now,
        newest_price: now,
        stored: 1,
        skipped: 0,
        provider: "coingecko".to_owned(),
        duration_ms: 1,
    };
    let failure = UpdateFailure {
        started_at: now,
        error_code: "PROVIDER_FAILED".to_owned(),
    };
    let key = TemporaryKey::generate(Maker::Verify, 300, now).unwrap();
    let limit = NonZeroU32::MAX;
    macro_rules! assert_each_ends_by_its_deadline {
        ($($call:ident($($argument:expr),*)),+ $(,)?) => {$(
            let deadline = Instant::now() + Duration::from_millis(500);
            assert_ends_by(deadline, store.until(deadline).$call($($argument),*)).await;
        )+};
    }
    assert_each_ends_by_its_deadline!(
        update_status(),
        api_key(&key_id()),
        touch_api_key(&key_id(), now),
        count_request(&key_id(), window(), limit),
        prices(&symbols(), None),
        price_history(symbols()[0], slot()),
        rate_history(rate().currency, slot()),
        put_price(&price, slot()),
        put_rate(&rate(), slot()),
        put_run(&prices(), &[], slot()),
        record_success(&success),
        record_superseded(now),
        record_failure(&failure),
        create_temporary_key(&key),
        delete_temporary_key(&key),
    );
    drop(listener);
}
