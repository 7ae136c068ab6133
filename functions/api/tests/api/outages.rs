//! Responses while the store fails, and the recovery afterwards.

use std::num::NonZeroU32;

use shared::error::StoreError;
use shared::testing::{MemoryStore, Operation};
use tokio::time::{Duration, Instant};

use crate::errors::assert_error;
use crate::service::{Service, later, price, symbol};

/// The calls that a response waits for, each with the target of a request that makes the call.
const CALLS: [(Operation, &str); 5] = [
    (Operation::ApiKey, "/prices/BTC"),
    (Operation::CountRequest, "/prices/BTC"),
    (Operation::Prices, "/prices/BTC"),
    (Operation::PriceHistory, "/prices/BTC?include=detail"),
    (
        Operation::RateHistory,
        "/prices/BTC?format=compact-detail&currency=EUR",
    ),
];

pub(crate) fn throttled() -> StoreError {
    StoreError::Throttled { operation: "test" }
}

#[tokio::test]
async fn no_request_passes_a_failed_limiter() {
    let service = Service::new();
    service.get("/prices/BTC").await;
    service.store.fail(Operation::CountRequest, throttled());
    let reply = service.get("/prices/BTC").await;
    assert_error(&reply, 503, "SERVICE_UNAVAILABLE");
    assert_eq!(reply.header("retry-after"), Some("5"));
    assert_eq!(reply.header("ratelimit-limit"), None);
    service.take_calls();
    service.store.recover();
    assert_eq!(service.get("/prices/BTC").await.status, 200);
}

#[tokio::test]
async fn a_key_that_cannot_be_read_is_a_503() {
    let service = Service::new();
    service.store.fail(Operation::ApiKey, throttled());
    let reply = service.get("/prices/BTC").await;
    assert_error(&reply, 503, "SERVICE_UNAVAILABLE");
    assert_eq!(service.take_calls(), [Operation::ApiKey]);
    service.store.recover();
    assert_eq!(service.get("/prices/BTC").await.status, 200);
}

#[tokio::test]
async fn remembered_prices_are_served_as_stale_during_an_outage() {
    let service = Service::new();
    service.get("/prices?symbols=BTC,ETH").await;
    service.store.fail(Operation::Prices, throttled());
    let reply = service.get_at(later(320), "/prices?symbols=ETH,SOL").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.symbols(), ["ETH"]);
    assert_eq!(reply.stale(), ["ETH"]);
    assert_eq!(reply.body["unavailable"], serde_json::json!(["SOL"]));
    // 10 s while an update is overdue, plus the key's jitter of 15 s.
    assert_eq!(reply.header("cache-control"), Some("private, max-age=25"));

    service.store.recover();
    let reply = service.get_at(later(321), "/prices?symbols=ETH,SOL").await;
    assert_eq!(reply.symbols(), ["ETH", "SOL"]);
    assert_eq!(reply.stale(), Vec::<&str>::new());
}

#[tokio::test]
async fn in_an_outage_prices_are_served_until_fifteen_minutes_after_their_fetch() {
    let service = Service::new();
    service.get("/prices/BTC").await;
    service.store.fail(Operation::Prices, throttled());
    assert_eq!(service.get_at(later(899), "/prices/BTC").await.status, 200);
    let reply = service.get_at(later(900), "/prices/BTC").await;
    assert_error(&reply, 503, "SERVICE_UNAVAILABLE");
    assert_eq!(reply.header("ratelimit-limit"), Some("5"));
}

#[tokio::test]
async fn an_unreadable_price_is_served_from_memory_and_affects_no_other_price() {
    let service = Service::new();
    service.get("/prices?symbols=BTC,ETH").await;
    service.store.set_unreadable(symbol("BTC"), true);
    let reply = service
        .get_at(later(300), "/prices?symbols=BTC,ETH,SOL")
        .await;
    assert_eq!(reply.symbols(), ["BTC", "ETH", "SOL"]);
    // The table may have a newer price of BTC.
    assert_eq!(reply.stale(), ["BTC"]);
    service.store.set_unreadable(symbol("BTC"), false);
    let reply = service
        .get_at(later(305), "/prices?symbols=BTC,ETH,SOL")
        .await;
    assert_eq!(reply.stale(), Vec::<&str>::new());
}

#[tokio::test]
async fn a_price_that_cannot_be_read_is_not_reported_as_missing() {
    let service = Service::new();
    service.store.set_unreadable(symbol("BTC"), true);
    let reply = service.get("/prices/BTC").await;
    assert_error(&reply, 503, "SERVICE_UNAVAILABLE");
    assert_eq!(reply.header("retry-after"), Some("5"));
}

#[tokio::test]
async fn prices_that_were_never_read_are_a_503_during_an_outage() {
    let service = Service::new();
    service.store.fail(Operation::Prices, throttled());
    let reply = service.get("/prices/BTC").await;
    assert_error(&reply, 503, "SERVICE_UNAVAILABLE");
    assert_eq!(reply.header("ratelimit-remaining"), Some("4"));
}

// The clock is paused: it jumps to the next timeout when all tasks wait, so that these tests take
// no time.
#[tokio::test(start_paused = true)]
async fn a_request_waits_five_seconds_for_the_store() {
    for (operation, target) in CALLS {
        let service = Service::new();
        service.store.hang(operation);
        let started = Instant::now();
        let reply = service.get(target).await;
        assert_error(&reply, 503, "SERVICE_UNAVAILABLE");
        assert_eq!(started.elapsed().as_secs(), 5, "{operation:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_response_waits_for_the_write_of_a_keys_last_use() {
    let service = Service::new();
    service.store.hang(Operation::TouchApiKey);
    let started = Instant::now();
    assert_eq!(service.get("/prices/BTC").await.status, 200);
    assert_eq!(service.get("/key").await.status, 200);
    let minute_later = service.get_at(later(60), "/prices/BTC").await;
    assert_eq!(minute_later.status, 200);
    let key_later = service.get_at(later(120), "/key").await;
    assert_eq!(key_later.status, 200);
    assert_eq!(started.elapsed(), Duration::ZERO);
    // The writes have begun.
    let calls = service.store.take_calls();
    assert!(calls.contains(&Operation::TouchApiKey), "{calls:?}");

    service.store.fail(Operation::TouchApiKey, throttled());
    let failed = service.get_at(later(180), "/prices/BTC").await;
    assert_eq!(failed.status, 200);
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_request_over_the_limit_does_not_wait_for_its_prices() {
    let service = Service::new();
    service.change_key(|key| key.rate_limit_per_minute = Some(NonZeroU32::MIN));
    service.get("/prices/ETH").await;
    service.store.hang(Operation::Prices);
    let started = Instant::now();
    assert_eq!(service.get("/prices/BTC").await.status, 429);
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn a_panic_is_a_500_and_the_process_continues() {
    for (operation, target) in CALLS {
        let service = Service::with_variables(&[]);
        service.store.panic(operation);
        let reply = service.get(target).await;
        assert_error(&reply, 500, "INTERNAL_ERROR");
        assert_eq!(reply.body["error"], "An internal error occurred.");
        // The response has the quota if the limiter has responded.
        let counted = ![Operation::ApiKey, Operation::CountRequest].contains(&operation);
        let remaining = reply.header("ratelimit-remaining");
        assert_eq!(remaining, counted.then_some("99"), "{operation:?}");
        service.store.recover();
        assert_eq!(service.get("/prices/BTC").await.status, 200);
    }
}

#[tokio::test]
async fn a_panic_while_prices_are_read_does_not_cancel_the_count() {
    // The calls for key, limiter and prices pause 0, 3 and 0 times: the prices panic before the limiter
    // responds.
    let service = Service::over(MemoryStore::new().with_pauses([0, 3, 0]), &[]);
    service.store.panic(Operation::Prices);
    let reply = service.get("/prices/BTC").await;
    assert_error(&reply, 500, "INTERNAL_ERROR");
    assert_eq!(reply.header("ratelimit-remaining"), Some("99"));
}

#[tokio::test]
async fn prices_of_a_recovered_table_replace_remembered_prices() {
    let service = Service::new();
    service.get("/prices/BTC").await;
    service.store.fail(Operation::Prices, throttled());
    service.get_at(later(400), "/prices/BTC").await;
    service.store.recover();
    let mut newer = price("BTC", "7", None);
    newer.last_updated = later(400);
    newer.fetched_at = later(400);
    service.store.insert_price(newer);
    let reply = service.get_at(later(401), "/prices/BTC").await;
    assert_eq!(reply.body["data"][0]["price"], 7);
    assert_eq!(reply.stale(), Vec::<&str>::new());
}

#[tokio::test]
async fn an_error_of_the_store_does_not_reveal_its_cause() {
    let service = Service::new();
    service.store.fail(
        Operation::CountRequest,
        StoreError::Refused {
            operation: "UpdateItem",
            code: "AccessDeniedException".into(),
            message: "arn:aws:dynamodb:eu-central-1:123456789012:table/secret".into(),
            request_id: "aws-request".into(),
        },
    );
    let reply = service.get("/prices").await;
    for word in ["UpdateItem", "AccessDenied", "arn:", "aws-request"] {
        assert!(!reply.text.contains(word), "{}", reply.text);
    }
}
