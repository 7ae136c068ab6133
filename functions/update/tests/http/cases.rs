//! Unusual responses of real providers, run through the function's binary. The responses in
//! `tests/cases` have placeholders such as `@ISO-NOW@` in place of times.

use serde_json::{Value, json};
use shared::decimal::Decimal;
use shared::history::Slot;
use shared::price::Price;
use shared::store::{ApiStore as _, UpdateStore as _};
use shared::timestamp::Timestamp;

use crate::process::Function;
use crate::runs::symbol;
use crate::server::{Reply, Server};

const OLD_FIRST: &str = include_str!("../cases/old-first-fresh-second.first.json");
const FRESH_SECOND: &str = include_str!("../cases/old-first-fresh-second.second.json");
const REASON: &str = include_str!("../cases/provider-400-reason.json");
const GZIP: &[u8] = include_bytes!("../cases/provider-gzip-unasked.bin");

/// Replaces the placeholders of times in a response.
fn with_times(response: &str) -> String {
    let now = Timestamp::now();
    let hour_ago = now.unix_seconds() - 3_600;
    response
        .replace("@NOW-3600@", &hour_ago.to_string())
        .replace("@ISO-NOW@", &now.to_string())
}

/// Returns the only line of a log with this message.
fn only_line<'l>(log: &'l [Value], message: &str) -> &'l Value {
    let mut lines = log.iter().filter(|line| line["message"] == message);
    let line = lines.next().unwrap_or_else(|| panic!("{message}: {log:?}"));
    assert!(lines.next().is_none(), "{message}: {log:?}");
    line
}

async fn stored_bitcoin(function: &Function) -> Price {
    let read = function.table.store().prices(&[symbol("BTC")], None).await;
    read.unwrap().found.remove(0)
}

#[tokio::test]
async fn fresh_prices_of_the_second_provider_replace_old_ones_of_the_first() {
    let first = Server::repeat(Reply::json(with_times(OLD_FIRST))).await;
    let second = Server::repeat(Reply::json(with_times(FRESH_SECOND))).await;
    let function = Function::start(&first, Some(&second), &[]).await;
    // First with an empty table, then with a stored price that is 20 minutes old.
    for stored_age in [None, Some(20 * 60)] {
        if let Some(seconds) = stored_age {
            let time = Timestamp::now().minus_seconds(seconds);
            let price = Price {
                symbol: symbol("BTC"),
                price: Decimal::parse("99").unwrap(),
                change_24h: None,
                market_cap: None,
                volume_24h: None,
                last_updated: time,
                fetched_at: time,
            };
            let table = function.table.client();
            let delete = table.delete_item().table_name(crate::table::TABLE);
            let value = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
            let delete = delete
                .key("PK", value("PRICE#BTC"))
                .key("SK", value("METADATA"));
            delete.send().await.unwrap();
            function
                .table
                .store()
                .put_price(&price, Slot::of(price.fetched_at))
                .await
                .unwrap();
        }
        let summary = function.invoke().await.unwrap();
        assert_eq!(summary["provider"], "coinpaprika");
        assert_eq!(summary["stored"], json!(["BTC"]));
        let price = stored_bitcoin(&function).await;
        assert_eq!(price.price.to_string(), "101");
        let age = Timestamp::now().seconds_since(price.last_updated);
        assert!((0..60).contains(&age), "{price:?}");
    }
    assert_eq!((first.requests().len(), second.requests().len()), (2, 2));
    let log = function.log().await;
    let old = log
        .iter()
        .filter(|line| line["message"] == "a provider has old prices only");
    assert_eq!(old.count(), 2);
}

#[tokio::test]
async fn old_prices_are_stored_if_there_is_no_second_provider() {
    let first = Server::repeat(Reply::json(with_times(OLD_FIRST))).await;
    let function = Function::start(&first, None, &[]).await;
    let summary = function.invoke().await.unwrap();
    assert_eq!(summary["stored"], json!(["BTC"]));
    assert_eq!(stored_bitcoin(&function).await.price.to_string(), "100");
    assert_eq!(first.requests().len(), 1);
    let log = function.log().await;
    let metrics = log.iter().find(|line| line.get("PriceAge").is_some());
    let age = metrics.unwrap()["PriceAge"].as_f64().unwrap();
    assert!((3_600.0..3_700.0).contains(&age), "{age}");
}

#[tokio::test]
async fn the_reason_of_a_400_is_in_the_error_and_the_log() {
    let first = Server::repeat(Reply::status("400 Bad Request").body(REASON)).await;
    let key = ("EXTERNAL_API_KEY", "CG-hush");
    let function = Function::start(&first, None, &[key]).await;
    let (error_type, message) = function.invoke().await.unwrap_err();
    assert_eq!(error_type, "PROVIDER_FAILED");
    assert_eq!(
        message,
        format!(
            "coingecko sent no usable price: 1 calls to {}/simple/price, the last failed: the \
             response is 400 Bad Request (10011: This key belongs to the other host.) (hint: the \
             key and EXTERNAL_API_URL do not match: a demo key needs \
             https://api.coingecko.com/api/v3, a pro key https://pro-api.coingecko.com/api/v3)",
            first.base()
        )
    );
    let log = function.log().await;
    assert_eq!(only_line(&log, "update failed")["error"], message);
    assert!(!format!("{log:?}").contains("hush"));
}

#[tokio::test]
async fn an_encoding_that_was_not_requested_fails_the_run() {
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
    assert_eq!(only_line(&log, "update failed")["error"], message);
}

#[tokio::test]
async fn one_warning_names_all_unusable_times() {
    let now = Timestamp::now().unix_seconds();
    let (milliseconds, ahead) = (now * 1_000 - 60_000, now + 3_600);
    let body = format!(
        r#"{{"bitcoin":{{"usd":1,"last_updated_at":{milliseconds}}},
            "ethereum":{{"usd":2,"last_updated_at":{ahead}}},"cardano":{{"usd":3}}}}"#
    );
    let first = Server::repeat(Reply::json(body)).await;
    let symbols = ("SUPPORTED_SYMBOLS", "BTC,ETH,ADA");
    let function = Function::start(&first, None, &[symbols]).await;
    function.invoke().await.unwrap();
    let bitcoin = stored_bitcoin(&function).await;
    let age = bitcoin.fetched_at.seconds_since(bitcoin.last_updated);
    assert!((60..120).contains(&age), "{bitcoin:?}");
    let log = function.log().await;
    let warning = only_line(&log, "provider times replaced by our own");
    assert_eq!(warning["level"], "WARN");
    assert_eq!(warning["count"], 2);
    let coins = warning["coins"].as_str().unwrap();
    assert!(coins.starts_with("ETH: 3"), "{coins}");
    assert!(
        coins.ends_with(" s ahead of our clock; ADA: no usable time"),
        "{coins}"
    );
}
