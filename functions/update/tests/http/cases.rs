//! Cases of real providers, played through the real process. `tests/cases` has their inputs.

use serde_json::Value;

use crate::process::Function;
use crate::server::{Reply, Server};

const REASON: &str = include_str!("../cases/provider-400-reason.json");
const GZIP: &[u8] = include_bytes!("../cases/provider-gzip-unasked.bin");

/// The one line of a log with this message.
fn line<'l>(log: &'l [Value], message: &str) -> &'l Value {
    let mut lines = log.iter().filter(|line| line["message"] == message);
    let line = lines.next().unwrap_or_else(|| panic!("{message}: {log:?}"));
    assert!(lines.next().is_none(), "{message}: {log:?}");
    line
}

#[tokio::test]
async fn provider_400_reason() {
    let first = Server::repeat(Reply::status("400 Bad Request").body(REASON)).await;
    let key = ("EXTERNAL_API_KEY", "CG-hush");
    let function = Function::start(&first, None, &[key]).await;
    let (error_type, message) = function.invoke().await.unwrap_err();
    assert_eq!(error_type, "PROVIDER_FAILED");
    assert_eq!(
        message,
        format!(
            "coingecko brought no price: 1 calls to {}/simple/price, the last failed: the \
             response is 400 Bad Request (10011: This key belongs to the other host.) (hint: the \
             key and EXTERNAL_API_URL do not fit: a demo key needs \
             https://api.coingecko.com/api/v3, a pro key https://pro-api.coingecko.com/api/v3)",
            first.base()
        )
    );
    let log = function.log().await;
    assert_eq!(line(&log, "update failed")["error"], message);
    assert!(!format!("{log:?}").contains("hush"));
}

#[tokio::test]
async fn provider_gzip_unasked() {
    let first = Server::repeat(Reply::raw(GZIP)).await;
    let function = Function::start(&first, None, &[]).await;
    let (error_type, message) = function.invoke().await.unwrap_err();
    assert_eq!(error_type, "PROVIDER_FAILED");
    let named = "the response has the content encoding gzip, which was not requested";
    assert!(message.ends_with(named), "{message}");
    for request in first.requests() {
        assert!(
            request.contains("\r\naccept-encoding: identity\r\n"),
            "{request}"
        );
    }
    let log = function.log().await;
    assert_eq!(line(&log, "update failed")["error"], message);
}
