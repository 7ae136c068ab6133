//! Authentication by API keys.

use shared::api_key::RawApiKey;
use shared::testing::Operation;

use crate::errors::assert_error;
use crate::service::{Service, later, now};

/// Returns a key with the id of `key` and another secret.
fn with_another_secret(key: &str) -> String {
    let other = RawApiKey::generate().unwrap().reveal();
    let (id, _) = key.rsplit_once('_').unwrap();
    let (_, secret) = other.rsplit_once('_').unwrap();
    format!("{id}_{secret}")
}

async fn status_with(service: &Service, key: &str) -> i64 {
    service
        .send(now(), "GET", "/prices/BTC", &[("x-api-key", key)])
        .await
        .status
}

#[tokio::test]
async fn the_name_of_the_header_may_have_any_case() {
    let service = Service::new();
    for name in ["X-API-Key", "x-api-key", "X-Api-KEY"] {
        let reply = service
            .send(now(), "GET", "/prices/BTC", &[(name, &service.key)])
            .await;
        assert_eq!(reply.status, 200, "{name}");
    }
}

#[tokio::test]
async fn all_invalid_keys_get_the_same_response() {
    let service = Service::new();
    let unknown = RawApiKey::generate().unwrap().reveal();
    let wrong_secret = with_another_secret(&service.key);
    let mut answers = Vec::new();
    for headers in [
        vec![],
        vec![("x-api-key", "")],
        vec![("x-api-key", "cw_short_key")],
        vec![("x-api-key", "\u{e9}")],
        vec![("x-api-key", &*unknown)],
        vec![("x-api-key", &*wrong_secret)],
        vec![("authorization", &*service.key)],
    ] {
        let reply = service.send(now(), "GET", "/prices/BTC", &headers).await;
        assert_error(&reply, 401, "UNAUTHORIZED");
        assert_eq!(reply.header("ratelimit-limit"), None);
        let challenge = reply.header("www-authenticate");
        assert_eq!(challenge, Some("ApiKey realm=\"crypto-watch\""));
        answers.push(reply.text);
    }
    service.change_key(|key| key.enabled = false);
    // The request with the wrong secret has loaded the key into the memory for a minute, so the change
    // takes effect after 60 seconds.
    answers.push(service.get_at(later(60), "/prices/BTC").await.text);
    service.change_key(|key| {
        key.enabled = true;
        key.expires_at = Some(now());
    });
    // The process remembers for ten seconds that it refused the disabled key.
    answers.push(service.get_at(later(70), "/prices/BTC").await.text);
    // The responses differ only in their times.
    for answer in &answers {
        let answer = answer.replace("10:31:05", "10:30:05");
        assert_eq!(answer.replace("10:31:15", "10:30:05"), answers[0]);
    }
}

#[tokio::test]
async fn the_number_of_calls_does_not_reveal_whether_a_key_exists() {
    let service = Service::new();
    // The process remembers the key from its owner's request.
    assert_eq!(status_with(&service, &service.key).await, 200);
    service.take_calls();
    let unknown = RawApiKey::generate().unwrap().reveal();
    let wrong_secret = with_another_secret(&service.key);
    for key in [&unknown, &wrong_secret] {
        let headers = [("x-api-key", key.as_str())];
        let mut calls = Vec::new();
        for seconds in [0, 9, 10, 19, 20] {
            let reply = service.send(later(seconds), "GET", "/prices", &headers);
            assert_eq!(reply.await.status, 401);
            calls.push(service.take_calls());
        }
        let read = || vec![Operation::ApiKey];
        assert_eq!(calls, [read(), vec![], read(), vec![], read()]);
    }
    assert_eq!(status_with(&service, &service.key).await, 200);
}

#[tokio::test]
async fn a_wrong_secret_does_not_block_the_right_secret() {
    let service = Service::with_variables(&[("PROCESS_CACHE_SECONDS", "0")]);
    let wrong_secret = with_another_secret(&service.key);
    assert_eq!(status_with(&service, &wrong_secret).await, 401);
    assert_eq!(status_with(&service, &service.key).await, 200);
}

#[tokio::test]
async fn a_remembered_key_is_refused_from_its_expiry_on() {
    let service = Service::new();
    service.change_key(|key| key.expires_at = Some(later(30)));
    assert_eq!(service.get_at(later(29), "/prices/BTC").await.status, 200);
    assert_eq!(service.get_at(later(30), "/prices/BTC").await.status, 401);
}

#[tokio::test]
async fn a_disabled_key_works_for_at_most_a_minute_more() {
    let service = Service::new();
    assert_eq!(service.get("/prices/BTC").await.status, 200);
    service.change_key(|key| key.enabled = false);
    assert_eq!(service.get_at(later(59), "/prices/BTC").await.status, 200);
    assert_eq!(service.get_at(later(60), "/prices/BTC").await.status, 401);
}

#[tokio::test]
async fn a_key_that_is_enabled_again_works_after_at_most_ten_seconds() {
    let service = Service::new();
    service.change_key(|key| key.enabled = false);
    assert_eq!(service.get("/prices/BTC").await.status, 401);
    service.change_key(|key| key.enabled = true);
    assert_eq!(service.get_at(later(9), "/prices/BTC").await.status, 401);
    assert_eq!(service.get_at(later(10), "/prices/BTC").await.status, 200);
}

#[tokio::test]
async fn a_malformed_key_causes_no_call() {
    let service = Service::new();
    assert_eq!(status_with(&service, "cw_malformed").await, 401);
    assert!(service.take_calls().is_empty());
}

#[tokio::test]
async fn an_unknown_key_causes_one_read_in_ten_seconds_and_no_write() {
    let service = Service::new();
    let unknown = RawApiKey::generate().unwrap().reveal();
    let key = [("x-api-key", unknown.as_str())];
    for seconds in [0, 1, 9] {
        service.send(later(seconds), "GET", "/prices", &key).await;
    }
    assert_eq!(service.take_calls(), [Operation::ApiKey]);
    service.send(later(10), "GET", "/prices", &key).await;
    assert_eq!(service.take_calls(), [Operation::ApiKey]);
}

#[tokio::test]
async fn a_wrong_secret_causes_one_read_and_no_write_and_the_key_stays_valid() {
    let service = Service::new();
    let wrong_secret = with_another_secret(&service.key);
    for _ in 0..3 {
        assert_eq!(status_with(&service, &wrong_secret).await, 401);
    }
    assert_eq!(service.take_calls(), [Operation::ApiKey]);
    assert_eq!(status_with(&service, &service.key).await, 200);
}

#[tokio::test]
async fn the_last_use_of_a_key_is_written_once_in_each_clock_minute() {
    let service = Service::new();
    let stored = || {
        service
            .store
            .stored_api_key(&service.key_id)
            .unwrap()
            .last_used_at
    };
    // The first request is 5 seconds after the start of a minute.
    for (seconds, last_used) in [(0, 0), (20, 0), (55, 55), (90, 55), (120, 120)] {
        service.get_at(later(seconds), "/prices/BTC").await;
        assert_eq!(stored(), Some(later(last_used)), "after {seconds} s");
    }
}

#[tokio::test]
async fn a_refused_request_does_not_change_the_last_use() {
    let service = Service::new();
    service.change_key(|key| key.enabled = false);
    service.get("/prices/BTC").await;
    let key = service.store.stored_api_key(&service.key_id).unwrap();
    assert_eq!(key.last_used_at, None);
}
