//! Responses with prices.

use contract::catalogue::COINS;
use shared::testing::Operation;

use crate::errors::assert_error;
use crate::service::{Service, later, now, price};

#[tokio::test]
async fn prices_have_the_order_of_the_request_and_every_digit() {
    let reply = Service::new().get("/prices?symbols=SOL,BTC").await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.text,
        concat!(
            r#"{"data":["#,
            r#"{"symbol":"SOL","name":"Solana","price":0.02345,"change24h":-1.5,"#,
            r#""marketCap":null,"lastUpdated":"2026-01-15T10:30:05Z"},"#,
            r#"{"symbol":"BTC","name":"Bitcoin","price":103663,"change24h":-1.5,"#,
            r#""marketCap":2058811028682.1257,"lastUpdated":"2026-01-15T10:30:05Z"}"#,
            r#"],"timestamp":"2026-01-15T10:30:05Z"}"#,
        )
    );
    assert_eq!(reply.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn a_response_with_one_symbol_is_a_list() {
    let reply = Service::new().get("/prices/btc ").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.symbols(), ["BTC"]);
}

#[tokio::test]
async fn a_request_without_symbols_gets_all_prices_by_market_capitalisation() {
    let service = Service::new();
    service.store.insert_price(price("ADA", "1", Some("3e11")));
    let reply = service.get("/prices").await;
    assert_eq!(reply.symbols(), ["BTC", "ETH", "ADA", "SOL"]);
    let unavailable = reply.body["unavailable"].as_array().unwrap();
    assert_eq!(unavailable.len(), COINS.len() - 4);
}

#[tokio::test]
async fn symbols_are_trimmed_and_may_have_any_case_and_duplicates() {
    let reply = Service::new()
        .get("/prices?symbols=+eth%2C,btc&symbols=Eth,sol&other=x")
        .await;
    assert_eq!(reply.symbols(), ["ETH", "BTC", "SOL"]);
}

#[tokio::test]
async fn a_migrated_symbol_is_served_with_the_data_of_its_successor() {
    let service = Service::new();
    service
        .store
        .insert_price(price("POL", "0.25", Some("2.5e9")));
    let reply = service.get("/prices?symbols=BTC,matic,POL").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.symbols(), ["BTC", "MATIC", "POL"]);
    let data = &reply.body["data"];
    assert_eq!(data[1]["migratedTo"], "POL");
    assert_eq!(data[2].get("migratedTo"), None);
    for name in ["name", "price", "change24h", "marketCap", "lastUpdated"] {
        assert_eq!(data[1][name], data[2][name], "{name}");
    }
    assert_eq!(data[1]["name"], "Polygon");
    let calls = service.take_calls();
    assert_eq!(
        calls
            .iter()
            .filter(|call| **call == Operation::Prices)
            .count(),
        1
    );

    let alone = service.get("/prices/MATIC").await;
    assert_eq!(alone.body["data"][0], data[1]);
    let compact = service
        .get("/prices?symbols=MATIC,POL&format=compact")
        .await;
    assert_eq!(compact.text, r#"["MATIC POL",[0.25,0.25],[-150,-150]]"#);
    let key = [("x-api-key", service.key.as_str())];
    let head = service.send(now(), "HEAD", "/prices/MATIC", &key).await;
    assert_eq!(
        (head.status, head.header("etag")),
        (200, alone.header("etag"))
    );
}

#[tokio::test]
async fn an_unavailable_migrated_symbol_is_named_as_requested() {
    let service = Service::new();
    let reply = service.get("/prices?symbols=BTC,MATIC").await;
    assert_eq!(reply.symbols(), ["BTC"]);
    assert_eq!(reply.body["unavailable"], serde_json::json!(["MATIC"]));
}

#[tokio::test]
async fn the_whole_list_has_no_migrated_symbols() {
    let service = Service::new();
    service
        .store
        .insert_price(price("POL", "0.25", Some("2.5e9")));
    assert_eq!(
        service.get("/prices").await.symbols(),
        ["BTC", "ETH", "POL", "SOL"]
    );
}

#[tokio::test]
async fn a_symbol_without_a_price_is_omitted_and_named() {
    let reply = Service::new().get("/prices?symbols=BTC,ADA,XRP").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.symbols(), ["BTC"]);
    assert_eq!(reply.body["unavailable"], serde_json::json!(["ADA", "XRP"]));
}

#[tokio::test]
async fn a_request_whose_coins_have_no_price_gets_the_code_no_price() {
    let service = Service::new();
    for target in ["/prices?symbols=ADA,XRP", "/prices/ADA"] {
        let reply = service.get(target).await;
        assert_error(&reply, 503, "NO_PRICE");
        assert_eq!(reply.header("retry-after"), Some("60"));
        assert_eq!(reply.header("ratelimit-limit"), Some("5"));
    }
}

#[tokio::test]
async fn a_stale_price_is_served_and_marked() {
    let service = Service::new();
    // A price is fresh for 390 s: 300 s until the next update and 90 s of grace.
    let fresh = service.get_at(later(390), "/prices/BTC").await;
    assert_eq!(fresh.stale(), Vec::<&str>::new());
    assert!(!fresh.text.contains("stale"));
    let stale = service.get_at(later(391), "/prices/BTC").await;
    assert_eq!(stale.status, 200);
    assert_eq!(stale.stale(), ["BTC"]);
}

#[tokio::test]
async fn a_recently_fetched_price_with_an_old_time_is_marked_stale() {
    let service = Service::new();
    let mut old = price("BTC", "1", None);
    // The provider's time stays at `now()`, more than 900 s before the request.
    old.fetched_at = later(1_000);
    service.store.insert_price(old);
    let reply = service.get_at(later(1_000), "/prices/BTC").await;
    assert_eq!(reply.stale(), ["BTC"]);
}

#[tokio::test]
async fn a_price_that_is_a_day_old_is_not_served_even_if_it_is_not_deleted() {
    let reply = Service::new().get_at(later(86_400), "/prices/BTC").await;
    assert_eq!(reply.status, 503);
}

#[tokio::test]
async fn clients_may_cache_prices_until_the_next_update_and_may_not_cache_errors() {
    let service = Service::new();
    let control = |seconds| {
        let service = &service;
        async move {
            let reply = service.get_at(later(seconds), "/prices/BTC").await;
            reply.header("cache-control").unwrap().to_owned()
        }
    };
    // 300 s until the update is due, and the key's jitter of 15 s.
    assert_eq!(control(0).await, "private, max-age=315");
    assert_eq!(control(100).await, "private, max-age=215");
    // While the update is overdue: 10 s and the jitter modulo 20.
    assert_eq!(control(350).await, "private, max-age=25");
    assert_eq!(control(500).await, "private, max-age=25");
    let error = service.get_at(later(600), "/prices/ADA").await;
    assert_eq!(error.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn head_is_like_get_because_the_gateway_omits_the_body() {
    let service = Service::new();
    let key = [("x-api-key", service.key.as_str())];
    for target in ["/prices/BTC", "/nothing"] {
        let mut head = service.send(now(), "HEAD", target, &key).await;
        let mut get = service.get(target).await;
        assert_eq!((head.status, head.text), (get.status, get.text));
        // Both requests count.
        head.headers.remove("ratelimit-remaining");
        get.headers.remove("ratelimit-remaining");
        assert_eq!(head.headers, get.headers);
    }
}

#[tokio::test]
async fn only_the_symbols_of_the_settings_are_served() {
    let service = Service::with_variables(&[("SUPPORTED_SYMBOLS", "ETH,BTC")]);
    assert_eq!(service.get("/prices").await.symbols(), ["BTC", "ETH"]);
    assert_eq!(service.get("/prices/SOL").await.status, 404);
}

#[tokio::test]
async fn responses_have_no_cors_headers() {
    let reply = Service::new().get("/prices").await;
    assert!(
        reply
            .headers
            .keys()
            .all(|name| !name.as_str().starts_with("access-control")),
    );
}
