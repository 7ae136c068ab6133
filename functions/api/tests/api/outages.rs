//! What clients get while the store fails, and that nothing stays broken.

use std::num::NonZeroU32;

use shared::error::StoreError;
use shared::testing::{MemoryStore, Operation};
use tokio::time::{Duration, Instant};

use crate::errors::assert_error;
use crate::service::{Service, later, now, price, symbol};

fn throttled() -> StoreError {
    StoreError::Throttled { operation: "test" }
}

#[tokio::test]
async fn a_limiter_that_fails_lets_nobody_through() {
    let service = Service::new();
    service.get("/prices/BTC").await;
    service.store.fail(Operation::CountRequest, throttled());
    let reply = service.get("/prices/BTC").await;
    assert_error(&reply, 503, "SERVICE_UNAVAILABLE");
    assert_eq!(reply.header("retry-after"), Some("5"));
    assert_eq!(reply.header("ratelimit-limit"), None);
    service.calls();
    service.store.recover();
    assert_eq!(service.get("/prices/BTC").await.status, 200);
}

#[tokio::test]
async fn a_key_that_cannot_be_checked_is_neither_let_in_nor_refused() {
    let service = Service::new();
    service.store.fail(Operation::ApiKey, throttled());
    let reply = service.get("/prices/BTC").await;
    assert_error(&reply, 503, "SERVICE_UNAVAILABLE");
    assert_eq!(service.calls(), [Operation::ApiKey]);
    service.store.recover();
    assert_eq!(service.get("/prices/BTC").await.status, 200);
}

#[tokio::test]
async fn prices_in_the_process_bridge_an_outage_marked_stale() {
    let service = Service::new();
    service.get("/prices?symbols=BTC,ETH").await;
    service.store.fail(Operation::Prices, throttled());
    let reply = service.get_at(later(320), "/prices?symbols=ETH,SOL").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.symbols(), ["ETH"]);
    assert_eq!(reply.stale(), ["ETH"]);
    assert_eq!(reply.body["unavailable"], serde_json::json!(["SOL"]));
    assert_eq!(reply.header("cache-control"), Some("private, max-age=25"));

    service.store.recover();
    let reply = service.get_at(later(321), "/prices?symbols=ETH,SOL").await;
    assert_eq!(reply.symbols(), ["ETH", "SOL"]);
    assert_eq!(reply.stale(), Vec::<&str>::new());
}

#[tokio::test]
async fn the_bridge_ends_when_the_prices_are_fifteen_minutes_old() {
    let service = Service::new();
    service.get("/prices/BTC").await;
    service.store.fail(Operation::Prices, throttled());
    assert_eq!(service.get_at(later(899), "/prices/BTC").await.status, 200);
    let reply = service.get_at(later(900), "/prices/BTC").await;
    assert_error(&reply, 503, "SERVICE_UNAVAILABLE");
    assert_eq!(reply.header("ratelimit-limit"), Some("5"));
}

#[tokio::test]
async fn a_price_that_one_read_leaves_out_costs_no_other_price_and_not_the_last_good_one() {
    let service = Service::new();
    service.get("/prices?symbols=BTC,ETH").await;
    service.store.set_unreadable(symbol("BTC"), true);
    let reply = service
        .get_at(later(300), "/prices?symbols=BTC,ETH,SOL")
        .await;
    assert_eq!(reply.symbols(), ["BTC", "ETH", "SOL"]);
    // A newer price of BTC may be in the table.
    assert_eq!(reply.stale(), ["BTC"]);
    service.store.set_unreadable(symbol("BTC"), false);
    let reply = service
        .get_at(later(305), "/prices?symbols=BTC,ETH,SOL")
        .await;
    assert_eq!(reply.stale(), Vec::<&str>::new());
}

#[tokio::test]
async fn a_price_that_could_not_be_read_is_not_said_to_be_missing() {
    let service = Service::new();
    service.store.set_unreadable(symbol("BTC"), true);
    let reply = service.get("/prices/BTC").await;
    assert_error(&reply, 503, "SERVICE_UNAVAILABLE");
    assert_eq!(reply.header("retry-after"), Some("5"));
}

#[tokio::test]
async fn prices_that_were_never_read_are_no_bridge() {
    let service = Service::new();
    service.store.fail(Operation::Prices, throttled());
    let reply = service.get("/prices/BTC").await;
    assert_error(&reply, 503, "SERVICE_UNAVAILABLE");
    assert_eq!(reply.header("ratelimit-remaining"), Some("4"));
}

// The clock is paused: it jumps to the next timeout when nothing else is left
// to do, so that these tests take no time.
#[tokio::test(start_paused = true)]
async fn the_store_gets_five_seconds_of_a_request() {
    for operation in [
        Operation::ApiKey,
        Operation::CountRequest,
        Operation::Prices,
    ] {
        let service = Service::new();
        service.store.hang(operation);
        let started = Instant::now();
        let reply = service.get("/prices/BTC").await;
        assert_error(&reply, 503, "SERVICE_UNAVAILABLE");
        assert_eq!(started.elapsed().as_secs(), 5, "{operation:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_answer_waits_for_the_note_of_a_keys_use() {
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
    // The notes are under way.
    let noted = service.store.take_calls();
    assert!(noted.contains(&Operation::TouchApiKey), "{noted:?}");

    service.store.fail(Operation::TouchApiKey, throttled());
    let failed = service.get_at(later(180), "/prices/BTC").await;
    assert_eq!(failed.status, 200);
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_does_not_wait_for_its_prices() {
    let service = Service::new();
    service.change_key(|key| key.rate_limit_per_minute = Some(NonZeroU32::MIN));
    service.get("/prices/ETH").await;
    service.store.hang(Operation::Prices);
    let started = Instant::now();
    assert_eq!(service.get("/prices/BTC").await.status, 429);
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn a_defect_answers_in_our_shape_and_the_process_goes_on() {
    for operation in [
        Operation::ApiKey,
        Operation::CountRequest,
        Operation::Prices,
    ] {
        let service = Service::over(MemoryStore::new(), &[]);
        service.store.panic(operation);
        let reply = service.get("/prices/BTC").await;
        assert_error(&reply, 500, "INTERNAL_ERROR");
        assert_eq!(reply.body["error"], "Something went wrong.");
        // Where the limiter has answered, its client learns what it said.
        let counted = operation == Operation::Prices;
        let remaining = reply.header("ratelimit-remaining");
        assert_eq!(remaining, counted.then_some("99"), "{operation:?}");
        service.store.recover();
        assert_eq!(service.get("/prices/BTC").await.status, 200);
    }
}

#[tokio::test]
async fn a_defect_beside_the_limiter_keeps_no_request_from_being_counted() {
    // The key is read at once, the limiter answers late, and the prices panic
    // before that.
    let service = Service::over(MemoryStore::new().with_pauses([0, 3, 0]), &[]);
    service.store.panic(Operation::Prices);
    let reply = service.get("/prices/BTC").await;
    assert_error(&reply, 500, "INTERNAL_ERROR");
    assert_eq!(reply.header("ratelimit-remaining"), Some("99"));
}

#[tokio::test]
async fn recovered_prices_replace_remembered_ones() {
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
async fn no_error_tells_what_went_wrong_inside() {
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
    let reply = service
        .send(now(), "GET", "/prices", &[("x-api-key", &service.key)])
        .await;
    for word in ["UpdateItem", "AccessDenied", "arn:", "aws-request"] {
        assert!(!reply.text.contains(word), "{}", reply.text);
    }
}
