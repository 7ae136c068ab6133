//! Caching: entity tags, 304 responses and remembered prices.

use shared::decimal::Decimal;
use shared::testing::Operation;
use shared::timestamp::Timestamp;

use crate::errors::assert_error;
use crate::service::{Reply, Service, later, now, price, symbol};

async fn get_if_none_match(
    service: &Service,
    seconds: u32,
    target: &str,
    if_none_match: &str,
) -> Reply {
    let headers = [
        ("x-api-key", service.key.as_str()),
        ("if-none-match", if_none_match),
    ];
    service.send(later(seconds), "GET", target, &headers).await
}

fn tag(reply: &Reply) -> String {
    reply.header("etag").unwrap().to_owned()
}

#[tokio::test]
async fn a_response_that_the_client_has_cached_is_a_304() {
    let service = Service::new();
    let first = service.get("/prices?symbols=BTC,ETH").await;
    let again = get_if_none_match(&service, 40, "/prices?symbols=BTC,ETH", &tag(&first)).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    assert_eq!(tag(&again), tag(&first));
    // 300 s until the next update, plus the key's jitter of 15 s, minus 40 s since the fetch.
    assert_eq!(again.header("cache-control"), Some("private, max-age=275"));
    assert_eq!(again.header("vary"), Some("Accept-Encoding, X-API-Key"));
    assert_eq!(again.header("vary"), first.header("vary"));
    // Without a Content-Type, the gateway would add text/plain, and the client would cache that type.
    assert_eq!(again.header("content-type"), Some("application/json"));
    assert_eq!(again.header("ratelimit-limit"), Some("5"));
    assert_eq!(again.header("ratelimit-remaining"), Some("3"));
    assert_eq!(again.header("ratelimit-reset"), Some("15"));
}

#[tokio::test]
async fn the_tag_is_weak_and_does_not_depend_on_the_time_of_the_response() {
    let service = Service::new();
    let first = service.get("/prices").await;
    let second = service.get_at(later(390), "/prices").await;
    assert_ne!(first.text, second.text);
    assert!(tag(&first).starts_with("W/\""));
    assert_eq!(tag(&first), tag(&second));
    let other_instance = service.instance(&[]);
    let event = crate::service::event("GET", "/prices", &[("x-api-key", &service.key)]);
    let reply = Reply::of(other_instance.respond(event, "lambda-request", now()).await);
    assert_eq!(tag(&first), tag(&reply));
}

#[tokio::test]
async fn the_tag_depends_on_every_part_of_the_data() {
    let service = Service::with_variables(&[]);
    let target = "/prices?symbols=BTC,ADA";
    let mut tags = vec![
        tag(&service.get("/prices?symbols=BTC").await),
        tag(&service.get(target).await),
    ];
    let changes: [fn(&mut shared::price::Price); 4] = [
        |price| price.price = Decimal::parse("103663.0000000001").unwrap(),
        |price| price.change_24h = None,
        |price| price.market_cap = None,
        |price| price.last_updated = later(1_001),
    ];
    for (update, change) in (1..).zip(changes) {
        let mut newer = price("BTC", "103663", Some("2058811028682.1257"));
        newer.last_updated = later(1_000);
        change(&mut newer);
        newer.fetched_at = later(update * 300);
        service.store.insert_price(newer);
        tags.push(tag(&service.get_at(later(update * 300), target).await));
    }
    // The last price was fetched at 1200, and is fresh for 390 s.
    let stale = service.get_at(later(1_200 + 391), target).await;
    assert_eq!(stale.stale(), ["BTC"]);
    tags.push(tag(&stale));
    let count = tags.len();
    tags.sort_unstable();
    tags.dedup();
    assert_eq!((count, tags.len()), (7, 7));
}

#[tokio::test]
async fn the_max_age_of_a_stale_price_is_short_but_not_zero() {
    let service = Service::new();
    let first = service.get_at(later(500), "/prices/BTC").await;
    let again = get_if_none_match(&service, 510, "/prices/BTC", &tag(&first)).await;
    assert_eq!(again.status, 304);
    // 10 s while an update is overdue, plus the key's jitter of 15 s.
    assert_eq!(again.header("cache-control"), Some("private, max-age=25"));
}

#[tokio::test]
async fn an_old_price_of_one_coin_does_not_shorten_the_max_age() {
    let service = Service::new();
    let mut old = price("ETH", "7", None);
    old.last_updated = Timestamp::parse("2026-01-13T10:30:05Z").unwrap();
    service.store.insert_price(old);
    let reply = service.get("/prices?symbols=BTC,ETH").await;
    assert_eq!(reply.stale(), ["ETH"]);
    assert_eq!(reply.header("cache-control"), Some("private, max-age=315"));
}

#[tokio::test]
async fn prices_are_read_again_when_an_update_is_due_and_then_every_five_seconds() {
    let service = Service::with_variables(&[]);
    let reads = async |seconds| {
        service.get_at(later(seconds), "/prices/BTC").await;
        let calls = service.take_calls();
        calls
            .iter()
            .filter(|call| **call == Operation::Prices)
            .count()
    };
    assert_eq!(reads(0).await, 1);
    assert_eq!(reads(299).await, 0);
    assert_eq!(reads(300).await, 1);
    assert_eq!(reads(304).await, 0);
    assert_eq!(reads(305).await, 1);
    // The process reads this price at 310. The next update is due at 602.
    let mut updated = price("BTC", "7", None);
    updated.fetched_at = later(302);
    service.store.insert_price(updated);
    assert_eq!(reads(306).await, 0);
    assert_eq!(reads(310).await, 1);
    assert_eq!(reads(601).await, 0);
    assert_eq!(reads(602).await, 1);
}

#[tokio::test]
async fn an_older_price_replaces_a_remembered_price_only_after_fifteen_minutes() {
    let service = Service::new();
    let mut newer = price("BTC", "2", None);
    newer.fetched_at = later(10);
    service.store.insert_price(newer);
    let answer = async |seconds| {
        let reply = service.get_at(later(seconds), "/prices/BTC").await;
        reply.body["data"][0]["price"].clone()
    };
    assert_eq!(answer(10).await, 2);
    // Another replica of the table, or a restored table, returns an older price.
    service.store.insert_price(price("BTC", "1", None));
    assert_eq!(answer(310).await, 2);
    assert_eq!(answer(909).await, 2);
    // 15 minutes after the fetch of the remembered price, the older price replaces it.
    assert_eq!(answer(915).await, 1);
}

#[tokio::test]
async fn a_price_that_the_table_no_longer_has_is_forgotten() {
    let service = Service::new();
    service.get("/prices?symbols=BTC,ETH").await;
    service.store.remove_price(symbol("ETH"));
    let reply = service.get_at(later(300), "/prices?symbols=BTC,ETH").await;
    assert_eq!(reply.symbols(), ["BTC"]);
    assert_eq!(reply.body["unavailable"], serde_json::json!(["ETH"]));
}

#[tokio::test]
async fn if_none_match_accepts_a_star_and_the_weak_or_strong_tag_alone_or_in_a_list() {
    let service = Service::with_variables(&[]);
    let current = tag(&service.get("/prices/BTC").await);
    let strong = current.trim_start_matches("W/").to_owned();
    for (if_none_match, status) in [
        ("*".to_owned(), 304),
        (strong.clone(), 304),
        (format!("\"other\", {current}"), 304),
        ("W/\"other\"".to_owned(), 200),
        (strong.trim_matches('"').to_owned(), 200),
        (String::new(), 200),
    ] {
        let reply = get_if_none_match(&service, 0, "/prices/BTC", &if_none_match).await;
        assert_eq!(reply.status, status, "{if_none_match}");
    }
}

#[tokio::test]
async fn head_has_the_tag_and_can_be_a_304() {
    let service = Service::new();
    let key = ("x-api-key", service.key.as_str());
    let first = service.get("/prices/BTC").await;
    let head = service.send(now(), "HEAD", "/prices/BTC", &[key]).await;
    assert_eq!((head.status, tag(&head)), (200, tag(&first)));
    let known = [key, ("if-none-match", "*")];
    let head = service.send(now(), "HEAD", "/prices/BTC", &known).await;
    assert_eq!((head.status, tag(&head)), (304, tag(&first)));
}

#[tokio::test]
async fn a_304_requires_a_key_and_counts_against_the_rate_limit() {
    let service = Service::new();
    service.get("/prices/BTC").await;
    service.take_calls();
    for _ in 0..4 {
        let reply = get_if_none_match(&service, 0, "/prices/BTC", "*").await;
        assert_eq!(reply.status, 304);
    }
    assert_eq!(service.take_calls(), [Operation::CountRequest; 4]);
    let reply = get_if_none_match(&service, 0, "/prices/BTC", "*").await;
    assert_error(&reply, 429, "RATE_LIMIT_EXCEEDED");

    let headers = [("if-none-match", "*")];
    let reply = service.send(now(), "GET", "/prices/BTC", &headers).await;
    assert_error(&reply, 401, "UNAUTHORIZED");
}

#[tokio::test]
async fn errors_and_the_health_response_have_no_tag_and_are_never_a_304() {
    let service = Service::new();
    for (target, status) in [
        ("/prices/ADA", 503),
        ("/prices/NOPE", 404),
        ("/health", 200),
    ] {
        let reply = get_if_none_match(&service, 0, target, "*").await;
        assert_eq!(reply.status, status, "{target}");
        assert_eq!(reply.header("etag"), None, "{target}");
        assert_eq!(reply.header("vary"), None, "{target}");
    }
}
