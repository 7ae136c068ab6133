//! The health check.

use serde_json::json;
use shared::error::StoreError;
use shared::store::UpdateStatus;
use shared::testing::Operation;

use crate::service::{Reply, Service, later, now};

async fn health(service: &Service, seconds: u32) -> Reply {
    service.send(later(seconds), "GET", "/health", &[]).await
}

#[tokio::test]
async fn a_recent_update_is_healthy_and_the_check_needs_no_key() {
    let service = Service::new();
    let reply = health(&service, 900).await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.body,
        json!({
            "status": "healthy",
            "timestamp": "2026-01-15T10:45:05Z",
            "checks": {
                "dynamodb": "ok",
                "lastPriceUpdate": "2026-01-15T10:30:05Z",
                "cacheAge": 900,
            },
        })
    );
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("ratelimit-limit"), None);
    assert_eq!(service.take_calls(), [Operation::UpdateStatus]);
}

#[tokio::test]
async fn an_old_update_is_unhealthy() {
    let reply = health(&Service::new(), 901).await;
    assert_eq!(reply.status, 503);
    assert_eq!(reply.body["status"], "unhealthy");
    assert_eq!(reply.body["checks"]["dynamodb"], "ok");
    assert_eq!(reply.body["checks"]["cacheAge"], 901);
}

#[tokio::test]
async fn an_update_that_never_succeeded_is_unhealthy() {
    let service = Service::new();
    service.store.set_status(UpdateStatus {
        last_attempt: now(),
        newest_price: None,
        error_code: Some("PROVIDER_UNAVAILABLE".into()),
    });
    let reply = health(&service, 0).await;
    assert_eq!(reply.status, 503);
    assert_eq!(
        reply.body["checks"],
        json!({"dynamodb": "ok", "lastPriceUpdate": null, "cacheAge": null})
    );
}

#[tokio::test]
async fn a_table_that_cannot_be_read_is_unhealthy_and_the_cause_is_hidden() {
    let service = Service::new();
    service.store.fail(
        Operation::UpdateStatus,
        StoreError::TableNotFound {
            operation: "GetItem",
        },
    );
    let reply = health(&service, 0).await;
    assert_eq!(reply.status, 503);
    assert_eq!(
        reply.body["checks"],
        json!({"dynamodb": "error", "lastPriceUpdate": null, "cacheAge": null})
    );
    assert!(!reply.text.contains("GetItem"));
}

#[tokio::test]
async fn the_result_of_a_check_is_remembered_for_five_seconds() {
    let service = Service::new();
    for seconds in 0..5 {
        let reply = health(&service, seconds).await;
        assert_eq!(reply.body["checks"]["cacheAge"], seconds);
    }
    assert_eq!(service.take_calls(), [Operation::UpdateStatus]);

    service.store.fail(
        Operation::UpdateStatus,
        StoreError::Throttled {
            operation: "GetItem",
        },
    );
    for seconds in 5..10 {
        assert_eq!(health(&service, seconds).await.status, 503);
    }
    assert_eq!(service.take_calls(), [Operation::UpdateStatus]);

    service.store.recover();
    assert_eq!(health(&service, 10).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn the_check_does_not_wait_forever_for_the_table() {
    let service = Service::new();
    service.store.hang(Operation::UpdateStatus);
    assert_eq!(health(&service, 0).await.status, 503);
}

#[tokio::test(start_paused = true)]
async fn the_result_is_remembered_for_five_seconds_after_the_end_of_the_read() {
    let service = Service::new();
    service.store.hang(Operation::UpdateStatus);
    // The read times out after five seconds; the result is then remembered for five more.
    health(&service, 0).await;
    service.store.recover();
    service.take_calls();
    for seconds in [5, 9] {
        assert_eq!(health(&service, seconds).await.status, 503);
    }
    assert!(service.take_calls().is_empty());
    assert_eq!(health(&service, 10).await.status, 200);
}

#[tokio::test]
async fn head_returns_what_get_returns_and_the_gateway_removes_the_body() {
    let service = Service::new();
    for (seconds, status) in [(0, 200), (901, 503)] {
        let head = service.send(later(seconds), "HEAD", "/health", &[]).await;
        let get = health(&service, seconds).await;
        assert_eq!(head.status, status);
        assert_eq!((head.headers, head.text), (get.headers, get.text));
    }
}
