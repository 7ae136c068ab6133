//! The gzip compression of responses.

use shared::symbol::Symbol;

use crate::service::{Reply, Service, now, price};

/// Returns a service with a price for every symbol.
fn service() -> Service {
    let service = Service::with_variables(&[]);
    for symbol in Symbol::all() {
        let price = price(symbol.as_str(), "103663.485137", Some("2058811028682.1257"));
        service.store.insert_price(price);
    }
    service
}

async fn send_accepting(
    service: &Service,
    method: &str,
    target: &str,
    accept_encoding: &str,
) -> Reply {
    let headers = [
        ("x-api-key", service.key.as_str()),
        ("accept-encoding", accept_encoding),
    ];
    service.send(now(), method, target, &headers).await
}

#[tokio::test]
async fn a_long_response_is_compressed_if_the_client_accepts_gzip() {
    let service = service();
    let plain = service.get("/prices").await;
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(plain.bytes, plain.text.len());
    for accept_encoding in ["gzip, deflate, br", "*", "br;q=1, gzip;q=0.2"] {
        let reply = send_accepting(&service, "GET", "/prices", accept_encoding).await;
        assert_eq!(reply.header("content-encoding"), Some("gzip"));
        assert_eq!(reply.text, plain.text);
        assert!(reply.bytes * 4 < plain.bytes, "{}", reply.bytes);
        for name in ["etag", "vary", "content-type", "cache-control"] {
            assert_eq!(reply.header(name), plain.header(name), "{name}");
        }
    }
}

#[tokio::test]
async fn a_client_that_does_not_accept_gzip_gets_the_uncompressed_text() {
    let service = service();
    for accept_encoding in ["", "gzip;q=0", "gzip;q=0, *", "identity", "br", "x"] {
        let reply = send_accepting(&service, "GET", "/prices", accept_encoding).await;
        assert_eq!(reply.header("content-encoding"), None, "{accept_encoding}");
    }
}

#[tokio::test]
async fn a_response_that_gzip_would_lengthen_is_not_compressed() {
    let service = service();
    let target = "/prices/BTC?format=compact";
    let reply = send_accepting(&service, "GET", target, "gzip").await;
    assert_eq!(reply.header("content-encoding"), None);
    assert_eq!(reply.header("vary"), Some("Accept-Encoding, X-API-Key"));
    // A client that accepts only gzip gets the longer, compressed body.
    let reply = send_accepting(&service, "GET", target, "gzip, identity;q=0").await;
    assert_eq!(reply.header("content-encoding"), Some("gzip"));
}

#[tokio::test]
async fn head_is_compressed_like_get_and_a_304_has_no_body_to_compress() {
    let service = service();
    let head = send_accepting(&service, "HEAD", "/prices", "gzip").await;
    let get = send_accepting(&service, "GET", "/prices", "gzip").await;
    assert_eq!((head.status, head.bytes), (200, get.bytes));
    assert_eq!(head.header("content-encoding"), Some("gzip"));
    let headers = [
        ("x-api-key", service.key.as_str()),
        ("accept-encoding", "gzip"),
        ("if-none-match", "*"),
    ];
    let reply = service.send(now(), "GET", "/prices", &headers).await;
    assert_eq!((reply.status, reply.bytes), (304, 0));
    assert_eq!(reply.header("content-encoding"), None);
}

#[tokio::test]
async fn an_error_is_compressed_if_gzip_shortens_it() {
    let service = service();
    let symbols: Vec<_> = (0..50).map(|number| format!("X{number}")).collect();
    let target = format!("/prices?symbols={}", symbols.join(","));
    let reply = send_accepting(&service, "GET", &target, "gzip").await;
    assert_eq!(reply.status, 400);
    assert_eq!(reply.header("content-encoding"), Some("gzip"));
    assert_eq!(reply.body["code"], "VALIDATION_ERROR");
}
