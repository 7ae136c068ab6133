//! The calls to the store for a request. `Service::take_calls` sorts them.

use shared::testing::Operation;

use crate::service::{Service, later};

#[tokio::test]
async fn the_first_request_of_a_key_reads_the_key_and_writes_its_last_use() {
    let service = Service::new();
    service.get("/prices?symbols=BTC,ETH").await;
    assert_eq!(
        service.take_calls(),
        [
            Operation::ApiKey,
            Operation::TouchApiKey,
            Operation::CountRequest,
            Operation::Prices,
        ]
    );
}

#[tokio::test]
async fn the_last_use_is_written_after_all_calls_for_the_response() {
    let service = Service::new();
    service.get("/prices?symbols=BTC,ETH").await;
    let calls = service.store.take_calls();
    assert_eq!(calls.last(), Some(&Operation::TouchApiKey), "{calls:?}");
}

#[tokio::test]
async fn a_warm_request_with_fresh_prices_is_one_call() {
    let service = Service::new();
    service.get("/prices?symbols=BTC,ETH").await;
    service.take_calls();
    service.get_at(later(40), "/prices?symbols=ETH").await;
    assert_eq!(service.take_calls(), [Operation::CountRequest]);
}

#[tokio::test]
async fn a_warm_request_without_remembered_prices_is_two_calls() {
    let service = Service::with_variables(&[]);
    service.get("/prices?symbols=BTC").await;
    service.take_calls();
    service.get("/prices?symbols=BTC,ETH").await;
    assert_eq!(
        service.take_calls(),
        [Operation::CountRequest, Operation::Prices]
    );
}

#[tokio::test]
async fn a_keys_first_request_of_a_minute_also_writes_its_last_use() {
    let service = Service::new();
    service.get("/prices/BTC").await;
    service.take_calls();
    // The next minute begins after 55 s.
    service.get_at(later(55), "/prices/BTC").await;
    assert_eq!(
        service.take_calls(),
        [Operation::TouchApiKey, Operation::CountRequest]
    );
}

#[tokio::test]
async fn overdue_prices_are_read_again_after_five_seconds() {
    let service = Service::new();
    service.get_at(later(300), "/prices/BTC").await;
    service.take_calls();
    service.get_at(later(305), "/prices/BTC").await;
    assert_eq!(
        service.take_calls(),
        [Operation::CountRequest, Operation::Prices]
    );
}

#[tokio::test]
async fn neither_key_nor_prices_are_remembered_if_process_cache_seconds_is_zero() {
    let service = Service::with_variables(&[("PROCESS_CACHE_SECONDS", "0")]);
    service.get("/prices/BTC").await;
    service.take_calls();
    service.get("/prices/BTC").await;
    assert_eq!(
        service.take_calls(),
        [
            Operation::ApiKey,
            Operation::CountRequest,
            Operation::Prices,
        ]
    );
}
