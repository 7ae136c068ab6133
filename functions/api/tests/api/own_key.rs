//! `GET /key`: the key of the request.

use serde_json::json;
use shared::testing::Operation;

use crate::errors::assert_error;
use crate::service::{Service, later, now};

#[tokio::test]
async fn the_response_describes_the_key() {
    let service = Service::new();
    let reply = service.get("/key").await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.body,
        json!({
            "name": "watch",
            "limit": 5,
            "remaining": 4,
            "expiresAt": null,
            "timestamp": "2026-01-15T10:30:05Z",
        })
    );
    assert_eq!(reply.header("ratelimit-remaining"), Some("4"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("etag"), None);

    service.change_key(|key| key.expires_at = Some(later(3_600)));
    let reply = service.get_at(later(60), "/key").await;
    assert_eq!(reply.body["expiresAt"], "2026-01-15T11:30:05Z");
}

#[tokio::test]
async fn the_request_requires_a_key_and_counts_against_the_rate_limit() {
    let service = Service::new();
    for remaining in [4, 3, 2, 1, 0] {
        assert_eq!(service.get("/key").await.body["remaining"], remaining);
    }
    assert_error(&service.get("/key").await, 429, "RATE_LIMIT_EXCEEDED");
    let reply = service.send(now(), "GET", "/key", &[]).await;
    assert_error(&reply, 401, "UNAUTHORIZED");
    let key = [("x-api-key", service.key.as_str())];
    let reply = service.send(now(), "POST", "/key", &key).await;
    assert_error(&reply, 405, "METHOD_NOT_ALLOWED");
    let head = service.send(later(60), "HEAD", "/key", &key).await;
    assert_eq!(
        (head.status, head.header("ratelimit-remaining")),
        (200, Some("4"))
    );
}

#[tokio::test]
async fn a_failed_limiter_is_a_503() {
    let service = Service::new();
    let error = shared::error::StoreError::Throttled { operation: "test" };
    service.store.fail(Operation::CountRequest, error);
    assert_error(&service.get("/key").await, 503, "SERVICE_UNAVAILABLE");
}

#[tokio::test]
async fn the_first_request_reads_the_key_and_writes_its_last_use_and_is_counted() {
    let service = Service::new();
    service.get("/key").await;
    assert_eq!(
        service.take_calls(),
        [
            Operation::ApiKey,
            Operation::TouchApiKey,
            Operation::CountRequest,
        ]
    );
}
