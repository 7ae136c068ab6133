//! How many calls to the store a request costs.

use shared::testing::{MemoryStore, Operation};

use crate::service::{Service, later};

#[tokio::test]
async fn a_new_key_costs_its_read_and_one_note_more() {
    let service = Service::new();
    service.get("/prices?symbols=BTC,ETH").await;
    assert_eq!(
        service.calls(),
        [
            Operation::ApiKey,
            Operation::TouchApiKey,
            Operation::CountRequest,
            Operation::Prices,
        ]
    );
}

#[tokio::test]
async fn a_keys_use_is_noted_behind_every_call_that_the_answer_needs() {
    let service = Service::new();
    service.get("/prices?symbols=BTC,ETH").await;
    let calls = service.store.take_calls();
    assert_eq!(calls.last(), Some(&Operation::TouchApiKey), "{calls:?}");
}

#[tokio::test]
async fn a_warm_request_with_fresh_prices_is_one_call() {
    let service = Service::new();
    service.get("/prices?symbols=BTC,ETH").await;
    service.calls();
    service.get_at(later(40), "/prices?symbols=ETH").await;
    assert_eq!(service.calls(), [Operation::CountRequest]);
}

#[tokio::test]
async fn a_warm_request_without_remembered_prices_is_two_calls() {
    let service = Service::over(MemoryStore::new(), &[]);
    service.get("/prices?symbols=BTC").await;
    service.calls();
    service.get("/prices?symbols=BTC,ETH").await;
    assert_eq!(
        service.calls(),
        [Operation::CountRequest, Operation::Prices]
    );
}

#[tokio::test]
async fn a_keys_first_request_of_a_minute_costs_one_note_more() {
    let service = Service::new();
    service.get("/prices/BTC").await;
    service.calls();
    service.get_at(later(55), "/prices/BTC").await;
    assert_eq!(
        service.calls(),
        [Operation::TouchApiKey, Operation::CountRequest]
    );
}

#[tokio::test]
async fn prices_that_turned_stale_are_read_again_at_once() {
    let service = Service::new();
    service.get_at(later(380), "/prices/BTC").await;
    service.calls();
    service.get_at(later(391), "/prices/BTC").await;
    assert_eq!(
        service.calls(),
        [Operation::CountRequest, Operation::Prices]
    );
}

#[tokio::test]
async fn nothing_is_remembered_where_the_settings_say_so() {
    let service = Service::over(MemoryStore::new(), &[("PROCESS_CACHE_SECONDS", "0")]);
    service.get("/prices/BTC").await;
    service.calls();
    service.get("/prices/BTC").await;
    assert_eq!(
        service.calls(),
        [
            Operation::ApiKey,
            Operation::CountRequest,
            Operation::Prices,
        ]
    );
}
