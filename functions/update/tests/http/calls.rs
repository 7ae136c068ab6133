//! Calls to a provider over real sockets. They take real time, so the waits are short.

use std::time::Duration;

use reqwest::{StatusCode, Url};
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;
use update::client::client;
use update::fetch::{AttemptError, Limits, Source, fetch};
use update::provider::{CoinGecko, ProviderResponse};

use crate::server::{Reply, Server};

const GOOD: &str = r#"{"bitcoin":{"usd":103663.25}}"#;

/// The production limits with very short waits.
const LIMITS: Limits = Limits {
    waits: [Duration::from_millis(2); 3],
    ..Limits::PROVIDER
};

/// [`LIMITS`] with short attempts, for servers that never finish.
const IMPATIENT: Limits = Limits {
    attempt: Duration::from_millis(100),
    ..LIMITS
};

fn clock() -> Timestamp {
    Timestamp::parse("2026-01-15T10:30:00Z").unwrap()
}

struct Fetched {
    calls: u32,
    last: Result<ProviderResponse, AttemptError>,
}

async fn fetch_from(base: &Url, limits: Limits) -> Fetched {
    let source = Source {
        provider: Box::new(CoinGecko::new(base, None).unwrap()),
        client: client(base, None).unwrap(),
        limits,
    };
    let symbols = [Symbol::find("BTC").unwrap()];
    let (calls, last) = fetch(&source, &symbols, clock).await;
    Fetched { calls, last }
}

fn price(fetched: &Fetched) -> String {
    fetched.last.as_ref().unwrap().quotes[0].price.to_string()
}

fn error(fetched: &Fetched) -> &AttemptError {
    fetched.last.as_ref().unwrap_err()
}

#[tokio::test]
async fn a_good_response_takes_one_call_with_our_user_agent() {
    let server = Server::start([Reply::json(GOOD)]).await;
    let fetched = fetch_from(server.base(), LIMITS).await;
    assert_eq!(fetched.calls, 1);
    assert_eq!(price(&fetched), "103663.25");
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert!(
        requests[0].starts_with("GET /api/v3/simple/price?ids=bitcoin&vs_currencies=usd,eur,jpy,"),
        "{}",
        requests[0]
    );
    assert!(requests[0].contains("\r\nuser-agent: crypto-watch-update/"));
    assert!(requests[0].contains("\r\naccept: application/json\r\n"));
    assert!(requests[0].contains("\r\naccept-encoding: identity\r\n"));
}

#[tokio::test]
async fn an_unusable_response_is_retried() {
    let server = Server::start([
        Reply::json("<html>busy</html>"),
        Reply::json(r#"{"status":{"error_code":500}}"#),
        Reply::json(r#"{"bitcoin":{"usd":null}}"#),
        Reply::json(GOOD),
    ])
    .await;
    let fetched = fetch_from(server.base(), LIMITS).await;
    assert_eq!(fetched.calls, 4);
    assert_eq!(price(&fetched), "103663.25");
}

#[tokio::test]
async fn a_busy_provider_is_called_again_after_its_retry_after() {
    let date = "Thu, 15 Jan 2026 10:30:00 GMT";
    let server = Server::start([
        Reply::status("429 Too Many Requests").header("retry-after", "0"),
        Reply::status("503 Service Unavailable").header("retry-after", date),
        Reply::json(GOOD),
    ])
    .await;
    let fetched = fetch_from(server.base(), LIMITS).await;
    assert_eq!(fetched.calls, 3);
    assert_eq!(price(&fetched), "103663.25");

    let server =
        Server::repeat(Reply::status("429 Too Many Requests").header("retry-after", "3600")).await;
    let fetched = fetch_from(server.base(), LIMITS).await;
    assert_eq!(fetched.calls, 4);
    assert_eq!(
        error(&fetched),
        &AttemptError::Refused {
            status: StatusCode::TOO_MANY_REQUESTS,
            retry_after: Some(Duration::from_hours(1)),
            reason: None,
            advice: Some(
                "set EXTERNAL_API_KEY: without a key the limit is shared with other clients"
            ),
        }
    );
}

#[tokio::test]
async fn a_refused_request_is_not_retried() {
    let server = Server::repeat(Reply::status("401 Unauthorized")).await;
    let fetched = fetch_from(server.base(), LIMITS).await;
    assert_eq!(fetched.calls, 1);
    assert_eq!(
        error(&fetched).to_string(),
        "the response is 401 Unauthorized (hint: set EXTERNAL_API_KEY)"
    );
}

#[tokio::test]
async fn an_unreadable_body_hides_the_reason_but_not_the_status() {
    let reason = r#"{"status":{"error_code":10011,"error_message":"Wrong\nhost."}}"#;
    let long = format!(r#"{{"error":"{}"}}"#, "x".repeat(30_000));
    let status = "400 Bad Request";
    for (reply, expected) in [
        (
            Reply::status(status).body(reason),
            "the response is 400 Bad Request (10011: Wrong host.) (hint: the key and \
             EXTERNAL_API_URL do not match: a demo key needs https://api.coingecko.com/api/v3, a \
             pro key https://pro-api.coingecko.com/api/v3)"
                .to_owned(),
        ),
        (
            Reply::status(status).body(reason).chunked(),
            "the response is 400 Bad Request (10011: Wrong host.) (hint: the key and \
             EXTERNAL_API_URL do not match: a demo key needs https://api.coingecko.com/api/v3, a \
             pro key https://pro-api.coingecko.com/api/v3)"
                .to_owned(),
        ),
        (
            Reply::status("403 Forbidden").body("error code: 1020"),
            "the response is 403 Forbidden (error code: 1020) (hint: the provider refuses this \
             client or its address; a key can help)"
                .to_owned(),
        ),
        (
            Reply::status(status).body(long),
            format!("the response is 400 Bad Request ({}…)", "x".repeat(199)),
        ),
        // An incomplete, long or encoded body does not replace the status.
        (
            Reply::status(status).body(reason).breaking_after(20),
            "the response is 400 Bad Request".to_owned(),
        ),
        (
            Reply::status(status).body(reason).stopping_after(20),
            "the response is 400 Bad Request".to_owned(),
        ),
        (
            Reply::status(status).body(" ".repeat(100_000)),
            "the response is 400 Bad Request".to_owned(),
        ),
        (
            Reply::status(status)
                .header("content-encoding", "gzip")
                .body("\u{1f}\u{8b}"),
            "the response is 400 Bad Request".to_owned(),
        ),
    ] {
        let server = Server::repeat(reply).await;
        let fetched = fetch_from(server.base(), LIMITS).await;
        assert_eq!(fetched.calls, 1);
        assert_eq!(error(&fetched).to_string(), expected);
    }
}

#[tokio::test]
async fn an_error_in_place_of_prices_is_named_and_retried_unless_permanent() {
    for (code, calls) in [(429, 4), (500, 4), (10_005, 1), (10_010, 1)] {
        let body = format!(r#"{{"status":{{"error_code":{code},"error_message":"why"}}}}"#);
        let server = Server::repeat(Reply::json(body)).await;
        let fetched = fetch_from(server.base(), LIMITS).await;
        assert_eq!(fetched.calls, calls, "{code}");
        let text = error(&fetched).to_string();
        let expected = format!("the response is 200 OK ({code}: why)");
        assert!(text.starts_with(&expected), "{text}");
    }
}

#[tokio::test]
async fn an_encoding_that_was_not_requested_is_named() {
    for encoding in ["gzip", "BR", "identity, zstd"] {
        let reply = Reply::json(GOOD).header("content-encoding", encoding);
        let server = Server::repeat(reply).await;
        let fetched = fetch_from(server.base(), LIMITS).await;
        assert_eq!(fetched.calls, 4);
        assert_eq!(
            error(&fetched).to_string(),
            format!("the response has the content encoding {encoding}, which was not requested")
        );
    }
    let reply = Reply::json(GOOD).header("content-encoding", "Identity");
    let server = Server::start([reply]).await;
    assert_eq!(price(&fetch_from(server.base(), LIMITS).await), "103663.25");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Server::repeat(Reply::json(GOOD)).await;
    let server =
        Server::repeat(Reply::status("302 Found").header("location", elsewhere.base().as_str()))
            .await;
    let fetched = fetch_from(server.base(), LIMITS).await;
    assert_eq!(fetched.calls, 1);
    assert_eq!(
        error(&fetched).to_string(),
        "the response is 302 Found (hint: redirects are not followed: set the base URL to the \
         new address)"
    );
    assert_eq!(elsewhere.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_body_of_two_mebibytes_is_read_and_one_byte_more_is_refused() {
    let padding = Limits::PROVIDER.body_bytes - GOOD.len();
    let largest = format!("{GOOD}{}", " ".repeat(padding));
    let server = Server::start([
        Reply::json(format!("{largest} ")),
        Reply::json(format!("{largest} ")).chunked(),
        Reply::json(largest.clone()).chunked(),
    ])
    .await;
    let fetched = fetch_from(server.base(), LIMITS).await;
    assert_eq!(fetched.calls, 3);
    assert_eq!(price(&fetched), "103663.25");

    let server = Server::repeat(Reply::json(format!("{largest} ")).chunked()).await;
    let fetched = fetch_from(server.base(), LIMITS).await;
    assert_eq!(error(&fetched), &AttemptError::TooLong(2 * 1024 * 1024));
}

#[tokio::test]
async fn reading_an_endless_body_ends_at_the_limit() {
    let server = Server::repeat(Reply::endless()).await;
    let fetched = fetch_from(server.base(), LIMITS).await;
    assert_eq!(fetched.calls, 4);
    assert_eq!(error(&fetched), &AttemptError::TooLong(2 * 1024 * 1024));
}

#[tokio::test]
async fn a_server_that_never_responds_or_never_finishes_is_a_timeout() {
    for reply in [Reply::silence(), Reply::json(GOOD).stopping_after(10)] {
        let server = Server::repeat(reply).await;
        let fetched = fetch_from(server.base(), IMPATIENT).await;
        assert_eq!(fetched.calls, 4);
        assert_eq!(error(&fetched), &AttemptError::Timeout(IMPATIENT.attempt));
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_retried() {
    let server = Server::start([Reply::json(GOOD).breaking_after(10), Reply::json(GOOD)]).await;
    let fetched = fetch_from(server.base(), LIMITS).await;
    assert_eq!(fetched.calls, 2);
    assert_eq!(price(&fetched), "103663.25");
}

#[tokio::test]
async fn the_error_of_a_refused_connection_has_no_url() {
    // The socket is bound and does not listen, so connections are refused, and no other process
    // gets the port.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let base = format!("http://{}", socket.local_addr().unwrap())
        .parse()
        .unwrap();
    let fetched = fetch_from(&base, LIMITS).await;
    assert_eq!(fetched.calls, 4);
    let error = error(&fetched).to_string();
    assert!(error.contains("Connection refused"), "{error}");
    assert!(!error.contains("simple/price"), "{error}");
}

#[tokio::test]
async fn a_server_without_tls_is_a_failed_attempt() {
    let server = Server::repeat(Reply::json(GOOD)).await;
    let mut base = server.base().clone();
    base.set_scheme("https").unwrap();
    let fetched = fetch_from(&base, LIMITS).await;
    assert_eq!(fetched.calls, 4);
    assert!(matches!(error(&fetched), AttemptError::Transport(_)));
}
