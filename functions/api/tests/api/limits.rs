//! The rate limit.

use std::num::NonZeroU32;

use shared::testing::Operation;

use crate::errors::assert_error;
use crate::service::{Service, later};

#[tokio::test]
async fn every_counted_response_has_the_quota() {
    let service = Service::new();
    for (target, status, remaining) in [
        ("/prices/BTC", 200, "4"),
        ("/prices?symbols=", 400, "3"),
        ("/prices/NOPE", 404, "2"),
        // ADA has no price.
        ("/prices/ADA", 503, "1"),
        ("/prices", 200, "0"),
    ] {
        // 45 seconds before the next minute.
        let reply = service.get_at(later(10), target).await;
        assert_eq!(reply.status, status, "{target}");
        assert_eq!(reply.header("ratelimit-limit"), Some("5"));
        assert_eq!(reply.header("ratelimit-remaining"), Some(remaining));
        assert_eq!(reply.header("ratelimit-reset"), Some("45"));
    }
}

#[tokio::test]
async fn a_request_over_the_limit_gets_the_seconds_to_wait() {
    let service = Service::new();
    for _ in 0..5 {
        assert_eq!(service.get("/prices/BTC").await.status, 200);
    }
    let reply = service.get_at(later(20), "/prices/BTC").await;
    assert_error(&reply, 429, "RATE_LIMIT_EXCEEDED");
    assert_eq!(reply.body["retryAfter"], 35);
    assert_eq!(reply.header("retry-after"), Some("35"));
    assert_eq!(reply.header("ratelimit-remaining"), Some("0"));
    assert_eq!(reply.header("ratelimit-reset"), Some("35"));
    // 35 seconds later, the next minute begins.
    assert_eq!(service.get_at(later(55), "/prices/BTC").await.status, 200);
}

#[tokio::test]
async fn the_limit_takes_precedence_over_the_validation() {
    let service = Service::new();
    for _ in 0..5 {
        service.get("/prices/BTC").await;
    }
    let reply = service.get("/prices?symbols=").await;
    assert_error(&reply, 429, "RATE_LIMIT_EXCEEDED");
}

#[tokio::test]
async fn further_requests_over_the_limit_cause_no_call() {
    let service = Service::new();
    for _ in 0..6 {
        service.get("/prices/BTC").await;
    }
    service.take_calls();
    for _ in 0..3 {
        assert_eq!(service.get("/prices/BTC").await.status, 429);
    }
    assert!(service.take_calls().is_empty());
}

#[tokio::test]
async fn a_key_can_have_its_own_limit() {
    let service = Service::new();
    service.change_key(|key| key.rate_limit_per_minute = Some(NonZeroU32::MIN));
    let reply = service.get("/prices/BTC").await;
    assert_eq!(reply.header("ratelimit-limit"), Some("1"));
    assert_eq!(service.get("/prices/BTC").await.status, 429);
}

#[tokio::test]
async fn an_invalid_request_counts_and_reads_no_price() {
    let service = Service::new();
    service.get("/prices/BTC").await;
    service.take_calls();
    service.get("/prices?symbols=NOPE").await;
    assert_eq!(service.take_calls(), [Operation::CountRequest]);
}
