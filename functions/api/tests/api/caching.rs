//! What a client need not be sent twice.

use shared::decimal::Decimal;
use shared::testing::{MemoryStore, Operation};

use crate::errors::assert_error;
use crate::service::{Reply, Service, later, now, price};

async fn asked(service: &Service, seconds: u32, target: &str, if_none_match: &str) -> Reply {
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
async fn what_the_client_has_already_is_not_sent_again() {
    let service = Service::new();
    let first = service.get("/prices?symbols=BTC,ETH").await;
    let again = asked(&service, 40, "/prices?symbols=BTC,ETH", &tag(&first)).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    assert_eq!(tag(&again), tag(&first));
    assert_eq!(again.header("cache-control"), Some("private, max-age=260"));
    assert_eq!(again.header("vary"), Some("Accept-Encoding, X-API-Key"));
    assert_eq!(again.header("vary"), first.header("vary"));
    // The gateway would put text/plain in its place, and a cache take that over.
    assert_eq!(again.header("content-type"), Some("application/json"));
    assert_eq!(again.header("ratelimit-limit"), Some("5"));
    assert_eq!(again.header("ratelimit-remaining"), Some("3"));
    assert_eq!(again.header("ratelimit-reset"), Some("15"));
}

#[tokio::test]
async fn the_tag_is_weak_and_stays_while_only_the_time_goes_on() {
    let service = Service::new();
    let first = service.get("/prices").await;
    let later = service.get_at(later(390), "/prices").await;
    assert_ne!(first.text, later.text);
    assert!(tag(&first).starts_with("W/\""));
    assert_eq!(tag(&first), tag(&later));
    let other_instance = service.instance(&[]);
    let event = crate::service::event("GET", "/prices", &[("x-api-key", &service.key)]);
    let reply = Reply::of(other_instance.respond(event, "lambda-request", now()).await);
    assert_eq!(tag(&first), tag(&reply));
}

#[tokio::test]
async fn the_tag_changes_with_whatever_the_answer_says() {
    let service = Service::over(MemoryStore::new(), &[]);
    let target = "/prices?symbols=BTC,ADA";
    let mut tags = vec![
        tag(&service.get("/prices?symbols=BTC").await),
        tag(&service.get(target).await),
    ];
    let changes: [fn(&mut shared::price::Price); 4] = [
        |price| price.price = Decimal::parse("103663.0000000001").unwrap(),
        |price| price.change_24h = None,
        |price| price.market_cap = None,
        |price| price.last_updated = later(1),
    ];
    for (minute, change) in (1..).zip(changes) {
        let mut newer = price("BTC", "103663", Some("2058811028682.1257"));
        change(&mut newer);
        newer.fetched_at = later(minute * 60);
        service.store.insert_price(newer);
        tags.push(tag(&service.get_at(later(minute * 60), target).await));
    }
    let stale = service.get_at(later(240 + 391), target).await;
    assert_eq!(stale.stale(), ["BTC"]);
    tags.push(tag(&stale));
    let count = tags.len();
    tags.sort_unstable();
    tags.dedup();
    assert_eq!((count, tags.len()), (7, 7));
}

#[tokio::test]
async fn a_stale_price_that_the_client_has_is_worth_asking_for_again_at_once() {
    let service = Service::new();
    let first = service.get_at(later(500), "/prices/BTC").await;
    let again = asked(&service, 510, "/prices/BTC", &tag(&first)).await;
    assert_eq!(again.status, 304);
    assert_eq!(again.header("cache-control"), Some("private, max-age=0"));
}

#[tokio::test]
async fn a_star_and_a_list_are_understood_and_anything_else_is_answered_whole() {
    let service = Service::over(MemoryStore::new(), &[]);
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
        let reply = asked(&service, 0, "/prices/BTC", &if_none_match).await;
        assert_eq!(reply.status, status, "{if_none_match}");
    }
}

#[tokio::test]
async fn head_tells_the_tag_and_is_not_modified_either() {
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
async fn a_request_that_is_not_modified_counts_and_needs_its_key() {
    let service = Service::new();
    service.get("/prices/BTC").await;
    service.calls();
    for _ in 0..4 {
        assert_eq!(asked(&service, 0, "/prices/BTC", "*").await.status, 304);
    }
    assert_eq!(service.calls(), [Operation::CountRequest; 4]);
    let reply = asked(&service, 0, "/prices/BTC", "*").await;
    assert_error(&reply, 429, "RATE_LIMIT_EXCEEDED");

    let headers = [("if-none-match", "*")];
    let reply = service.send(now(), "GET", "/prices/BTC", &headers).await;
    assert_error(&reply, 401, "UNAUTHORIZED");
}

#[tokio::test]
async fn what_is_no_answer_has_no_tag_and_is_never_not_modified() {
    let service = Service::new();
    for (target, status) in [
        ("/prices/ADA", 503),
        ("/prices/NOPE", 404),
        ("/health", 200),
    ] {
        let reply = asked(&service, 0, target, "*").await;
        assert_eq!(reply.status, status, "{target}");
        assert_eq!(reply.header("etag"), None, "{target}");
        assert_eq!(reply.header("vary"), None, "{target}");
    }
}
